"""Real trials are shared among generators in the proportion in which fakes were shown."""

import numpy as np
import pytest

from scoring.counts import Totals, count
from scoring.rates import MEASURES, criterion, d_prime, error_rate
from scoring.table import TrialTable

NAMES = ("study", "observer", "block", "stimulus", "generator", "truth", "response")


def shares(rows):
    """Each generator's weighted real trials."""
    columns = dict(zip(NAMES, zip(*rows, strict=True), strict=True))
    sums = count(TrialTable.from_columns(columns)).sums()
    return dict(zip(sums.generators, sums.totals().real_trials.tolist(), strict=True))


def real(stimulus, study="1", observer="ann", block="1"):
    return (study, observer, block, stimulus, "", "real", "real")


def fake(generator, stimulus, study="1", observer="ann", block="1"):
    return (study, observer, block, stimulus, generator, "fake", "fake")


def test_with_one_generator_the_error_rate_is_the_share_of_wrong_answers(crossed_study):
    table = crossed_study(0, observers=5, images=30, seen=20, observer_sd=0.1, image_sd=0.1)
    rate = error_rate(count(table).sums().totals())
    assert rate[0] == pytest.approx(table.wrong.mean(), abs=1e-12)


def test_in_a_mixed_block_a_real_trial_counts_in_the_proportion_shown():
    rows = [fake("a", "a1"), fake("a", "a2"), fake("a", "a3"), fake("b", "b1")]
    assert shares([*rows, real("r1"), real("r2")]) == {"a": 1.5, "b": 0.5}


def test_blocks_are_shared_each_by_its_own_fakes():
    first = [fake("a", "a1"), real("r1"), real("r2")]
    second = [fake("b", "b1", block="2"), real("r3", block="2")]
    assert shares([*first, *second]) == {"a": 2.0, "b": 1.0}


def test_a_block_without_fakes_is_shared_by_the_observers_fakes():
    others = [fake("b", "b1", observer="bob", block="2")]
    assert shares([fake("a", "a1"), *others, real("r1", block="9")]) == {"a": 1.0, "b": 0.0}


def test_reals_of_an_observer_without_fakes_count_for_nobody():
    study = [fake("a", "a1"), fake("b", "b1", observer="bob")]
    assert shares([*study, real("r1", observer="eve")]) == {"a": 0.0, "b": 0.0}


def test_reals_of_a_study_in_which_their_observer_saw_no_fakes_count_for_nobody():
    assert shares([fake("a", "a1"), real("r1", study="2")]) == {"a": 0.0}


def test_sums_of_observers_add_up_to_the_sums_of_all(crossed_study):
    table = crossed_study(0, observers=5, images=30, seen=20, observer_sd=0.1, image_sd=0.1)
    whole = count(table).sums()
    parts = [count(table.where(table.observer == name)).sums() for name in whole.observers]
    assert (np.concatenate([part.by_observer for part in parts], axis=2) == whole.by_observer).all()
    for name in ("real_trials", "real_pairs"):
        assert (sum(getattr(part, name) for part in parts) == getattr(whole, name)).all()
    images = {}
    for part in parts:
        for image, sums in zip(part.reals.names, part.reals.values[:, 0].T, strict=True):
            images[image] = images.get(image, 0) + sums
    assert tuple(sorted(images)) == whole.reals.names
    assert (
        whole.reals.values[:, 0] == np.array([images[name] for name in whole.reals.names]).T
    ).all()


def test_units_are_counted_where_they_were_shown():
    rows = [fake("a", "a1"), fake("a", "a2"), fake("b", "b1", block="2"), real("r1"), real("r2")]
    rows += [
        fake("a", "a1", observer="bob"),
        real("r1", observer="bob"),
        real("r9", observer="eve"),
    ]
    columns = dict(zip(NAMES, zip(*rows, strict=True), strict=True))
    sums = count(TrialTable.from_columns(columns)).sums()
    assert sums.observers == ("ann", "bob", "eve")
    assert sums.observer_counts().tolist() == [2, 1]
    assert sums.image_counts().tolist() == [2, 1]
    assert sums.real_image_counts().tolist() == [2, 0]
    assert sums.real_trials.tolist() == [3, 0]
    assert sums.reals.names == ("r1", "r2")


def test_totals_are_weighted_by_the_shares():
    rows = [
        ("ann", "a1", "a", "fake", "real"),
        ("ann", "a2", "a", "fake", "fake"),
        ("ann", "b1", "b", "fake", "fake"),
        ("ann", "r1", "", "real", "fake"),
        ("ann", "r2", "", "real", "real"),
        ("ann", "r3", "", "real", "real"),
    ]
    names = ("observer", "stimulus", "generator", "truth", "response")
    table = TrialTable.from_columns(dict(zip(names, zip(*rows, strict=True), strict=True)))
    rates = error_rate(count(table).sums().totals())
    np.testing.assert_allclose(rates, [(1 + 2 / 3) / (2 + 2), (1 / 3) / (1 + 1)], rtol=1e-8)


def test_shares_add_up_exactly_in_any_order():
    fakes = [fake(f"g{n}", f"f{n}") for n in range(7)]
    found = shares([*fakes, *(real(f"r{n}") for n in range(50))])
    assert found["g0"] == pytest.approx(50 / 7, rel=1e-8)
    assert all((weight * 2**30).is_integer() for weight in found.values())


def totals(fake_trials, fake_wrong, real_trials, real_wrong):
    numbers = (fake_trials, fake_wrong, real_trials, real_wrong)
    return Totals(*(np.array([number], dtype=float) for number in numbers))


def test_hautus_correction_keeps_perfect_observers_finite():
    # 25 hits of 25 and no false alarm of 25: rates 25.5/26 and 0.5/26, z = ±2.070
    assert d_prime(totals(25, 0, 25, 0))[0] == pytest.approx(4.1398, abs=1e-3)
    assert criterion(totals(25, 0, 25, 0))[0] == pytest.approx(0.0, abs=1e-12)


def test_guessing_has_no_sensitivity_and_a_lean_to_real_has_positive_criterion():
    leaning = totals(100, 80, 100, 20)  # rates 20.5 / 101, twice: z = -0.8311
    assert d_prime(leaning)[0] == pytest.approx(0.0, abs=1e-12)
    assert criterion(leaning)[0] == pytest.approx(0.8311, abs=1e-3)


def test_without_reals_only_the_fakes_error_is_defined():
    lonely = totals(10, 4, 0, 0)
    values = {name: measure.value(lonely)[0] for name, measure in MEASURES.items()}
    assert values["fake_error"] == values["error_rate"] == 0.4
    assert np.isnan([values["real_error"], values["d_prime"], values["criterion"]]).all()


@pytest.mark.parametrize("name", MEASURES)
def test_slopes_are_derivatives_by_wrong_answers(name):
    measure, step = MEASURES[name], 1e-4
    by_fake, by_real = measure.slopes(totals(60, 25, 40, 10))
    for slope, fakes, reals in ((by_fake, step, 0), (by_real, 0, step)):
        above = measure.value(totals(60, 25 + fakes, 40, 10 + reals))
        below = measure.value(totals(60, 25 - fakes, 40, 10 - reals))
        assert slope[0] == pytest.approx((above[0] - below[0]) / (2 * step), rel=1e-5, abs=1e-9)
