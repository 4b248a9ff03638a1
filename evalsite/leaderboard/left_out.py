"""What the scores leave out, in words: the criteria set before launch, and whom they met."""

from collections.abc import Iterator, Mapping
from typing import Any

from scoring.exclusions import Criteria
from scoring.table import EXCLUDED

REASONS = {
    "catch": "too few catch trials right",
    "fast": "answered too fast",
    "one_answer": "gave nearly always the same answer",
    "few": "gave too few answers",
}


def reason_words(reason: str) -> str:
    """Why somebody was left out, by the criterion's name or its flag.

    >>> reason_words("excluded_fast")
    'answered too fast'
    """
    name = reason.removeprefix(EXCLUDED)
    return REASONS.get(name, name)


def criteria_words(criteria: Criteria) -> list[str]:
    """Who is to be left out, one phrase a criterion.

    >>> criteria_words(Criteria(catch_right=0.8, fewest_trials=20))
    ['fewer than 80 % of their catch trials right', 'fewer than 20 answers']
    """
    asked = {
        "fewer than {:.0f} % of their catch trials right": _percent(criteria.catch_right),
        "a median response time under {:.0f} ms": criteria.fastest_ms,
        "one and the same answer in more than {:.0f} %": _percent(criteria.one_answer),
        "fewer than {} answers": criteria.fewest_trials,
    }
    return [words.format(value) for words, value in asked.items() if value is not None]


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def left_out(content: Mapping[str, Any]) -> list[str]:
    """A sentence for each kind of answer that the scores leave out; none if all count."""
    return list(_left_out(content))


def _left_out(content: Mapping[str, Any]) -> Iterator[str]:
    for reason, observers in content["excluded"].items():
        people = "observer was" if observers == 1 else "observers were"
        yield f"{observers:,} {people} left out: {reason_words(reason)}."
    if number := content["n_excluded_trials"]:
        yield f"With them went {_answers(number)}."
    if number := content["n_catch"]:
        yield f"Catch trials test the observer: {_answers(number)} to them left out."
    if number := content["n_skipped"]:
        verb = "count as wrong" if content["skipped"] == "wrong" else "are left out"
        yield f"{number:,} skipped {'trial' if number == 1 else 'trials'} {verb}."


def _answers(number: int) -> str:
    return f"{number:,} {'answer' if number == 1 else 'answers'}"
