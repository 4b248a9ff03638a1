"""Error rates, d′ and criterion from totals, and how each moves with one more wrong answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from scoring.counts import Totals

Floats = NDArray[np.float64]


ROOT = float(np.sqrt(2 * np.pi))


@dataclass(frozen=True)
class Scale:
    """Where intervals are made: `to` it from a measure, `back`, and the `slope` of `to`."""

    to: Callable[[Floats], Floats]
    back: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]


PLAIN = Scale(np.asarray, np.asarray, np.ones_like)
Z = Scale(ndtri, ndtr, lambda rate: ROOT * np.exp(ndtri(rate) ** 2 / 2))


@dataclass(frozen=True)
class Measure:
    """A number computed from totals.

    Attributes:
        value: totals -> (G,) or (G, draws), NaN where it is not defined.
        slopes: totals -> its derivatives by wrong answers to fakes and to reals, each like value.
        scale: where its error is much the same for all values, as z is for rates.
        scaled: totals -> the value on that scale, like value; finite for rates of 0 and 1 too.
    """

    value: Callable[[Totals], Floats]
    slopes: Callable[[Totals], tuple[Floats, Floats]]
    scale: Scale
    scaled: Callable[[Totals], Floats]


def ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, NaN where whole is not positive."""
    undefined: Floats = np.full(np.shape(whole), np.nan)
    return np.divide(part, whole, out=undefined, where=whole > 0)


def error_rate(totals: Totals) -> Floats:
    """Share of wrong answers, fakes and reals together: 0.5 is guessing, above it fools people.

    HYPE's human error rate (Zhou et al., NeurIPS 2019).

    >>> one = Totals(*(np.array([count]) for count in (50.0, 20.0, 50.0, 10.0)))
    >>> error_rate(one), fake_error(one), real_error(one)
    (array([0.3]), array([0.4]), array([0.2]))
    """
    return ratio(totals.fake_wrong + totals.real_wrong, totals.fake_trials + totals.real_trials)


def fake_error(totals: Totals) -> Floats:
    """Share of fakes taken for real: the fooling rate."""
    return ratio(totals.fake_wrong, totals.fake_trials)


def real_error(totals: Totals) -> Floats:
    """Share of reals taken for fake."""
    return ratio(totals.real_wrong, totals.real_trials)


def d_prime(totals: Totals) -> Floats:
    """Sensitivity z(hits) - z(false alarms), where the signal is "fake": 0 is guessing.

    Rates have Hautus' log-linear correction: 0.5 is added to the counts and 1 to the trials
    (Hautus, Behavior Research Methods 27, 1995), so that rates of 0 and 1 stay finite.

    >>> one = Totals(*(np.array([count]) for count in (50.0, 20.0, 50.0, 10.0)))
    >>> d_prime(one).round(3), criterion(one).round(3)
    (array([1.069]), array([0.286]))
    """
    hits, false_alarms = _z_rates(totals)
    return hits - false_alarms


def criterion(totals: Totals) -> Floats:
    """Bias c = -(z(hits) + z(false alarms)) / 2: above 0 leans to "real", below 0 to "fake"."""
    hits, false_alarms = _z_rates(totals)
    return -(hits + false_alarms) / 2


def _z_rates(totals: Totals) -> tuple[Floats, Floats]:
    """z of "fake" said to fakes and to reals; NaN where there are no fakes or no reals."""
    defined = (totals.fake_trials > 0) & (totals.real_trials > 0)
    hits, false_alarms = -_z_fake_error(totals), _z_real_error(totals)
    return np.where(defined, hits, np.nan), np.where(defined, false_alarms, np.nan)


def _z(wrong: Floats, trials: Floats) -> Floats:
    """z of a rate with the log-linear correction, NaN without trials."""
    return np.asarray(ndtri(np.where(trials > 0, (wrong + 0.5) / (trials + 1), np.nan)))


def _z_error_rate(totals: Totals) -> Floats:
    wrong = totals.fake_wrong + totals.real_wrong
    return _z(wrong, totals.fake_trials + totals.real_trials)


def _z_fake_error(totals: Totals) -> Floats:
    return _z(totals.fake_wrong, totals.fake_trials)


def _z_real_error(totals: Totals) -> Floats:
    return _z(totals.real_wrong, totals.real_trials)


def _error_slopes(totals: Totals) -> tuple[Floats, Floats]:
    slope = ratio(np.ones_like(totals.fake_trials), totals.fake_trials + totals.real_trials)
    return slope, slope


def _fake_slopes(totals: Totals) -> tuple[Floats, Floats]:
    slope = ratio(np.ones_like(totals.fake_trials), totals.fake_trials)
    return slope, np.zeros_like(slope)


def _real_slopes(totals: Totals) -> tuple[Floats, Floats]:
    slope = ratio(np.ones_like(totals.real_trials), totals.real_trials)
    return np.zeros_like(slope), slope


def _z_slopes(totals: Totals) -> tuple[Floats, Floats]:
    """Derivatives of z(hits) by wrong fakes, and of z(false alarms) by wrong reals."""
    hits, false_alarms = _z_rates(totals)
    by_fake = -ROOT * np.exp(hits**2 / 2) / (totals.fake_trials + 1)
    by_real = ROOT * np.exp(false_alarms**2 / 2) / (totals.real_trials + 1)
    return by_fake, by_real


def _d_prime_slopes(totals: Totals) -> tuple[Floats, Floats]:
    by_fake, by_real = _z_slopes(totals)
    return by_fake, -by_real


def _criterion_slopes(totals: Totals) -> tuple[Floats, Floats]:
    by_fake, by_real = _z_slopes(totals)
    return -by_fake / 2, -by_real / 2


MEASURES = {
    "error_rate": Measure(error_rate, _error_slopes, Z, _z_error_rate),
    "fake_error": Measure(fake_error, _fake_slopes, Z, _z_fake_error),
    "real_error": Measure(real_error, _real_slopes, Z, _z_real_error),
    "d_prime": Measure(d_prime, _d_prime_slopes, PLAIN, d_prime),
    "criterion": Measure(criterion, _criterion_slopes, PLAIN, criterion),
}
