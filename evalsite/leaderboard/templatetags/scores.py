"""Looking a score up by a name that the template holds in a variable."""

from django import template

from evalsite.leaderboard.models import Score

register = template.Library()


@register.filter
def named(scores: dict[str, Score], name: str) -> Score | None:
    return scores.get(name)
