"""Images are ordered by what is to be expected of them, and every one's interval is Wilson's."""

import numpy as np
import pytest

from scoring.images import expected_rates, extremes, score_images, wilson

NAMES = ("observer", "stimulus", "generator", "truth", "response")


def judged(image, generator, wrong, right):
    """Answers to one image, each by another observer."""
    truth = "fake" if generator else "real"
    other = "real" if generator else "fake"
    answers = [other] * wrong + [truth] * right
    return [(f"o{n}", image, generator, truth, answer) for n, answer in enumerate(answers)]


def names_of(images):
    return [image.stimulus for image in images]


def test_images_are_counted_by_generator_with_wilsons_interval(table_of):
    rows = judged("r", "", 1, 3) + judged("a", "gan", 5, 5) + judged("b", "gan", 0, 10)
    real, best, worst = score_images(table_of(rows, NAMES))
    assert (real.stimulus, real.generator, real.n_trials, real.n_wrong) == ("r", "", 4, 1)
    assert (best.error_rate, best.low, best.high) == pytest.approx((0.5, 0.2366, 0.7634), abs=1e-4)
    assert (worst.error_rate, worst.low, worst.high) == pytest.approx((0, 0, 0.2775), abs=1e-4)


def test_one_of_one_does_not_outdo_nine_of_ten(table_of):
    rows = judged("once", "gan", 1, 0) + judged("often", "gan", 9, 1) + judged("never", "gan", 0, 9)
    assert names_of(score_images(table_of(rows, NAMES))) == ["often", "once", "never"]


def test_images_that_differ_no_more_than_by_chance_are_expected_alike():
    wrong, trials = np.array([5, 5, 5, 4]), np.array([10, 10, 10, 8])
    assert expected_rates(wrong, trials, np.zeros(4, int)) == pytest.approx([0.5] * 4)
    single = expected_rates(np.array([1, 0, 0, 0]), np.ones(4, int), np.zeros(4, int))
    assert single == pytest.approx([0.25] * 4)


def test_every_pool_shrinks_to_its_own_mean():
    wrong, trials = np.array([1, 1, 9, 9]), np.full(4, 10)
    assert expected_rates(wrong, trials, np.array([0, 0, 1, 1])) == pytest.approx(
        [0.1, 0.1, 0.9, 0.9]
    )


def test_shrunken_rates_are_nearer_to_the_truth_than_raw_ones():
    rng = np.random.default_rng(0)
    truth = rng.beta(4, 8, 2000)
    trials = rng.integers(1, 15, 2000)
    wrong = rng.binomial(trials, truth)
    expected = expected_rates(wrong, trials, np.zeros(2000, int))
    best = (wrong + 4) / (trials + 12)  # Bayes' rule, knowing the distribution
    error = np.mean((expected - truth) ** 2)
    assert error < np.mean((wrong / trials - truth) ** 2) / 2
    assert error == pytest.approx(np.mean((best - truth) ** 2), rel=0.02)


def test_wilsons_interval_covers():
    rng = np.random.default_rng(1)
    truth = rng.uniform(0.05, 0.95, 4000)
    trials = np.full(4000, 30)
    low, high = wilson(rng.binomial(30, truth), trials, 0.95)
    assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(0.95, abs=0.02)


def test_either_end_of_each_generator_is_listed(table_of):
    rows = [row for n in range(6) for row in judged(f"g{n}", "gan", n, 5 - n)]
    rows += judged("r0", "", 4, 1) + judged("r1", "", 0, 5)
    reals, fakes = extremes(score_images(table_of(rows, NAMES)), most=2)
    assert (reals.generator, names_of(reals.highest)) == ("", ["r0", "r1"])
    assert (fakes.n_images, names_of(fakes.highest)) == (6, ["g5", "g4"])
    assert names_of(fakes.lowest) == ["g0", "g1"]


def test_only_trials_that_count_count(table_of):
    rows = [(*row, "", "") for row in judged("a", "gan", 1, 1)]
    rows += [
        ("ann", "a", "gan", "fake", "", "", ""),
        ("bob", "a", "gan", "fake", "real", "catch", ""),
    ]
    rows += [
        ("cid", image, "gan", "fake", said, "", "p")
        for image, said in (("a", "real"), ("b", "fake"))
    ]
    table = table_of(rows, (*NAMES, "flags", "screen"))
    assert [image.n_trials for image in score_images(table)] == [2]
    assert [image.n_wrong for image in score_images(table, skipped="wrong")] == [2]


def test_a_table_without_trials_that_count_has_no_images(table_of):
    assert score_images(table_of([("ann", "a", "gan", "fake", "")], NAMES)) == ()
    assert extremes(()) == ()


def test_arguments_out_of_range_are_refused(table_of):
    table = table_of([("ann", "a", "gan", "fake", "real")], NAMES)
    with pytest.raises(ValueError, match="confidence must be between 0 and 1, got 2"):
        score_images(table, confidence=2)
    with pytest.raises(ValueError, match="most must be at least 1, got 0"):
        extremes(score_images(table), most=0)
