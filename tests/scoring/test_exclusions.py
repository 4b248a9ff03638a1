"""Observers who miss a criterion set before the first answer are left out, and counted."""

import numpy as np
import pytest

from scoring.dictionary import FLAGS
from scoring.exclusions import Criteria, Excluded, count_excluded, exclude
from scoring.table import COLUMNS

NAMES = ("observer", "stimulus", "truth", "response", "rt_ms", "flags")
ALL = Criteria(catch_right=0.8, fastest_ms=200, one_answer=0.95, fewest_trials=5)


def trials(observer, count, *, response=None, rt_ms=800, flags="", start=0):
    """`count` trials, half of fakes, all answered right unless a response is given."""
    truths = [("fake", "real")[n % 2] for n in range(count)]
    said = truths if response is None else [response] * count
    return [
        (observer, f"{truth}{n + start}", truth, said[n], rt_ms, flags)
        for n, truth in enumerate(truths)
    ]


def out(table, criteria):
    """Who is left out, and why."""
    judged = exclude(table, criteria)
    return {
        observer: set(judged.flags[judged.observer == observer])
        for observer in sorted(set(judged.observer[judged.excluded]))
    }


def test_an_observer_who_fails_catch_trials_is_out_and_one_who_passes_is_in(table_of):
    ann = trials("ann", 10) + trials("ann", 5, response="fake", flags="catch", start=50)
    bob = trials("bob", 10) + trials("bob", 5, response="real", flags="catch", start=50)
    table = table_of([row for row in ann + bob if "real" not in row[1] or row[5] == ""], NAMES)
    table = exclude(table, Criteria(catch_right=0.8))
    assert set(table.observer[table.excluded]) == {"bob"}
    assert set(table.flags[table.observer == "bob"]) == {"excluded_catch", "catch;excluded_catch"}


@pytest.mark.parametrize(("right", "left_out"), [(8, False), (7, True)])
def test_the_share_of_catch_trials_itself_is_enough(table_of, right, left_out):
    rows = [
        ("ann", f"c{n}", "fake", "fake" if n < right else "real", 500, "catch") for n in range(10)
    ]
    assert bool(out(table_of(rows, NAMES), Criteria(catch_right=0.8))) == left_out


def test_who_met_no_catch_trial_is_not_judged_by_them(table_of):
    assert out(table_of(trials("ann", 10), NAMES), Criteria(catch_right=1)) == {}


@pytest.mark.parametrize(("times", "left_out"), [((100, 199, 900), True), ((100, 200, 900), False)])
def test_the_median_response_time_decides(table_of, times, left_out):
    rows = [("ann", f"s{n}", "fake", "fake", ms, "") for n, ms in enumerate(times)]
    rows += [("ann", f"c{n}", "fake", "fake", 5, "catch") for n in range(9)]
    assert bool(out(table_of(rows, NAMES), Criteria(fastest_ms=200))) == left_out


def test_the_median_of_an_even_number_of_times_lies_between(table_of):
    rows = [("ann", f"s{n}", "fake", "fake", ms, "") for n, ms in enumerate((900, 150, 250, 100))]
    assert out(table_of(rows, NAMES), Criteria(fastest_ms=200)) == {}
    assert out(table_of(rows, NAMES), Criteria(fastest_ms=201)) != {}


@pytest.mark.parametrize(
    ("same", "count", "left_out"), [(20, 20, True), (19, 20, False), (9, 9, False), (10, 10, True)]
)
def test_one_and_the_same_answer_is_noticed_from_ten_on(table_of, same, count, left_out):
    rows = [("ann", f"s{n}", "fake", "real" if n < same else "fake", 500, "") for n in range(count)]
    assert bool(out(table_of(rows, NAMES), Criteria(one_answer=0.95))) == left_out


def test_skipped_trials_and_catch_trials_are_no_answers(table_of):
    rows = trials("ann", 4) + trials("ann", 9, response="", start=20)
    rows += trials("ann", 9, flags="catch", start=40)
    assert out(table_of(rows, NAMES), Criteria(fewest_trials=5)) != {}
    assert out(table_of(rows, NAMES), Criteria(fewest_trials=4)) == {}


def test_a_pair_is_one_answer_and_a_tie_is_an_answer(table_of):
    names = (*NAMES, "screen")
    pairs = [(*row, str(n // 2)) for n, row in enumerate(trials("ann", 6))]
    tied = trials("ann", 4, response="", flags="tie", start=20)
    ties = [(*row, f"t{n // 2}") for n, row in enumerate(tied)]
    table = table_of(pairs + ties, names)
    assert out(table, Criteria(fewest_trials=5)) == {}
    assert out(table, Criteria(fewest_trials=6)) != {}


def test_observers_are_judged_in_each_study_by_themselves(table_of):
    rows = [(*row, "1") for row in trials("ann", 3)] + [(*row, "2") for row in trials("ann", 6)]
    table = exclude(table_of(rows, (*NAMES, "study")), Criteria(fewest_trials=5))
    assert set(table.study[table.excluded]) == {"1"}


def bad_table(table_of):
    rows = trials("fast", 10, rt_ms=100) + trials("few", 4, flags="too_fast;focus_lost")
    return table_of(rows + trials("same", 30, response="real", rt_ms=50), NAMES)


def test_every_reason_is_told_and_other_flags_stay(table_of):
    assert out(bad_table(table_of), ALL) == {
        "fast": {"excluded_fast"},
        "few": {"too_fast;focus_lost;excluded_few"},
        "same": {"excluded_fast;excluded_one_answer"},
    }


def test_excluded_observers_and_trials_are_counted_by_reason(table_of):
    assert count_excluded(exclude(bad_table(table_of), ALL)) == (
        Excluded("excluded_fast", 2, 40),
        Excluded("excluded_few", 1, 4),
        Excluded("excluded_one_answer", 1, 30),
    )
    assert count_excluded(bad_table(table_of)) == ()


def test_excluding_twice_is_excluding_once_and_asking_nothing_takes_it_back(table_of):
    table = bad_table(table_of)
    once = exclude(table, ALL)
    assert exclude(once, ALL).flags.tolist() == once.flags.tolist()
    assert exclude(once, Criteria()).flags.tolist() == table.flags.tolist()


def test_nothing_but_flags_changes(table_of):
    table = bad_table(table_of)
    for name in set(COLUMNS) - {"flags"}:
        np.testing.assert_array_equal(getattr(exclude(table, ALL), name), getattr(table, name))


def test_every_flag_set_stands_in_the_dictionary(table_of):
    rows = trials("ann", 12, response="real", rt_ms=1)
    rows += [("ann", "c", "fake", "real", 1, "catch")]
    strict = Criteria(catch_right=1, fastest_ms=200, one_answer=0.9, fewest_trials=50)
    flags = set(exclude(table_of(rows, NAMES), strict).flags)
    words = {word for flag in flags for word in flag.split(";")}
    assert len(words) == 5
    assert words <= set(FLAGS)


@pytest.mark.parametrize(
    ("criteria", "reason"),
    [
        ({"catch_right": 1.1}, "catch_right must be from 0 to 1, got 1.1"),
        ({"catch_right": float("nan")}, "catch_right must be from 0 to 1, got nan"),
        ({"fastest_ms": -1}, "fastest_ms must be finite and at least 0, got -1"),
        ({"fastest_ms": float("inf")}, "fastest_ms must be finite and at least 0, got inf"),
        ({"one_answer": 0.4}, "one_answer must be from 0.5 to 1, got 0.4"),
        ({"fewest_trials": -3}, "fewest_trials must be finite and at least 0, got -3"),
    ],
)
def test_a_criterion_out_of_its_range_is_refused(criteria, reason):
    with pytest.raises(ValueError, match=reason):
        Criteria(**criteria)
