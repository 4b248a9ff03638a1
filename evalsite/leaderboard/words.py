"""How every figure is named, defined and written."""

from collections.abc import Callable
from dataclasses import dataclass


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


def milliseconds(value: float) -> str:
    return f"{value:.0f}"


def decimals(places: int) -> Callable[[float], str]:
    return lambda value: f"{value:.{places}f}".replace("-", "−")


def bound(floor: int, ceiling: int) -> str:
    """What stands before a threshold of which some blocks are censored at either end.

    >>> bound(0, 2), bound(1, 0), bound(0, 0)
    ('≥ ', '≤ ', '')
    """
    if floor and ceiling:
        return "≈ "
    return "≥ " if ceiling else "≤ " if floor else ""


@dataclass(frozen=True)
class Figure:
    """A column of the leaderboard: its heading, its definition, how its numbers are written."""

    label: str
    definition: str
    write: Callable[[float], str]
    unit: str = ""

    @property
    def heading(self) -> str:
        return f"{self.label}, {self.unit}" if self.unit else self.label


FIGURES = {
    "error_rate": Figure(
        "Error rate",
        "Share of wrong answers, real and generated images together. 50 % means people cannot tell; more,"
        " that the generated images look more real than the real ones.",
        percent,
        "%",
    ),
    "fake_error": Figure(
        "Fooled", "Share of generated images that people took for real.", percent, "%"
    ),
    "real_error": Figure(
        "Doubted", "Share of real images that people took for generated.", percent, "%"
    ),
    "dprime": Figure(
        "d′",
        "How well people tell real from generated, whatever their bias: 0 is not at all. Log-linear"
        " correction (Hautus 1995).",
        decimals(2),
    ),
    "criterion": Figure("c", "Bias: above 0, people lean towards answering “real”.", decimals(2)),
    "threshold_ms": Figure(
        "Threshold",
        "The exposure at which a fitted psychometric function passes the share of right answers that the"
        " study’s rule aims at: longer means more real.",
        milliseconds,
        "ms",
    ),
    "modal_ms": Figure(
        "Modal exposure",
        "The exposure shown most often in a block, as HYPE reads thresholds. In short blocks it leans to"
        " the staircase’s start.",
        milliseconds,
        "ms",
    ),
    "win_rate": Figure(
        "Win rate",
        "Share of its pairs in which people took its image for the real, or the more real, one; a tie counts"
        " one half. Against real images, 50 % means people cannot tell.",
        percent,
        "%",
    ),
    "strength": Figure(
        "Strength",
        "Log-strength of the Bradley–Terry model with ties (Davidson 1970): 1 more multiplies the odds of"
        " winning a pair by 2.7.",
        decimals(2),
    ),
    "rt_ms": Figure("Time", "Median time to answer.", milliseconds, "ms"),
    "IS": Figure(
        "IS",
        "Inception Score: sharp and varied by a network’s classes. Higher is better.",
        decimals(2),
    ),
    "FD": Figure(
        "FD",
        "Fréchet distance between the features of generated and real images. Lower is better. It is"
        " called FID only with the Inception network of the FID paper.",
        decimals(2),
    ),
    "FID": Figure("FID", "Fréchet Inception distance. Lower is better.", decimals(2)),
    "KID": Figure(
        "KID",
        "Kernel distance between the features of generated and real images, × 1000; unbiased. Lower is"
        " better.",
        lambda value: decimals(2)(1000 * value),
        "× 1000",
    ),
}

METRICS = ("IS", "FD", "FID", "KID")


def figure(name: str) -> Figure:
    """The words for a score's name; `FD-lite0` is the figure FD with the extractor lite0."""
    if name in FIGURES:
        return FIGURES[name]
    kind, _, extractor = name.partition("-")
    if kind not in FIGURES:
        return Figure(name, "", decimals(3))
    known = FIGURES[kind]
    definition = f"{known.definition} Features: {extractor}."
    return Figure(f"{known.label}-{extractor}", definition, known.write, known.unit)
