from dataclasses import replace

import numpy as np
import pytest
import torch

from classifiers.measuring import predictions
from classifiers.victim import Victim
from generators.adversarial import norms, substitute
from generators.adversarial.campaign import Campaign, forge
from generators.adversarial.errors import AttackError
from generators.adversarial.forged import as_levels
from generators.adversarial.makers import MAKERS
from generators.adversarial.plan import ATTACKS, NORMS, Plan, Rung
from generators.adversarial.transfer import transfer
from generators.sampling import load_generator

BUDGET = {"finite-differences": 3, "nes": 3, "square": 150, "carlini-wagner": 30}
"""Steps; ten are enough for the others."""


def victim_of(network, *, knows_gradient=True, name="stripes"):
    def logits(images):
        return network(images) if knows_gradient else network(images.detach())

    return Victim(name, 8, 1, ("top", "middle", "bottom"), None, knows_gradient, logits)


@pytest.fixture(autouse=True)
def _short_lessons(monkeypatch):
    monkeypatch.setattr(substitute, "ROUND_STEPS", 25)


@pytest.fixture(scope="module")
def victim(network):
    return victim_of(network)


@pytest.fixture(scope="module")
def images(many_stripes):
    return as_levels(many_stripes[0][:100])


@pytest.fixture(scope="module")
def labels(many_stripes):
    return many_stripes[1][:100].numpy()


def plan_of(name, **changes):
    about = ATTACKS[name]
    asked = {
        "epsilons": (0.2,) if about.bounded else (),
        "target": 1 if about.targeted_only else None,
        "steps": BUDGET.get(name, 10),
        "images": 6,
    }
    return Plan(name, **asked | changes)


@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "latent"])
def test_every_attack_fools_some_and_says_so_of_the_bytes_it_gives(name, victim, images, labels):
    plan = plan_of(name, steps=100 if "forge" in name else plan_of(name).steps)
    made = forge(victim, images[:6], labels[:6], plan, plan.rungs()[0])
    assert made.images.shape == (6, 8, 8, 1)
    assert made.images.dtype == np.uint8
    said = predictions(victim, made.images)
    np.testing.assert_array_equal(made.predictions, said)
    np.testing.assert_array_equal(made.fooled, said == 1 if plan.target else said != labels[:6])
    assert made.success.count >= 0.5 * made.success.n > 0


@pytest.mark.parametrize("name", ["pgd", "square", "substitute"])
def test_an_image_does_not_depend_on_how_the_work_is_cut(name, victim, images, labels):
    campaign = Campaign(victim, images, labels, plan_of(name, steps=15))
    rung = Rung("forged", 0.2)
    whole = campaign.forge(rung)
    again = Campaign(victim, images, labels, plan_of(name, steps=15))
    for rows in (range(60, 70), range(64, 100), range(3)):
        part = again.forge(rung, rows=rows)
        np.testing.assert_array_equal(part.images, whole.images[rows.start : rows.stop])
        np.testing.assert_array_equal(part.queries, whole.queries[rows.start : rows.stop])


def test_every_attack_and_norm_that_can_be_asked_for_is_there():
    assert set(MAKERS) == set(ATTACKS) - {"latent"}
    assert set(norms.NORMS) == set(NORMS)


def test_no_byte_moves_further_than_epsilon_though_pixels_are_rounded(victim, images, labels):
    made = forge(victim, images, labels, plan_of("pgd", epsilons=(0.05,)), Rung("forged", 0.05))
    assert made.sizes["linf"].max() == pytest.approx(12 / 255)  # 12.75 levels


def test_the_control_is_the_same_change_mirrored_and_clipped(victim, images, labels):
    campaign = Campaign(victim, images, labels, plan_of("pgd", flipped=True))
    forged = campaign.forge(Rung("forged", 0.2))
    control = campaign.forge(Rung("flipped", 0.2))
    change = forged.images.astype(int) - images
    wanted = np.clip(images + change[:, :, ::-1], 0, 255)
    np.testing.assert_array_equal(control.images, wanted)
    at_hand = campaign.forge(Rung("flipped", 0.2), rows=range(70, 90), forged=forged.images)
    np.testing.assert_array_equal(at_hand.images, control.images[70:90])
    assert control.queries.sum() == 0


def test_clean_images_are_left_as_they_are(victim, images, labels):
    made = Campaign(victim, images, labels, plan_of("pgd")).forge(Rung("clean", 0.0))
    np.testing.assert_array_equal(made.images, images)
    assert made.sizes["l2"].max() == 0
    assert made.success.count == 0


def test_only_images_that_were_right_count(victim, images, labels):
    wrong = labels.copy()
    wrong[:10] = (wrong[:10] + 1) % 3
    made = forge(victim, images, wrong, plan_of("fgsm"), Rung("clean", 0.0))
    assert made.counted.tolist() == [False] * 10 + [True] * 90
    assert made.fooled.sum() == 10
    assert (made.success.count, made.success.n) == (0, 90)


def test_with_a_target_only_images_that_were_taken_for_something_else_count(victim, images, labels):
    made = forge(victim, images, None, plan_of("pgd", target=2), Rung("forged", 0.2))
    np.testing.assert_array_equal(made.counted, labels != 2)
    assert made.success.value > 0.9


def test_an_attack_on_a_victim_that_is_never_right_has_no_success(victim, images, labels):
    made = forge(victim, images, (labels + 1) % 3, plan_of("fgsm"), Rung("forged", 0.2))
    assert made.success is None


def test_queries_to_the_victim_are_counted_and_those_to_a_substitute_are_not(
    network, counting, images, labels
):
    asked = counting(network)
    victim = victim_of(asked, knows_gradient=False)
    campaign = Campaign(victim, images[:6], labels[:6], plan_of("substitute"))
    made = campaign.forge(Rung("forged", 0.2))
    assert made.queries.tolist() == [0] * 6
    assert made.shared_queries == 6 * 8
    assert (
        asked.asked == made.shared_queries + 2 * 6
    )  # and one look at each picture, before and after


def test_forging_from_noise_needs_no_image_and_can_be_watched(victim):
    campaign = Campaign(victim, None, None, plan_of("forge-from-noise", images=5, steps=80))
    made = campaign.forge(Rung("forged", None))
    assert len(made) == 5
    assert made.success.count == made.success.n
    moments = campaign.moments(3)
    np.testing.assert_array_equal(as_levels(moments[0].images), made.originals[:3])
    assert np.abs(as_levels(moments[-1].images).astype(int) - made.images[:3]).max() <= 1


def test_a_watched_attack_must_forge_a_class(victim, images, labels):
    with pytest.raises(AttackError, match="pgd forges no class that could be watched"):
        Campaign(victim, images, labels, plan_of("pgd")).moments(3)


def test_a_search_in_codes_moves_the_generator_s_own_images(make_generator):
    """The victim sees whether the upper half is brighter: codes are found that turn that round."""

    def brighter_half(images):
        halves = images.mean(3).unflatten(2, (2, 6)).mean((1, 3))
        return 50 * halves

    victim = Victim("halves", 12, 1, ("upper", "lower"), None, True, brighter_half)
    generator = load_generator(make_generator(gain=5), device=torch.device("cpu"))
    plan = plan_of("latent", target=1, images=24, steps=60)
    campaign = Campaign(victim, None, None, plan, generator)
    made = campaign.forge(Rung("forged", None))
    clean = campaign.forge(Rung("clean", 0.0))
    np.testing.assert_array_equal(campaign.truth, np.arange(24) % 4)
    np.testing.assert_array_equal(clean.images, made.originals)
    assert made.success.value > 0.5
    unmoved = ~made.counted
    assert np.abs(made.images[unmoved].astype(int) - made.originals[unmoved]).max(initial=0) <= 1


def test_progress_is_told_after_each_block_and_may_end_the_work(victim, images, labels):
    told = []

    def stop(done, total):
        told.append((done, total))
        if done == 64:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        forge(victim, images, labels, plan_of("fgsm"), Rung("forged", 0.2), progress=stop)
    assert told == [(64, 100)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": None}, "fgsm needs images to change, got none"),
        ({"images": np.zeros((0, 8, 8, 1), np.uint8)}, r"at least 1 image uint8 .*\(0, 8, 8, 1\)"),
        ({"images": np.zeros((6, 8, 8, 1))}, "got float64"),
        (
            {"images": np.zeros((6, 9, 9, 3), np.uint8)},
            "stripes takes images of 8 × 8 px, grey; got 9 × 9 px, RGB",
        ),
        ({"labels": None}, "images without labels need a target"),
        ({"labels": np.zeros(5, int)}, r"labels must be \(6,\), one for each image, got \(5,\)"),
        (
            {"labels": np.full(6, 3)},
            "labels must be from 0 to 2, the classes of stripes, got 3",
        ),
        ({"labels": np.full(6, -1)}, "got -1"),
        ({"target": 3}, "target must be from 0 to 2, the classes of stripes, got 3"),
        ({"attack": "latent", "epsilons": ()}, "latent needs a generator"),
        ({"norm": "l2", "epsilons": (0.5, 9.0)}, "at most 8 .*l2.* got 9"),
    ],
)
def test_what_does_not_fit_together_is_refused(victim, images, labels, change, message):
    asked = {"attack": "fgsm", "epsilons": (0.1,), "images": images[:6], "labels": labels[:6]}
    asked |= change
    given = asked.pop("images"), asked.pop("labels")
    with pytest.raises(AttackError, match=message):
        Campaign(victim, *given, Plan(**asked))


def test_a_black_box_can_only_be_asked(network, images, labels):
    box = victim_of(network, knows_gradient=False)
    with pytest.raises(
        AttackError,
        match="pgd needs the classifier's gradient, and stripes is a black box: choose finite-diff",
    ):
        Campaign(box, images, labels, plan_of("pgd"))


def test_a_generator_is_for_the_latent_search_alone(victim, images, labels, make_generator):
    generator = load_generator(make_generator())
    with pytest.raises(AttackError, match="pgd takes no generator"):
        Campaign(victim, images, labels, plan_of("pgd"), generator)


# Transfer


@pytest.fixture(scope="module")
def both(network, other_network):
    return [victim_of(network, name="one"), victim_of(other_network, name="other")]


def test_what_fools_one_network_often_fools_another(both, images, labels):
    told = []
    found = transfer(
        both, images, [labels, labels], plan_of("pgd", epsilons=(0.15,)),
        progress=lambda *at: told.append(at),
    )  # fmt: skip
    assert found.names == ("one", "other")
    assert min(found.share(i, i).value for i in (0, 1)) > 0.9
    assert found.share(0, 1).value > 0.3
    assert found.of.min() > 90
    assert told == [(64, 200), (100, 200), (164, 200), (200, 200)]


def test_only_images_that_both_get_right_are_counted(both, images, labels):
    wrong = labels.copy()
    wrong[:40] = (wrong[:40] + 1) % 3
    found = transfer(both, images, [labels, wrong], plan_of("fgsm"))
    assert found.of.tolist() == [[100, 60], [60, 60]]


def test_nothing_is_made_on_a_black_box_by_its_gradient_but_all_is_tried_on_it(
    network, both, images, labels
):
    victims = [both[0], victim_of(network, knows_gradient=False, name="box")]
    found = transfer(victims, images, [labels, labels], plan_of("pgd"))
    assert found.share(0, 1) == found.share(0, 0)
    assert found.share(1, 0) is None


def test_a_transfer_needs_two_classifiers_and_no_target(both, images, labels):
    with pytest.raises(AttackError, match="at least 2 classifiers and no target, got 1 and"):
        transfer(both[:1], images, [labels], plan_of("pgd"))
    with pytest.raises(AttackError, match="got 2 and target 1"):
        transfer(both, images, [labels, labels], replace(plan_of("pgd"), target=1))
