"""Looking a score up by a name that the template holds in a variable, and saying when it is a bound."""

from django import template

from evalsite.leaderboard import words
from evalsite.leaderboard.models import Score

register = template.Library()


@register.filter
def named(scores: dict[str, Score], name: str) -> Score | None:
    return scores.get(name)


@register.filter
def bound(score: Score) -> str:
    return words.bound(score.details.get("floor", 0), score.details.get("ceiling", 0))
