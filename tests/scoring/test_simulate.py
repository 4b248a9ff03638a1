"""Simulated observers are who they say they are."""

import numpy as np
import pytest

from scoring.simulate import (
    SimulatedObserver,
    draw_observers,
    image_effect,
    simulate_pair,
    simulate_response,
)


def said_fake(observer, truth, trials=20_000, **options):
    rng = np.random.default_rng(0)
    answers = [simulate_response(observer, truth=truth, rng=rng, **options) for _ in range(trials)]
    return np.mean([answer.response == "fake" for answer in answers])


def test_hits_and_false_alarms_are_those_of_signal_detection():
    # d′ = 2, c = 0.5: Φ(1 - 0.5) = 0.6915, Φ(-1 - 0.5) = 0.0668
    observer = SimulatedObserver(dprime=2.0, bias=0.5)
    assert said_fake(observer, "fake") == pytest.approx(0.6915, abs=0.01)
    assert said_fake(observer, "real") == pytest.approx(0.0668, abs=0.01)


def choices(observer, trials=20_000, **options):
    """How often the first, the second, and neither image was chosen."""
    rng = np.random.default_rng(0)
    made = [simulate_pair(observer, rng=rng, **options).choice for _ in range(trials)]
    return [made.count(choice) / trials for choice in ("first", "second", "tie")]


def test_of_two_images_the_real_one_is_chosen_as_signal_detection_says():
    # Φ(1.5 / √2) = 0.8556, whatever the criterion
    observer = SimulatedObserver(dprime=1.5, bias=1.0)
    assert choices(observer, truths=("real", "fake"))[0] == pytest.approx(0.8556, abs=0.01)
    assert choices(observer, truths=("fake", "real"))[1] == pytest.approx(0.8556, abs=0.01)


def test_of_two_fakes_the_more_convincing_one_is_chosen():
    # Φ((0.8 - 0.1) / √2) = 0.6897
    observer = SimulatedObserver(dprime=1.5)
    both = choices(observer, truths=("fake", "fake"), image_effects=(0.8, 0.1))
    assert both == pytest.approx([0.6897, 0.3103, 0], abs=0.01)


def test_two_images_that_differ_little_cannot_be_told():
    # of alike images, |N(0, 2)| < 0.5 in 2 Φ(0.5 / √2) - 1 = 0.2763
    observer = SimulatedObserver(dprime=1.5)
    both = choices(observer, truths=("fake", "fake"), tie_within=0.5)
    assert both == pytest.approx([0.3619, 0.3619, 0.2763], abs=0.01)


def test_a_short_exposure_makes_pairs_harder():
    # d′ (1 - exp(-1)) = 1.264, Φ(1.264 / √2) = 0.8143
    observer = SimulatedObserver(dprime=2.0, tau_ms=100)
    right = choices(observer, truths=("real", "fake"), exposure_ms=100)[0]
    assert right == pytest.approx(0.8143, abs=0.01)


def test_a_convincing_image_is_called_fake_less_often():
    # Φ(1 - 1) = 0.5
    observer = SimulatedObserver(dprime=2.0)
    assert said_fake(observer, "fake", image_effect=1.0) == pytest.approx(0.5, abs=0.01)


def test_at_the_threshold_three_of_four_answers_are_right():
    observer = SimulatedObserver(dprime=2.5, tau_ms=300)
    exposure = observer.threshold_ms(0.75)
    assert said_fake(observer, "fake", exposure_ms=exposure) == pytest.approx(0.75, abs=0.01)


def test_sensitivity_grows_with_exposure_up_to_its_own():
    observer = SimulatedObserver(dprime=2.0, tau_ms=100)
    assert observer.dprime_at(0) == 0
    assert observer.dprime_at(100) == pytest.approx(2 * (1 - np.exp(-1)))
    assert observer.dprime_at(None) == observer.dprime_at(1e9) == 2.0


def test_response_times_have_the_stated_median_and_spread():
    observer = SimulatedObserver(dprime=1.0, rt_median_ms=700, rt_log_sd=0.3)
    rng = np.random.default_rng(0)
    times = np.log([simulate_response(observer, truth="real", rng=rng).rt_ms for _ in range(5000)])
    assert np.exp(np.median(times)) == pytest.approx(700, rel=0.02)
    assert times.std() == pytest.approx(0.3, rel=0.05)


def test_observers_spread_around_the_stated_sensitivity_and_bias():
    observers = draw_observers(4000, 1.5, 0.2, 0.4, 7)
    dprimes, biases = np.array([(one.dprime, one.bias) for one in observers]).T
    assert (dprimes.mean(), dprimes.std()) == pytest.approx((1.5, 0.4), abs=0.02)
    assert (biases.mean(), biases.std()) == pytest.approx((0.2, 0.2), abs=0.02)
    assert draw_observers(3, 1.5, 0.2, 0.4, 7) != draw_observers(3, 1.5, 0.2, 0.4, 8)
    assert draw_observers(3, 1.5, 0.2, 0.4, 7) == draw_observers(3, 1.5, 0.2, 0.4, 7)


def test_an_images_effect_is_fixed_by_its_id_and_the_seed():
    effects = np.array([image_effect(f"s{n}", sd=0.5, seed=1) for n in range(4000)])
    assert (effects.mean(), effects.std()) == pytest.approx((0, 0.5), abs=0.02)
    assert image_effect("s1", sd=0.5, seed=1) == effects[1]
    assert image_effect("s1", sd=0.5, seed=2) != effects[1]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: draw_observers(0, 1, 0, 0.1, 0), "at least 1 observer is needed, got 0"),
        (lambda: draw_observers(1, 1, 0, -0.1, 0), "sd must not be below 0, got -0.1"),
        (lambda: SimulatedObserver(1, tau_ms=0), "tau_ms must be above 0, got 0"),
        (lambda: SimulatedObserver(1, rt_median_ms=-1), "rt_median_ms must be above 0, got -1"),
        (lambda: SimulatedObserver(1, rt_log_sd=-1), "rt_log_sd must not be below 0, got -1"),
        (lambda: SimulatedObserver(1).threshold_ms(0.9), "need a d′ above 2.56, got 1"),
        (
            lambda: simulate_response(
                SimulatedObserver(1), truth="fakes", rng=np.random.default_rng(0)
            ),
            "truth must be real or fake, got 'fakes'",
        ),
        (
            lambda: simulate_pair(
                SimulatedObserver(1), truths=("real", ""), rng=np.random.default_rng(0)
            ),
            "truth must be real or fake, got ''",
        ),
        (
            lambda: simulate_pair(
                SimulatedObserver(1),
                truths=("real", "fake"),
                tie_within=-1,
                rng=np.random.default_rng(0),
            ),
            "tie_within must not be below 0, got -1",
        ),
    ],
)
def test_observers_that_cannot_be_are_refused(call, reason):
    with pytest.raises(ValueError, match=reason):
        call()
