"""Whose answers are left out of the scores, by criteria set before the first answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Criteria:
    """Who is left out; None does not ask.

    Attributes:
        catch_right: the least share of catch trials answered right, 0 to 1.
        fastest_ms: the least median response time.
        one_answer: the largest share of one and the same answer, 0.5 to 1.
        fewest_trials: the least number of answers.
    """

    catch_right: float | None = None
    fastest_ms: float | None = None
    one_answer: float | None = None
    fewest_trials: int | None = None
