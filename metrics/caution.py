"""What is to be said beside Fréchet distances: how far they are off, and what to read instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from metrics.compute import Sides
from metrics.figures import STEMS, Figure
from metrics.statistics_file import Statistics

ROUNDING = 1e-9

LESS_BIASED = ("fid_inf", "kid")
"""What is read beside a Fréchet distance of few images."""


def cautioned(figures: Sequence[Figure], sides: Sides) -> list[Figure]:
    """Say of a Fréchet distance how far it is off, as far as FD∞ tells, and what to read instead.

    And of FD∞ that it is off as well, where the real images are few.
    """
    beside = {each.metric: each for each in figures if each.value is not None}
    return [replace(each, note=_note(each, beside, sides)) for each in figures]


def class_caution(n: int, dimensions: int) -> str:
    """Say of the distance within a class of n images on the smaller side how far to trust it."""
    if n > dimensions:
        return ""
    return (
        f"n = {n:,} ≤ d = {dimensions:,}: biased upward, more than the figure of all images; compare "
        "with classes of equal n only"
    )


def _note(figure: Figure, beside: Mapping[str, Figure], sides: Sides) -> str:
    if figure.metric == "fid":
        return _bias(figure, beside, sides)
    if figure.metric in ("fid_inf", "fid_inf15"):
        return _bias_of_reals(figure, sides)
    return figure.note


def _bias_of_reals(figure: Figure, sides: Sides) -> str:
    """Say that FD∞ takes out the bias of the fakes alone, where that of the reals is large."""
    n = figure.n_real
    if figure.value is None or n is None or n > sides.dimensions:
        return figure.note
    real = (
        f"n = {n:,} real images ≤ d = {sides.dimensions:,}: the bias that they bring stays in; "
        "compare beside the same real images only"
    )
    return "; ".join(each for each in (figure.note, real) if each)


def _bias(figure: Figure, beside: Mapping[str, Figure], sides: Sides) -> str:
    if figure.value is None:
        return figure.note
    by = _by(figure.value, beside.get("fid_inf"))
    if not sides.too_few_for_frechet:
        return f"biased upward, about as 1/n{by}: compare at equal n only"
    return (
        f"n = {sides.least:,} ≤ d = {sides.dimensions:,}: the covariance is not of full rank, and "
        f"the figure biased upward{by}; {_instead(beside, sides)}"
    )


def _by(value: float, debiased: Figure | None) -> str:
    """Return how far a distance is off, if FD∞ tells; roughly, where that one is off as well."""
    if debiased is None or debiased.value is None:
        return ""
    about = "roughly" if debiased.note else "about"
    return f", here by {about} {_excess(value, debiased.value):.3g} for the fakes alone"


def _excess(value: float, debiased: float) -> float:
    """How far a distance is too large; what is left of rounding is nothing."""
    excess = value - debiased
    return excess if excess > ROUNDING * value else 0.0


def _instead(beside: Mapping[str, Figure], sides: Sides) -> str:
    """Return what to read in place of a Fréchet distance of few images, and what that takes.

    FD∞ is not, where it is off as well and there is anything else.
    """
    there = [each for each in LESS_BIASED if each in beside]
    sound = [each for each in there if each == "kid" or not beside[each].note]
    read = " and ".join(STEMS[each] for each in sound or there)
    advice = f"read {read} instead" if read else "compare at equal n only"
    named = (("REAL", sides.real), ("FAKE", sides.fake))
    lacking = " and ".join(name for name, side in named if isinstance(side, Statistics))
    if not lacking:
        return advice
    more = " and ".join(STEMS[each] for each in LESS_BIASED if each not in beside)
    return f"{advice}; {more} would need the images of {lacking}, in place of their statistics"
