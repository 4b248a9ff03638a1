"""The columns that a visitor chose last, kept in a cookie of their own for each protocol."""

from collections.abc import Sequence
from urllib.parse import quote, unquote

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

YEAR_S = 365 * 24 * 3600


def asked_columns(request: HttpRequest, protocol: str) -> list[str]:
    """What the address asks for, and else what was chosen before; empty: nothing was."""
    if "columns" in request.GET:
        return request.GET.getlist("columns")
    return unquote(request.COOKIES.get(_cookie(protocol), "")).split()


def remember(response: HttpResponse, protocol: str, chosen: Sequence[str]) -> None:
    """Keep what was chosen; nothing forgets it."""
    place = reverse("leaderboard")
    if not chosen:
        response.delete_cookie(_cookie(protocol), path=place, samesite="Lax")
        return
    response.set_cookie(
        _cookie(protocol),
        quote(" ".join(chosen)),
        max_age=YEAR_S,
        path=place,
        samesite="Lax",
        httponly=True,
    )


def _cookie(protocol: str) -> str:
    return f"columns-{protocol}"
