"""Scores looked up by a name that a template holds in a variable, and figures said in words."""

from django import template

from evalsite.leaderboard import words
from evalsite.leaderboard.board import Row
from evalsite.leaderboard.models import Score

register = template.Library()


@register.filter
def named(scores: dict[str, Score], name: str) -> Score | None:
    return scores.get(name)


@register.filter
def failure(row: Row, name: str) -> str:
    return row.failure(name)


@register.filter
def time_left(seconds: float) -> str:
    return words.time_left(seconds)


@register.filter
def bound(score: Score) -> str:
    return words.bound(score.details.get("floor", 0), score.details.get("ceiling", 0))
