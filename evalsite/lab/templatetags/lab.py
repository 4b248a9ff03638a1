"""Numbers as the lab's pages write them."""

from django import template

from evalsite.lab.curve import accuracy_of
from evalsite.leaderboard import words

register = template.Library()


@register.filter
def plain(value: float) -> str:
    """At most two decimals, and no more than it takes.

    >>> plain(-1.4000000000000001), plain(3.0), plain(-0.001)
    ('−1.4', '3', '0')
    """
    return f"{round(value, 2) + 0:g}".replace("-", "−")


@register.filter
def epsilon(value: float) -> str:
    """An ε as it was asked for.

    >>> epsilon(0.031)
    '0.031'
    """
    return f"{value:g}"


@register.filter
def percent(share: float | None) -> str:
    """A share in percent, a dash where there is none.

    >>> percent(0.987), percent(None)
    ('98.7', '–')
    """
    return "–" if share is None else words.percent(share)


register.filter("accuracy", accuracy_of)


@register.filter
def norm(name: str) -> str:
    """How a norm is written.

    >>> norm("linf"), norm("l2")
    ('l∞', 'l2')
    """
    return "l∞" if name == "linf" else name
