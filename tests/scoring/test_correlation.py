"""Metrics are compared with people by ranks, turned so that agreement is always positive."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from scoring.correlation import correlate, read_metrics, spearman
from scoring.rules import BadTable


def test_rho_is_that_of_spearman_with_ties():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 6, (2, 30)).astype(float)
    assert spearman(first, second).value == pytest.approx(spearmanr(first, second).statistic)


def test_the_interval_is_bonett_and_wrights():
    first = np.arange(12.0)
    second = np.array([1.0, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10])
    figure = spearman(first, second)
    rho = 1 - 6 * 12 / (12 * 143)
    z, error = np.arctanh(rho), np.sqrt((1 + rho**2 / 2) / 9)
    expected = (rho, np.tanh(z - 1.959964 * error), np.tanh(z + 1.959964 * error))
    assert (figure.value, figure.low, figure.high) == pytest.approx(expected)
    assert (figure.n, figure.resampled) == (12, "generators")


def test_intervals_of_simulated_generators_cover_the_truth():
    rng = np.random.default_rng(1)
    truth = 6 / np.pi * np.arcsin(0.7 / 2)
    covered = []
    for _ in range(1000):
        human = rng.normal(size=15)
        metric = 0.7 * human + np.sqrt(1 - 0.49) * rng.normal(size=15)
        figure = spearman(human, metric)
        covered.append(figure.low <= truth <= figure.high)
    assert 0.93 <= np.mean(covered) <= 0.97


@pytest.mark.parametrize(
    ("first", "second", "value", "reason"),
    [
        ([], [], None, "not defined: it needs two generators that differ in both"),
        ([1, 2, 3, 4], [5, 5, 5, 5], None, "not defined: it needs two generators"),
        ([1, 2, 3], [1, 3, 2], 0.5, "an interval needs at least 4 generators, got 3"),
        ([1, 2, 3, 4], [2, 4, 6, 8], 1, "the two orders are the same"),
    ],
)
def test_no_interval_is_given_where_it_would_be_a_fiction(first, second, value, reason):
    figure = spearman(np.array(first, dtype=float), np.array(second, dtype=float))
    assert figure.value == pytest.approx(value)
    assert figure.low is None
    assert figure.reason.startswith(reason)


def test_metrics_by_which_less_is_better_are_turned_round():
    people = {name: 0.1 * n for n, name in enumerate("abcde")}
    values = {name: float(n) for n, name in enumerate("edbca")}
    found = correlate(people, {"FD-lite0": values, "precision": values, "mystery": values})
    turned = {one.metric: (one.lower_is_better, round(one.rho.value, 6)) for one in found}
    assert turned == {"FD-lite0": (True, 0.9), "mystery": (None, -0.9), "precision": (False, -0.9)}


def test_only_generators_with_both_numbers_count():
    people = {"a": 0.1, "b": 0.2, "c": 0.3}
    assert correlate(people, {"FD": {"a": 3.0, "b": 2.0, "z": 1.0}})[0].rho.n == 2


def test_metrics_are_read_from_csv(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(
        "\ufeffname,extra,Generator,value\nFD,x, gan ,12.5\n\nFD,,vae,3\nKID,,gan,1e-3\n"
    )
    assert read_metrics(path) == {"FD": {"gan": 12.5, "vae": 3.0}, "KID": {"gan": 0.001}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"missing columns: generator, name, value \(found: \)"),
        ("generator,value\n", r"missing columns: name \(found: generator, value\)"),
        ("generator,name,value\na,FD,x\n", "line 2: value 'x' is not a finite number"),
        ("generator,name,value\na,FD,inf\n", "line 2: value 'inf' is not a finite number"),
        ("generator,name,value\na,FD\n", "line 2: has 2 fields, 3 wanted"),
        ("generator,name,value\n,FD,1\n", "line 2: generator and name must not be empty"),
        ("generator,name,value\na,FD,1\na,FD,2\n", "line 3: a already has a value of FD"),
        ("generator,name,value\na,FD,x\na,,2\n", "2 bad rows: line 2: .*; line 3: "),
    ],
)
def test_a_bad_line_of_metrics_is_named(tmp_path, text, reason):
    path = tmp_path / "metrics.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadTable, match=reason):
        read_metrics(path)
