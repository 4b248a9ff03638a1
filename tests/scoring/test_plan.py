"""A plan's observers are enough and not too many: by closed form, and in studies simulated apart from it."""

import json

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import nct, t

from scoring.plan import Assumptions, Cost, plan_difference, plan_width, spread_for
from scoring.plan_command import main
from scoring.score import score
from scoring.simulate import SimulatedObserver, simulate_response
from scoring.table import TrialTable


def own_variance(error_rate, between_sd, reals, fakes):
    """Of an observer's error rate: between observers, and of so many answers of each kind."""
    each = 2 * between_sd**2
    noise = error_rate * (1 - error_rate) - each
    return between_sd**2 + noise * (1 / reals + 1 / fakes) / 4


@pytest.mark.parametrize("points", [5, 2])
@pytest.mark.parametrize("error_rate", [0.1, 0.3, 0.45])
def test_the_width_of_the_planned_interval_is_that_of_the_closed_form(points, error_rate):
    observers = plan_width(points, error_rate).observers
    variance = own_variance(error_rate, 0.08, reals=50, fakes=25)

    def half_width(count):
        return 100 * t.ppf(0.975, count - 1) * np.sqrt(variance / count)

    assert half_width(observers * 1.06) < points < half_width(observers * 0.94 - 0.5)


def test_the_power_of_the_planned_study_is_that_of_the_closed_form():
    # one generator's skill says nothing of another's, and answers are so many that only skill counts
    assumptions = Assumptions(trials=100_000, carry_over=0.0)
    observers = plan_difference(0.28, 0.32, assumptions=assumptions).observers
    sd = np.sqrt(2 * 2 * 0.08**2) / 2
    noncentral = 0.04 / (sd / np.sqrt(observers))
    power = 1 - nct.cdf(t.ppf(0.975, observers - 1), observers - 1, noncentral)
    assert power == pytest.approx(0.8, abs=0.03)


def simulated_study(observers, dprime_sd, rng, images):
    """A study by signal detection; every observer sees images of their own."""
    rows = []
    for number in range(observers):
        observer = SimulatedObserver(rng.normal(1.15, dprime_sd), rng.normal(0, dprime_sd / 2))
        for image in range(images):
            for truth, name in (("fake", "gan"), ("real", "")):
                answer = simulate_response(observer, truth=truth, rng=rng)
                rows.append(
                    (f"o{number}", f"{truth}{number}-{image}", name, truth, answer.response)
                )
    names = ("observer", "stimulus", "generator", "truth", "response")
    return TrialTable.from_columns(dict(zip(names, zip(*rows, strict=True), strict=True)))


def test_studies_of_the_planned_size_have_the_wanted_interval_and_cover_the_truth():
    # d′ of 1.15 ± 0.5: an error rate of Φ(-0.575 / √(1 + 0.5² / 2)) = 0.294
    dprime_sd, rng = 0.5, np.random.default_rng(0)
    truth = ndtr(-0.575 / np.sqrt(1 + dprime_sd**2 / 2))
    crowd = [
        (ndtr(-d / 2 - c) + ndtr(-d / 2 + c)) / 2
        for d, c in rng.normal((1.15, 0), (dprime_sd, dprime_sd / 2), (20_000, 2))
    ]
    assumptions = Assumptions(generators=1, trials=40, between_sd=float(np.std(crowd)))
    plan = plan_width(6, truth, assumptions=assumptions)
    widths, held = [], []
    for _ in range(60):
        table = simulated_study(plan.observers, dprime_sd, rng, images=20)
        rate = score(table, draws=200).generators[0].error_rate
        widths.append((rate.high - rate.low) / 2)
        held.append(rate.low <= truth <= rate.high)
    assert 100 * np.mean(widths) == pytest.approx(6, rel=0.1)
    assert np.mean(held) > 0.88


def test_more_of_anything_that_helps_needs_fewer_observers():
    base = plan_width(3).observers
    assert plan_width(3, assumptions=Assumptions(trials=400)).observers < base
    assert plan_width(3, assumptions=Assumptions(between_sd=0.05)).observers < base
    assert plan_width(3, assumptions=Assumptions(generators=1)).observers < base
    assert plan_width(3, confidence=0.8).observers < base
    assert plan_width(3, assumptions=Assumptions(images=50)).observers > base


def test_more_pairs_to_tell_apart_need_more_observers():
    pair = Assumptions(trials=200, generators=2)
    many = Assumptions(trials=1000, generators=10)  # as many answers to each
    wanted = plan_difference(0.25, 0.3, assumptions=pair).observers
    assert plan_difference(0.25, 0.3, assumptions=many).observers > 1.4 * wanted
    assert plan_difference(0.25, 0.3, assumptions=pair, power=0.95).observers > 1.4 * wanted


def test_few_images_make_generators_harder_to_tell_apart():
    few = Assumptions(images=50)
    many = plan_difference(0.25, 0.3).observers
    assert plan_difference(0.25, 0.3, assumptions=few).observers > 1.2 * many


def test_too_few_images_cannot_be_made_up_for():
    plan = plan_width(1, assumptions=Assumptions(images=50))
    assert (plan.observers, plan.hours, plan.pay) == (None, None, None)
    assert plan.reason == "not reached with 8192 observers: 50 images are too few"
    # 1.96 × 0.10 / √(2 × 50)
    assert plan.steps[-1].reached == pytest.approx(1.96, abs=0.02)


def test_a_goal_beyond_all_observers_has_a_reason():
    assert plan_width(0.05).reason == "not reached with 8192 observers"


def test_time_and_pay_follow_from_the_observers():
    cost = Cost(seconds_per_trial=6, base=2.0, bonus=0.05)
    plan = plan_width(5, 0.2, cost=cost)
    assert plan.minutes == 10
    assert plan.hours == pytest.approx(plan.observers * 10 / 60)
    assert plan.pay == pytest.approx(plan.observers * (2 + 0.05 * 80))


def test_the_same_seed_plans_the_same():
    assert plan_difference(0.2, 0.3, seed=1) == plan_difference(0.2, 0.3, seed=1)
    assert plan_width(4, seed=1).steps != plan_width(4, seed=2).steps


@pytest.mark.parametrize(("error_rate", "sd"), [(0.3, 0.08), (0.05, 0.03), (0.5, 0.2)])
def test_the_spread_of_skill_gives_the_spread_of_error_rates(error_rate, sd):
    spread = spread_for(error_rate, sd)
    skill = np.random.default_rng(0).normal(size=400_000)
    rates = ndtr(ndtri(error_rate) * np.sqrt(1 + spread**2) + spread * skill)
    assert (rates.mean(), rates.std()) == pytest.approx((error_rate, sd), abs=0.001)


def test_no_spread_needs_no_spread_of_skill():
    assert spread_for(0.3, 0) == 0


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: plan_width(0), "points must be between 0 and 50, got 0"),
        (lambda: plan_width(5, 1.0), "error_rate must be between 0 and 1, got 1.0"),
        (lambda: plan_width(5, confidence=95), "confidence must be between 0 and 1, got 95"),
        (lambda: plan_width(5, 0.01), "rates with mean 0.01 cannot have an SD of 0.113"),
        (lambda: plan_difference(0.3, 0.3), "error rates that differ are needed, got 0.3 and 0.3"),
        (lambda: plan_difference(0.1, 0.9), "need fakes with an error of -0.3"),
        (lambda: plan_difference(0.1, 0.2, power=1), "power must be between 0 and 1, got 1"),
        (
            lambda: plan_difference(0.1, 0.2, assumptions=Assumptions(generators=1)),
            "generators must be at least 2, got 1",
        ),
        (lambda: Assumptions(generators=0), "generators must be at least 1, got 0"),
        (lambda: Assumptions(trials=7, generators=4), "4 generators need at least 8 trials, got 7"),
        (lambda: Assumptions(between_sd=-0.1), "between_sd must be from 0 to 0.5, got -0.1"),
        (lambda: Assumptions(image_sd=0.6), "image_sd must be from 0 to 0.5, got 0.6"),
        (lambda: Assumptions(carry_over=2), "carry_over must be from 0 to 1, got 2"),
        (lambda: Assumptions(images=49), "sees 50 different real images, so .* got 49"),
        (
            lambda: Cost(seconds_per_trial=-1),
            "seconds_per_trial must be finite and at least 0, got -1",
        ),
        (lambda: Assumptions(trials=10**30), "trials must be at most 1,000,000, got 10"),
        (lambda: Cost(base=float("inf")), "base must be finite and at least 0, got inf"),
        (lambda: Cost(bonus=float("nan")), "bonus must be finite and at least 0, got nan"),
    ],
)
def test_what_cannot_be_planned_is_refused(call, reason):
    with pytest.raises(ValueError, match=reason):
        call()


def test_the_command_prints_the_plan(capsys):
    assert main(["--width", "5", "--base", "2", "--bonus", "0.01"]) == 0
    text = capsys.readouterr().out
    plan = plan_width(5, cost=Cost(base=2, bonus=0.01))
    assert text.startswith("Goal: an error rate near 30.0% within ± 5 points.")
    assert f"{plan.observers} observers of 5 minutes: " in text
    assert f"{plan.pay:.2f} of pay in all." in text


def test_the_command_prints_the_same_plan_as_json(capsys):
    assert main(["--tell", "0.25", "0.3", "--trials", "200", "--sd", "0.1", "--json"]) == 0
    plan = plan_difference(0.25, 0.3, assumptions=Assumptions(trials=200, between_sd=0.1))
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(plan.as_dict()))


def test_the_command_says_why_there_is_no_plan(capsys):
    assert main(["--width", "1", "--images", "50"]) == 0
    assert "No number of observers: not reached with 8192" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--width", "60"], "points must be between 0 and 50, got 60.0"),
        (["--tell", "0.3", "0.3"], "error rates that differ are needed"),
        (["--width", "5", "--generators", "0"], "generators must be at least 1, got 0"),
        (["--width", "5", "--seed", "-1"], "seed must not be negative, got -1"),
    ],
)
def test_the_command_refuses_with_one_line(arguments, reason, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("scoring plan: ")
    assert reason in said
    assert said.count("\n") == 1
