"""What is to be said beside a Fréchet distance: how far it is off, and what to read instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from metrics.compute import Sides
from metrics.figures import STEMS, Figure
from metrics.statistics_file import Statistics

LESS_BIASED = ("fid_inf", "kid")
"""What is read beside a Fréchet distance of few images."""


def cautioned(figures: Sequence[Figure], sides: Sides) -> list[Figure]:
    """Say of a Fréchet distance how far it is off, as far as FD∞ tells, and what to read instead."""
    beside = {each.metric: each.value for each in figures if each.value is not None}
    return [
        replace(each, note=_bias(each, beside, sides)) if each.metric == "fid" else each
        for each in figures
    ]


def _bias(figure: Figure, beside: Mapping[str, float], sides: Sides) -> str:
    if figure.value is None:
        return figure.note
    debiased = beside.get("fid_inf")
    by = "" if debiased is None else f", here by about {max(figure.value - debiased, 0.0):.3g}"
    if not sides.too_few_for_frechet:
        return f"biased upward, about as 1/n{by}: compare at equal n only"
    return (
        f"n = {sides.least:,} ≤ d = {sides.dimensions:,}: the covariance is not of full rank, and "
        f"the figure biased upward{by}; {_instead(beside, sides)}"
    )


def _instead(beside: Mapping[str, float], sides: Sides) -> str:
    """Return what to read in place of a Fréchet distance of few images, and what that takes."""
    read = " and ".join(STEMS[each] for each in LESS_BIASED if each in beside)
    advice = f"read {read} instead" if read else "compare at equal n only"
    named = (("REAL", sides.real), ("FAKE", sides.fake))
    lacking = " and ".join(name for name, side in named if isinstance(side, Statistics))
    if not lacking:
        return advice
    more = " and ".join(STEMS[each] for each in LESS_BIASED if each not in beside)
    return f"{advice}; {more} would need the images of {lacking}, in place of their statistics"
