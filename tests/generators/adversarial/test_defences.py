"""Images whose class is told twice: by a faint texture that an ε turns over, and by a blob that it does not."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from generators.adversarial.defences.detector import (
    auc,
    pgd_past_both,
    suspicion,
    train_detector,
)
from generators.adversarial.defences.ensemble import Ensemble
from generators.adversarial.defences.fitting import fit
from generators.adversarial.defences.objectives import (
    AdversarialLogitPairing,
    CleanLogitPairing,
    MinMax,
    Online,
    plain,
)
from generators.adversarial.defences.perturbing import Push
from generators.adversarial.defences.suite import (
    KNOWS_THE_NET,
    MANY_STEPS,
    MORE_STEPS,
    ONE_STEP,
    QUERIES_ALONE,
    TRANSFERRED,
    UNBOUNDED,
    Defended,
    Following,
    attacks_on,
    made_by,
)
from generators.adversarial.defences.worth import (
    Share,
    UnderAttack,
    Worth,
    clean,
    doubts,
    under_attack,
)
from generators.adversarial.errors import AttackError
from generators.adversarial.goal import Goal
from generators.adversarial.norms import LInf

EPSILON = 0.1
TEXTURE = ((torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2 - 1).float()


def told_twice(count, seed):
    random, labels = torch.Generator().manual_seed(seed), torch.arange(count) % 2
    sign = (2 * labels - 1).float().view(-1, 1, 1, 1)
    images = 0.5 + 0.05 * torch.randn((count, 1, 8, 8), generator=random) + 0.06 * sign * TEXTURE
    images[:, :, 3:5, 1:3] += 0.2 * sign
    images[:, :, 3:5, 5:7] -= 0.2 * sign
    return images.clamp(0, 1), labels


def new(seed=0, width=4):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64 * width, 2)
        )


def push(steps=5, length=0.05):
    return Push(EPSILON, steps, length, torch.Generator().manual_seed(0))


LEARNED, HELD_OUT = told_twice(400, seed=1), told_twice(60, seed=2)


def taught(objective, seed=0):
    return fit(new(seed), objective, *LEARNED, steps=60)


@pytest.fixture(scope="module")
def undefended():
    return taught(plain)


@pytest.fixture(scope="module")
def other():
    return taught(plain, seed=5)


def measured(classifier, other, detector=None, epsilon=EPSILON, names=None):
    guarded = Defended(classifier, detector)
    attacks = attacks_on(guarded, other, epsilon=epsilon)
    return {
        name: under_attack(guarded, *HELD_OUT, attack)
        for name, attack in attacks.items()
        if name in (names or attacks)
    }


class Echo(nn.Module):
    """Two scores: the first value of an image, and its opposite times `slope`."""

    def __init__(self, slope=1.0):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, images):
        first = images[:, 0, 0, 0]
        return torch.stack([first, -self.slope * first], dim=1)


IMAGES, LABELS = torch.tensor([[0.4], [0.8]]).view(2, 1, 1, 1), torch.tensor([0, 1])


def lowered(network, images, labels):
    """A perturbation known by hand."""
    return images - 0.2


def cost(value, label):
    """−log softmax of (v, −v) at the label, worked by hand."""
    own = value if label == 0 else -value
    return math.log(1 + math.exp(-2 * own))


ON_CLEAN = (cost(0.4, 0) + cost(0.8, 1)) / 2
ON_FORGED = (cost(0.2, 0) + cost(0.6, 1)) / 2


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (plain, ON_CLEAN),
        (MinMax(lowered), ON_FORGED),
        (Online(lowered, weight=3.0), ON_CLEAN + 3 * ON_FORGED),
        (AdversarialLogitPairing(lowered, weight=0.5), ON_CLEAN + ON_FORGED + 0.5 * 0.2**2),
        (CleanLogitPairing(weight=0.5, noise=0.0), ON_CLEAN + 0.5 * 0.4**2),
    ],
)
def test_an_objective_is_its_equation(objective, expected):
    assert objective(Echo(), IMAGES, LABELS).item() == pytest.approx(expected, rel=1e-5)


def test_pairs_of_clean_images_are_told_apart_by_noise():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        costs = {CleanLogitPairing(noise=0.3)(Echo(), IMAGES, LABELS).item() for _ in range(3)}
    assert len(costs) == 3


def test_the_push_of_a_training_stays_in_its_ball_and_costs_more(undefended):
    images, labels = HELD_OUT
    undefended.train()
    made = push()(undefended, images, labels)
    assert undefended.training
    undefended.eval()
    assert LInf().size(made - images).max() <= EPSILON + 1e-6
    before, after = (cross_entropy(undefended(each), labels) for each in (images, made))
    assert after > 2 * before


def test_a_push_leaves_no_batch_statistic_behind():
    network = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(64, 2))
    push()(network.train(), *HELD_OUT)
    assert network[0].num_batches_tracked == 0


def test_the_same_seed_trains_the_same_weights_and_leaves_the_global_ones_alone():
    state = torch.get_rng_state()
    one, two = (fit(new(), CleanLogitPairing(), *LEARNED, steps=3, seed=4) for _ in range(2))
    other = fit(new(), CleanLogitPairing(), *LEARNED, steps=3, seed=5)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one[0].weight, two[0].weight)
    assert not torch.equal(one[0].weight, other[0].weight)
    assert not one.training
    assert not any(weight.requires_grad for weight in one.parameters())


@pytest.mark.parametrize(
    "objective", [MinMax(push()), Online(push(1, 0.125)), AdversarialLogitPairing(push())]
)
def test_training_against_attacks_holds_where_plain_training_does_not(undefended, other, objective):
    before, after = (
        measured(classifier, other, names=[MANY_STEPS])[MANY_STEPS].held.value
        for classifier in (undefended, taught(objective))
    )
    assert before < 0.35
    assert after > before + 0.3


class Scaled(nn.Module):
    """Scores so large that the gradient of their cross-entropy is nothing."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return 1e4 * self.network(images)


class Rounded(Scaled):
    """Images in 16 steps of grey, whose gradient is nothing."""

    def forward(self, images):
        return self.network((images * 16).round() / 16)


@pytest.mark.parametrize("mask", [Scaled, Rounded])
def test_a_masked_gradient_is_doubted(undefended, other, mask):
    found = measured(mask(undefended), other)
    assert found[MANY_STEPS].held.value > 0.95  # so it looks safe
    words = " ".join(doubts(found))
    assert "an attack that sees no gradient fools more than many steps" in words
    assert "what was made on another classifier fools more than many steps" in words
    assert "an attack without bounds leaves 100% right, and must leave none" in words
    assert Worth(Share(60, 60), found).robust.value < 0.6


def test_an_honest_network_is_not_doubted(undefended, other):
    found = measured(undefended, other)
    assert list(found) == [
        ONE_STEP, MANY_STEPS, MORE_STEPS, QUERIES_ALONE, TRANSFERRED, UNBOUNDED,
    ]  # fmt: skip
    assert doubts(found) == []
    assert all(each.auc is None and each.held == each.right for each in found.values())


def under(right, held=None):
    return UnderAttack(Share(held or right, 100), Share(right, 100), 1.0)


HONEST = {
    ONE_STEP: under(60), MANY_STEPS: under(50), MORE_STEPS: under(48), QUERIES_ALONE: under(70),
    TRANSFERRED: under(80), UNBOUNDED: under(0),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "right", "words"),
    [
        (ONE_STEP, 45, "one step fools more than many steps: 45% against 50% still right"),
        (ONE_STEP, 46, None),
        (QUERIES_ALONE, 44, "an attack that sees no gradient fools more"),
        (TRANSFERRED, 44, "what was made on another classifier fools more"),
        (MORE_STEPS, 40, "more steps go on fooling more: 40% right after 50%"),
        (MORE_STEPS, 41, None),
        (UNBOUNDED, 3, "an attack without bounds leaves 3% right, and must leave none"),
        (UNBOUNDED, 2, None),
    ],
)
def test_every_doubt_has_its_limit(name, right, words):
    found = doubts(HONEST | {name: under(right)})
    assert [words in each for each in found] == ([True] if words else [])


def test_a_net_that_holds_only_while_unknown_is_doubted():
    held = HONEST | {MANY_STEPS: under(50, held=99)}
    assert doubts(held | {KNOWS_THE_NET: under(10, held=95)}) == []
    assert doubts(held | {KNOWS_THE_NET: under(10, held=94)}) == [
        "an attack that knows the net gets past it: 94% held, 99% before"
    ]


def test_what_a_defence_may_claim_is_what_holds_under_the_strongest_attack():
    assert Worth(Share(99, 100), HONEST).robust == Share(48, 100)
    assert Worth(Share(99, 100)).robust == Share(99, 100)
    assert Worth(Share(99, 100), HONEST).attack_s == 6


def test_a_safety_net_catches_all_but_who_knows_it(undefended, other):
    """With ε 0.2 there is room to fool both."""
    images, labels = LEARNED
    forged = made_by(Following(0.2, 10), undefended, images, labels)
    net = train_detector(new(3, width=16), images, forged, steps=100)
    assert clean(Defended(undefended, net), *HELD_OUT).value > 0.95
    names = [MANY_STEPS, KNOWS_THE_NET]
    found = measured(undefended, other, net, epsilon=0.2, names=names)
    assert found[MANY_STEPS].right.value == 0
    assert found[MANY_STEPS].held.value > 0.9
    assert found[MANY_STEPS].auc > 0.98
    assert found[KNOWS_THE_NET].held.value < 0.5
    assert found[KNOWS_THE_NET].auc < 0.7


def test_the_attack_past_both_stays_in_its_ball_and_says_what_fools_both(undefended):
    images, labels = HELD_OUT
    net = new(3)
    made = pgd_past_both(undefended, net, images, Goal(labels), epsilon=0.2, steps=5)
    assert LInf().size(made.images - images).max() <= 0.2 + 1e-6
    fools = undefended(made.images).argmax(1) != labels
    assert torch.equal(made.fooled, fools & (suspicion(net, made.images) <= 0))
    assert made.queries.tolist() == [6] * 60


def test_an_image_that_is_clean_but_called_forged_is_not_held():
    class Nervous(nn.Module):
        def forward(self, images):
            return torch.tensor([[0.0, 1.0]]).expand(len(images), 2)

    images, labels = IMAGES.expand(2, 1, 4, 4), torch.tensor([0, 0])
    assert clean(Defended(Echo()), images, labels) == Share(2, 2)
    assert clean(Defended(Echo(), Nervous()), images, labels) == Share(0, 2)


def test_progress_counts_the_images_attacked(undefended):
    told = []
    made_by(
        Following(EPSILON, 1), undefended, *LEARNED, lambda done, total: told.append((done, total))
    )
    assert told == [(50 * part, 400) for part in range(1, 9)]


def test_an_ensemble_gives_the_mean_of_its_members_probabilities():
    members = [Echo(), Echo(-2.0), Echo(0.5)]
    chances = Ensemble(members)(IMAGES).exp()
    mean = torch.stack([member(IMAGES).softmax(1) for member in members]).mean(0)
    torch.testing.assert_close(chances, mean)


@pytest.mark.parametrize(
    ("clean_scores", "forged_scores", "expected"),
    [
        ([0.0, 1.0], [2.0, 3.0], 1.0),
        ([2.0, 3.0], [0.0, 1.0], 0.0),
        ([1.0, 1.0], [1.0], 0.5),
        ([0.0, 2.0], [1.0, 3.0], 0.75),
    ],
)
def test_the_area_under_the_curve(clean_scores, forged_scores, expected):
    assert auc(torch.tensor(clean_scores), torch.tensor(forged_scores)) == expected


def test_the_area_of_two_normals_is_that_of_their_distance():
    """Φ(d′/√2)."""
    random = torch.Generator().manual_seed(0)
    ours, theirs = torch.randn((2, 20_000), generator=random)
    assert auc(ours, theirs + 1) == pytest.approx(0.5 * (1 + math.erf(0.5)), abs=0.01)


@pytest.mark.parametrize("rows", [0, 1])
def test_images_without_labels_are_refused(undefended, rows):
    with pytest.raises(AttackError, match=rf"at least 1 image with a label each, got {rows} and"):
        clean(Defended(undefended), HELD_OUT[0][:rows], HELD_OUT[1][: 2 * rows])
