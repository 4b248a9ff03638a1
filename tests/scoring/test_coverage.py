"""Intervals hold the truth of simulated studies as often as they say."""

from dataclasses import replace

import numpy as np
import pytest

from bench.coverage import DESIGNS, Coverage, Flash, Found, within

STUDIES = 100
BY_NAME = {design.name: design for design in DESIGNS}


def covered(design, studies=STUDIES):
    found = [design.study(seed, draws=200) for seed in range(studies)]
    return {
        name: Coverage.of(name, truth, [own[name] for own in found])
        for name, truth in design.truth().items()
    }


@pytest.mark.parametrize("name", ["few images", "unbalanced"])
def test_intervals_hold_the_truth_about_95_times_in_100(name):
    for measure in covered(BY_NAME[name]).values():
        assert measure.without == 0
        assert 0.90 <= measure.held < 1.0  # 95 % ± 2.2 standard errors of 100 studies


def test_intervals_over_observers_alone_miss_where_images_differ():
    found = covered(BY_NAME["few images"], 100)
    assert max(own.published for own in found.values()) < 0.8


@pytest.mark.parametrize("name", ["flash", "hard images"])
def test_thresholds_of_simulated_observers_lie_in_their_intervals(name):
    found = covered(replace(BY_NAME[name], observers=12), 60)["threshold"]
    assert 0.87 <= found.held <= 1.0
    assert found.published < found.held - 0.1  # the modal exposure leans to the start


def test_an_observer_who_never_gets_there_counts_as_the_longest_exposure():
    (never,) = Flash("never", 1, d_prime=1.3, d_prime_sd=0.0).truth().values()
    (late,) = Flash("late", 1, d_prime=1.8, d_prime_sd=0.0, tau_ms=900).truth().values()
    assert never == late == 1000


@pytest.mark.parametrize("name", ["no spread", "5 % errors", "40 % errors"])
def test_the_closed_form_truth_is_that_of_many_simulated_answers(name):
    wide = replace(BY_NAME[name], observers=1500, images=1500, real_images=1500, seen=30)
    table, truth = wide.table(0), wide.truth()
    assert table.wrong[table.fake].mean() == pytest.approx(truth["fake_error"], abs=0.012)
    assert table.wrong[~table.fake].mean() == pytest.approx(truth["real_error"], abs=0.012)


def test_the_mean_threshold_is_that_of_many_simulated_observers():
    design = BY_NAME["flash"]
    d_primes = np.random.default_rng(0).normal(design.d_prime, design.d_prime_sd, 20_000)
    limits = [design.observer(own).threshold_ms(0.75) for own in d_primes]
    assert np.mean(limits) == pytest.approx(design.truth()["threshold"], rel=0.005)


def test_what_holds_too_seldom_too_often_or_never_is_told():
    def of(shares):
        intervals = [(0.0, 2.0) if n < shares else (2.0, 3.0) for n in range(100)]
        return Coverage.of("rate", 1.0, [Found(own) for own in intervals])

    assert (of(95).held, of(95).too_high, of(95).too_low) == (0.95, 0.05, 0.0)
    assert within([of(95)])
    assert not within([of(95), of(92)])
    assert not within([of(98)])
    assert not within([Coverage.of("rate", 1.0, [Found(None)])])
