"""A report puts together what each part finds, and nothing that JSON cannot say."""

import json

import numpy as np
import pytest

from scoring.agreement import agreement
from scoring.exclusions import Criteria, count_excluded, exclude
from scoring.observers import score_observers
from scoring.pairs import score_pairs
from scoring.report import MOST_IMAGES, named_rule, report
from scoring.score import score
from scoring.staircase import RULES, ConstantStimuli, rule_of

NAMES = ("observer", "stimulus", "generator", "truth", "response", "rt_ms", "exposure_ms")


def limited_study(table_of, seed=0):
    """Twelve observers of two generators at two exposures, answering at random."""
    rng = np.random.default_rng(seed)
    rows = []
    for observer in range(12):
        for n in range(40):
            name = ("", "a", "", "b")[n % 4]
            truth = "fake" if name else "real"
            said = truth if rng.random() < 0.7 else ("real", "fake")[truth == "real"]
            rows.append(
                (
                    f"o{observer:02}",
                    f"{name}{n}",
                    name,
                    truth,
                    said,
                    500.0 + n,
                    (1000.0, 5000.0)[n // 4 % 2],
                )
            )
    return table_of(rows, NAMES)


def flash_study(table_of, levels=None):
    """Four observers of one generator; exposures by the weighted rule, or of fixed levels."""
    rng = np.random.default_rng(1)
    rows = []
    for observer in range(4):
        ms = 500
        for n in range(60):
            name = ("", "a")[n % 2]
            truth = "fake" if name else "real"
            shown = levels[n % len(levels)] if levels else ms
            right = rng.random() < 0.75
            said = truth if right else ("real", "fake")[truth == "real"]
            rows.append((f"o{observer}", f"{name}{n}", name, truth, said, 500.0, float(shown)))
            ms = min(max(ms + (-10 if right else 30), 100), 1000)
    return table_of(rows, NAMES)


def test_every_part_is_what_its_own_function_finds(table_of):
    table = limited_study(table_of)
    found = report(table, draws=200, seed=3)
    assert found.scores == score(table, draws=200, seed=3)
    assert found.agreement == agreement(table, draws=200, seed=3)
    assert found.observers == score_observers(table)
    assert found.pairs is None
    exposures = {name: [one.exposure_ms for one in own] for name, own in found.exposures.items()}
    assert exposures == {"a": [1000.0, 5000.0], "b": [1000.0, 5000.0]}
    assert set(found.anytime) == {"a", "b"}
    assert found.curves == {}
    assert [own.generator for own in found.images] == ["", "a", "b"]


def test_a_report_is_json_without_numbers_that_are_none(table_of):
    for table in (limited_study(table_of), flash_study(table_of)):
        content = report(table, draws=100).as_dict()
        assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_criteria_give_what_their_flags_give(table_of):
    table = limited_study(table_of)
    criteria = Criteria(one_answer=0.55)
    flagged = exclude(table, criteria)
    assert 0 < len({*flagged.observer[flagged.excluded]}) < 12
    found = report(table, draws=100, criteria=criteria)
    assert found == report(flagged, draws=100)
    assert found.exclusions == count_excluded(flagged)
    assert report(flagged, draws=100, criteria=Criteria()).exclusions == ()


def test_the_rule_is_told_from_the_table_or_by_name(table_of):
    stairs, levels = flash_study(table_of), flash_study(table_of, (100, 200, 400))
    assert named_rule(None, stairs) == RULES["weighted"]
    assert named_rule("three_down", stairs) == RULES["three_down"]
    assert named_rule("constant", levels) == ConstantStimuli((100.0, 200.0, 400.0))
    assert named_rule("constant", stairs) == RULES["constant"]
    assert named_rule(None, levels) == rule_of(levels)
    with pytest.raises(ValueError, match=r"rule must be one of weighted, .*, got 'up'"):
        report(stairs, rule="up")


def test_metrics_are_held_against_thresholds_in_a_flash_study(table_of):
    found = report(flash_study(table_of), draws=100, metrics={"FID": {"a": 3.0}})
    assert found.correlated == "threshold"
    assert found.correlations[0].rho.n == 1
    assert found.curves["a"].curve.right


def test_metrics_are_held_against_error_rates_where_there_are_no_thresholds(table_of):
    rows = [
        (f"o{n % 3}", f"{name}{n}", name, "fake", "real" if n < fooled else "fake", 500.0, None)
        for name, fooled in (("a", 8), ("b", 5), ("c", 2))
        for n in range(12)
    ]
    found = report(table_of(rows, NAMES), draws=100, metrics={"FID": {"a": 1, "b": 3, "c": 2}})
    assert found.correlated == "error_rate"
    assert found.correlations[0].rho.value == pytest.approx(0.5)


def test_metrics_are_held_against_strengths_where_only_generators_met(table_of):
    rows = []
    for observer in ("ann", "bob"):
        for n in range(10):
            first, second = ("a", "b", "c")[n % 3], ("b", "c", "a")[n % 3]
            sides = ((first, "real"), (second, "fake"))
            rows += [
                (observer, f"{observer}{name}{n}", name, "fake", said, 1.0, None, f"{n}")
                for name, said in sides
            ]
    table = table_of(rows, (*NAMES, "screen"))
    found = report(table, draws=100, metrics={"FID": {"a": 1.0, "b": 2.0, "c": 3.0}})
    assert found.correlated == "strength"
    assert found.pairs == score_pairs(table, draws=100)
    assert found.scores.generators == ()


def test_images_are_limited_at_either_end(table_of):
    rows = [
        ("ann", f"s{n:03}", "a", "fake", ("real", "fake")[n % 2], 1.0, None) for n in range(200)
    ]
    (own,) = report(table_of(rows, NAMES), draws=100).images
    assert own.n_images == 200
    assert (len(own.highest), len(own.lowest)) == (MOST_IMAGES, MOST_IMAGES)


def test_observers_are_told_with_their_accuracy_speed_lean_and_reasons(table_of):
    names = (*NAMES[:6], "flags", "screen")
    rows = [
        ("ann", f"s{n}", "a", "fake", ("fake", "real")[n == 0], 100.0 * n, "", "") for n in range(5)
    ]
    rows += [("ann", "c", "catch", "fake", "fake", 9.0, "catch", "")]
    rows += [
        ("ann", f"p{n}", "a", "fake", said, 9.0, "", "p") for n, said in enumerate(("real", "fake"))
    ]
    rows += [("bob", "s0", "a", "fake", "", None, "excluded_few;tie", "")]
    ann, bob = score_observers(table_of(rows, names))
    assert (ann.n_trials, ann.n_catch, ann.catch_right) == (7, 1, 1.0)
    assert (ann.accuracy, ann.said_real, ann.median_rt_ms) == pytest.approx((4 / 5, 2 / 7, 100))
    assert ann.sensitivity is not None
    assert ann.reliability == pytest.approx(ann.sensitivity + ann.specificity - 1)
    assert (bob.accuracy, bob.median_rt_ms, bob.reliability) == (None, None, None)
    assert (ann.excluded, bob.excluded) == ((), ("few",))
