"""What is said of memorisation: a verdict of one word, and sentences for people."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from metrics.copies import Copies
from metrics.estimate import Estimate
from metrics.thumbnails import COARSE_PX

SEEN: Mapping[str, str] = {
    "features": "{} lie that close to one in the extractor's features",
    "pixels": f"{{}} lie that close to one once reduced to {COARSE_PX} × {COARSE_PX} grey fields of "
    "like brightness and contrast",
    "near": "{} look the same as one",
    "exact": "{} equal one in every pixel",
}
"""What copies do, by `Copies.seen`."""

COUNTED: Mapping[str, str] = {
    "features": "by the extractor's features",
    "pixels": "by coarse pixels",
    "near": "by near duplicates",
    "exact": "pixel for pixel",
}
"""By what copies are counted."""


def verdict_of(copied: Copies, closeness: Estimate | None) -> str:
    """Return "copies", "close", "none" or "unknown"; see `memorisation`."""
    if copied.outnumber_chance:
        return "copies"
    if closeness is None:
        return "unknown"
    return "close" if _bounds(closeness)[1] < 0 else "none"


def words_of(
    verdict: str, copied: Copies, closeness: Estimate | None, unjudged: str, exact: int
) -> str:
    """Return the verdict in a few sentences for somebody who never heard of C_T.

    `unjudged` says why there is no C_T; `exact` samples equal a training image in every pixel.
    """
    if verdict == "copies":
        return f"{_copies(copied)}{_exact(exact if copied.seen != 'exact' else 0)}"
    most = (
        f"At most {copied.bounds[1]:,} of {copied.n:,} are copies, exact or nearly so "
        f"({COUNTED[copied.seen]}).{_exact(exact)}"
    )
    if closeness is None:
        return (
            f"{most} Whether samples are closer to the training images than new real images would "
            f"be cannot be said: {unjudged}."
        )
    return f"{_closeness(verdict, closeness)} {most}"


def words_of_few(copied: Copies | None, exact: int, reason: str) -> str:
    """Return what there is to say where only duplicates could be looked for, for a reason."""
    if copied:
        exact = exact if copied.seen != "exact" else 0
        return f"{_copies(copied)}{_exact(exact)} More cannot be judged: {reason}."
    return f"Memorisation cannot be judged: {reason}.{_exact(exact)}"


def _copies(copied: Copies) -> str:
    noise = "" if copied.seen == "exact" else ", up to noise"
    low, high = copied.bounds
    return (
        f"About {copied.value:,.0f} of {copied.n:,} samples (95 % interval {low:,} to {high:,}) "
        f"are copies of training images{noise}: "
        f"{SEEN[copied.seen].format(f'{copied.within:,}')}, and of as many new real images "
        f"{copied.expected:,.0f} would."
    )


def _exact(n: int) -> str:
    if not n:
        return ""
    return f" {n:,} {'equals' if n == 1 else 'equal'} a training image in every pixel."


def _closeness(verdict: str, closeness: Estimate) -> str:
    low, high = _bounds(closeness)
    figures = f"C_T {closeness.value:.2f}, 95 % interval {low:.2f} to {high:.2f}".replace("-", "−")
    if verdict == "close":
        return (
            "Samples lie closer to the training images than held-out real images do "
            f"({figures}; about 0 if nothing is copied): the generator clings to its training "
            "images, or leaves out unusual ones."
        )
    distance = "lie farther from" if low > 0 else "are no closer to"
    return (
        f"No sign of copying: samples {distance} the training images than held-out real images "
        f"({figures}; clearly below 0 if something is copied)."
    )


def _bounds(closeness: Estimate) -> tuple[float, float]:
    return closeness.interval() or (-np.inf, np.inf)
