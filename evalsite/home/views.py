"""The front page, its live pair, and the health check."""

import secrets
import sys
from typing import Any

from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import loader
from django.templatetags.static import static
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.defaults import server_error

from evalsite import jobs
from evalsite.catalog.models import Pool
from evalsite.studies.language import is_for_people
from evalsite.studies.models import Study
from pools import stimulus
from pools.errors import PoolError, is_of_full_disk

PAIR_SIDE_PX = 160
SHOWN = 6
"""Jobs at most that the front page tells of."""


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    told = [model.jobs.unfinished().told() for model in jobs.kinds()]
    unfinished = [row for rows in told for row in rows.order_by("pk")][:SHOWN]
    jobs.count_ahead(unfinished)
    context = {
        "studies": Study.objects.open().select_related("dataset")[:4],
        "unfinished": unfinished,
        "has_pair": Pool.jobs.of_generators().ready().exists(),
    }
    return render(request, "home/home.html", context)


@require_safe
def favicon(_: HttpRequest) -> HttpResponse:
    """Where browsers look that no page has told of the icon."""
    return redirect(static("icon.svg"))


def broken(request: HttpRequest) -> HttpResponse:
    """What an error comes to; researchers are told of what they, or who runs the site, can do something for."""
    error = sys.exc_info()[1]
    if is_for_people(request):
        return server_error(request)
    if is_of_full_disk(error):
        return HttpResponse(loader.render_to_string("507.html"), status=507)
    if isinstance(error, PoolError):
        return HttpResponse(loader.render_to_string("503.html"), status=503)
    return server_error(request)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    connection.ensure_connection()
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_safe
def pair(request: HttpRequest) -> HttpResponse:
    """A pair to tell apart; there is a new one at every request."""
    return _fresh_pair(request)


def _fresh_pair(request: HttpRequest) -> HttpResponse:
    """Two images; which one is real stays in the session."""
    forged = (
        Pool.jobs.of_generators().ready().select_related("generator__dataset").order_by("?").first()
    )
    if forged is None:
        return render(request, "home/no_pair.html")
    images = [_pick(forged.imitates.held_out_pool), _pick(forged)]
    real = images[0]["code"]
    secrets.SystemRandom().shuffle(images)
    request.session["pair"] = {"images": images, "real": real}
    context = {"images": images, "side_px": _side_px(forged), "tally": _tally(request)}
    return render(request, "home/pair.html", context)


def _pick(pool: Pool) -> dict[str, Any]:
    return {
        "code": secrets.token_urlsafe(12),
        "pool": pool.pk,
        "index": secrets.randbelow(pool.on_show or pool.count),
    }


def _tally(request: HttpRequest) -> dict[str, int]:
    tally: dict[str, int] = request.session.setdefault("tally", {"right": 0, "total": 0})
    return tally


@require_safe
@cache_control(private=True, max_age=300, no_transform=True)
def pair_image(request: HttpRequest, code: str) -> HttpResponse:
    shown = request.session.get("pair", {"images": []})["images"]
    image = next((image for image in shown if image["code"] == code), None)
    if image is None:
        raise Http404("this pair is over")
    pixels = Pool.jobs.get(pk=image["pool"]).open().image(image["index"])
    return HttpResponse(stimulus.encode(pixels), content_type="image/png")


@require_POST
def answer_pair(request: HttpRequest) -> HttpResponse:
    shown = request.session.get("pair")
    chosen = request.POST.get("code")
    if (
        shown is None
        or shown.get("answered")
        or chosen not in {image["code"] for image in shown["images"]}
    ):
        return _fresh_pair(request)
    is_right = chosen == shown["real"]
    tally = _tally(request)
    tally["total"] += 1
    tally["right"] += is_right
    request.session["pair"] = {**shown, "answered": True}
    context = {
        "images": shown["images"],
        "real": shown["real"],
        "chosen": chosen,
        "is_right": is_right,
        "tally": tally,
        "study": Study.objects.open().first(),
        "side_px": _side_px(Pool.jobs.get(pk=shown["images"][0]["pool"])),
    }
    return render(request, "home/pair_answered.html", context)


def _side_px(pool: Pool) -> int:
    resolution_px = pool.imitates.resolution_px
    return max(1, PAIR_SIDE_PX // resolution_px) * resolution_px
