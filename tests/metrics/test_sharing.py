import json
from dataclasses import replace

import numpy as np
import pytest

from classifiers.shares import Share
from metrics.command import main
from metrics.errors import Unavailable
from metrics.extractors import catalog
from metrics.image_pools import ArrayPool
from metrics.measure import prepare
from metrics.membership import attacked
from metrics.sharing import share, text
from metrics.statement import LIMITS, TITLES, level_of, reasons_of
from metrics.synthetic import Accuracy

STEPS = 2


def labelled(images, n, seed):
    return ArrayPool(images(n, size=16, seed=seed), np.arange(n) % 2)


@pytest.fixture
def judged(images, pixels):
    """Judge noise, or any other pool, beside 150 training and 120 held-out images of noise."""
    train, held_out = labelled(images, 150, 1), labelled(images, 120, 2)

    def judge(fake=None, **options):
        sets = prepare(held_out, fake or labelled(images, 100, 3), train, network=pixels)
        return share(sets, **{"steps": STEPS, **options})

    return judge


def test_a_pool_of_its_own_shows_no_sign_and_says_what_that_does_not_prove(judged):
    found = judged()
    assert (found.level, found.title) == ("no sign", TITLES["no sign"])
    assert found.limits == LIMITS
    assert "not differential privacy" in text(found)
    assert {space: attack.n for space, attack in found.attacks.items()} == {
        "features": 120,
        "pixels": 120,
    }
    assert (found.n_train, found.n_held_out, found.n_fake) == (150, 120, 100)


def test_copies_are_not_to_be_shared(judged, images):
    copied = ArrayPool(images(150, size=16, seed=1)[:100], np.arange(100) % 2)
    found = judged(copied)
    assert found.level == "no"
    assert found.memorisation.verdict == "copies"
    assert found.attacks["pixels"].found.value == pytest.approx(2 / 3, abs=0.1)
    assert text(found).startswith("Do not share these images.")


def test_images_without_classes_are_judged_but_not_learned_from(judged, images):
    found = judged(ArrayPool(images(100, size=16, seed=3)))
    assert found.usefulness is None
    assert "class-conditional generator" in found.not_useful
    assert found.not_useful in text(found)
    assert found.level == "no sign"


def test_images_whose_label_is_missing_are_left_out(judged, images):
    labels = np.where(np.arange(100) < 80, np.arange(100) % 2, -1)
    found = judged(ArrayPool(images(100, size=16, seed=3), labels))
    assert found.usefulness.n == found.usefulness.trts.share.n == 80


def test_images_of_some_classes_alone_say_so(judged, images):
    some = ArrayPool(images(100, size=16, seed=3), np.zeros(100, int))
    words = "These images are of 1 of the 2 classes alone"
    assert words in text(judged(some))
    assert words not in text(judged())


def test_attacks_ask_about_images_of_the_classes_that_the_pool_has(images, pixels):
    """A copy of every other training image of one class: of the other class none can be found."""
    train, held_out = labelled(images, 400, 1), labelled(images, 400, 2)
    copied = ArrayPool(train.images[::4], np.zeros(100, int))
    sets = prepare(held_out, copied, train, network=pixels)
    found = share(sets, steps=STEPS)
    attack = found.attacks["pixels"]
    assert (attack.n, found.attacked_classes) == (200, 1)
    assert attack.found.value == pytest.approx(1 / 2, abs=0.02)
    assert "asked about images of the one class that these images have" in text(found)
    assert attack.auc > 0.7


def test_too_few_images_of_the_classes_that_the_pool_has_are_the_reason(judged, images):
    found = judged(ArrayPool(images(100, size=16, seed=3), np.zeros(100, int)))
    assert found.attacks == {}
    assert found.not_attacked.endswith("got 75 and 60 of the classes that the pool has")
    assert "asked about" not in text(found)


def test_grey_images_that_were_saved_as_rgb_are_as_useful(judged, images):
    grey = labelled(images, 100, 3)
    saved = ArrayPool(grey.images.repeat(3, axis=3), grey.labels)
    found = judged(saved)
    assert found.not_useful == ""
    assert found.usefulness.n == 100


def test_labels_stay_with_their_images(pixels):
    """White and black images in any order: an accuracy of 1 is only had with the right labels."""

    def pool(n, seed):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 2, n)
        noise = rng.integers(0, 30, (n, 16, 16, 1))
        return ArrayPool((220 * labels[:, None, None, None] + noise).astype(np.uint8), labels)

    sets = prepare(pool(70, 1), pool(300, 2), pool(80, 3), network=pixels)
    shared = share(sets, steps=8)
    found = shared.usefulness
    (told,) = [reason for reason in shared.reasons if "The other way round" in reason]
    assert "names 100.0 % (98.7 % to 100.0 %) of 300 of these as they are labelled." in told
    assert [each.share.value for each in (found.tstr, found.trts, found.ceiling)] == [1.0] * 3


def test_too_few_images_to_attack_say_so_and_are_not_cleared(images, pixels):
    few = [ArrayPool(images(40, size=16, seed=seed)) for seed in range(3)]
    found = share(prepare(few[0], few[1], few[2], network=pixels), steps=STEPS)
    assert (found.level, found.attacks) == ("unknown", {})
    assert "at least 100 training images" in found.not_attacked
    assert found.not_attacked in text(found)


def test_work_is_told_in_order_up_to_its_end(judged):
    told = []
    judged(telling=lambda *at: told.append(at))
    shares = [at for at, _ in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, pytest.approx(1.0))


def test_the_report_goes_through_json(judged):
    found = judged().as_dict()
    plain = json.loads(json.dumps(found))
    assert plain["usefulness"]["tstr"]["classes"]["1"]["n"] == 60
    assert plain["attacks"]["features"]["curve"][100] == 1.0
    assert plain["memorisation"]["verdict"] == "none"


def attack(auc_shift=0.0, sure=0, n=400):
    rng = np.random.default_rng(7)
    member, other = rng.normal(auc_shift, 1, n), rng.normal(0, 1, n)
    member[:sure] = 99.0
    return attacked(member, other)


@pytest.mark.parametrize(
    ("verdict", "attacks", "level"),
    [
        ("none", {"features": attack()}, "no sign"),
        ("copies", {}, "no"),
        ("close", {"features": attack()}, "care"),
        ("none", {"features": attack(), "pixels": attack(0.4)}, "care"),
        ("none", {"features": attack(1.0)}, "no"),
        ("none", {"features": attack(sure=30)}, "care"),
        ("none", {"features": attack(sure=80)}, "no"),
        ("unknown", {"features": attack()}, "unknown"),
        ("unknown", {"features": attack(1.0)}, "no"),
        ("none", {}, "unknown"),
    ],
)
def test_the_level_is_that_of_the_gravest_finding(verdict, attacks, level):
    assert level_of(verdict, attacks) == level


def test_without_images_held_out_nothing_is_judged(images, pixels):
    pool = labelled(images, 70, 1)
    with pytest.raises(Unavailable, match="images that were held out"):
        share(prepare(pool, pool, network=pixels))


@pytest.fixture
def folder(tmp_path, images, pixels, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalog, "create", lambda name: pixels)
    for seed, name in enumerate(("real", "fake", "train")):
        np.savez(tmp_path / f"{name}.npz", images=images(110, size=16, seed=seed))
    return tmp_path


def test_the_command_prints_the_statement_or_json(folder, capsys):
    asked = ["real.npz", "fake.npz", "--train", "train.npz", "--sharing"]
    assert main(asked) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{TITLES['no sign']}.\n")
    assert "What this does not show:" in said
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["level"], found["n_train"], found["usefulness"]) == ("no sign", 110, None)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "images that were held out"),
        (["--train", "train.npz", "--metrics", "kid"], "goes without --metrics"),
    ],
)
def test_what_the_command_cannot_judge_is_refused_before_any_work(
    folder, capsys, pixels, more, words
):
    assert main(["real.npz", "fake.npz", "--sharing", *more]) == 2
    assert words in capsys.readouterr().err
    assert pixels.passes == 0


def test_the_attack_that_does_better_than_chance_is_the_one_that_says_so(judged):
    found = judged()
    attacks = {"features": attack(), "pixels": attack(sure=30)}
    told = reasons_of(found.memorisation, attacks, "", None, None, "-", found.duplicates)
    _, first, second, *_ = told
    assert "more than chance" not in first
    assert second.endswith("That is more than chance brings.")


@pytest.mark.parametrize(
    ("right", "ceiling", "is_useless"),
    [(10, 90, True), (0, 90, True), (90, 90, False), (40, 90, False), (10, 12, False)],
)
def test_images_that_teach_no_more_than_a_guess_are_said_to_be_of_no_use(
    judged, right, ceiling, is_useless
):
    found = judged()
    learned = {
        name: Accuracy(Share.of(count, 100), {0: Share.of(count, 100)})
        for name, count in (("tstr", right), ("trts", right), ("ceiling", ceiling))
    }
    useful = replace(found.usefulness, chance=0.1, **learned)
    told = reasons_of(found.memorisation, {}, "", None, useful, "", found.duplicates)
    assert ("of no use: what learned from them" in " ".join(told)) == is_useless
