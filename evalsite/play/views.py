"""Pages on which people play with trained generators, and what these pages ask for."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from evalsite import jobs
from evalsite.accounts.rights import may_change, require_change
from evalsite.catalog.models import Generator
from evalsite.catalog.services import Refused
from evalsite.play import exploring, neighbours, services, translating
from evalsite.play.asked import read_json, read_point, read_points
from evalsite.play.forms import TurnForm
from evalsite.play.models import Export
from evalsite.play.networks import network_of
from evalsite.play.seats import RETRY_AFTER_S, Busy, seat
from evalsite.play.showing import LARGE_PX, LARGEST_PX, THUMB_PX, as_address, as_addresses, multiple
from pools.errors import PoolError

logger = logging.getLogger(__name__)

FEWEST_STEPS, MOST_STEPS = 2, 40
FROM_NOISE = "none"
Answer = Callable[[HttpRequest, Generator], dict[str, Any]]


def _trained(slug: str, *, translates: bool) -> Generator:
    """A network trained here that translates, or one that draws from noise."""
    found = get_object_or_404(
        Generator.objects.select_related("dataset", "owner", "run"),
        slug=slug,
        kind=Generator.Kind.TRAINED,
        run__isnull=False,
    )
    if (services.translation_of(found).task != FROM_NOISE) != translates:
        raise Http404("this generator is of another kind")
    return found


def _answers(*, translates: bool) -> Callable[[Answer], Callable[..., HttpResponse]]:
    """A view that answers a POST with JSON; what is refused is said in words."""

    def decorate(answer: Answer) -> Callable[..., HttpResponse]:
        @require_POST
        @wraps(answer)
        def view(request: HttpRequest, slug: str) -> HttpResponse:
            found = _trained(slug, translates=translates)
            try:
                with seat():
                    return JsonResponse(answer(request, found))
            except (Refused, Export.DoesNotExist, PoolError, Busy) as error:
                return _refusal(error)

        return view

    return decorate


def _refusal(error: Exception) -> JsonResponse:
    """What is wrong, in words for the page."""
    if isinstance(error, Refused):
        return JsonResponse({"error": str(error)}, status=400)
    if isinstance(error, Export.DoesNotExist):
        words = "The network is not ready for the browser yet: reload the page."
        return JsonResponse({"error": words}, status=409)
    if isinstance(error, Busy):
        words = "Many people play with networks just now: try again in a moment."
        return JsonResponse({"error": words}, status=503, headers={"Retry-After": RETRY_AFTER_S})
    logger.error("%s", error)
    words = "The real images cannot be read: tell whoever runs this site."
    return JsonResponse({"error": words}, status=500)


def _waits(request: HttpRequest, generator: Generator, title: str) -> HttpResponse | None:
    """The page that waits for the network, None once it is there."""
    exports = services.request_exports(generator) if generator.file else []
    if exports and all(export.is_ready for export in exports):
        return HttpResponseClientRefresh() if request.headers.get("HX-Request") else None
    context = {
        "generator": generator,
        "title": title,
        "exports": exports,
        "may_change": may_change(request, generator),
    }
    return render(request, "play/waiting.html", context)


@login_required
@require_POST
def retry_export(request: HttpRequest, pk: int) -> HttpResponse:
    """Try again what has failed."""
    export = get_object_or_404(Export.jobs.select_related("generator__run"), pk=pk)
    require_change(request, export.generator)
    jobs.retry(export)
    translates = services.translation_of(export.generator).task != FROM_NOISE
    return redirect("translate" if translates else "explore", export.generator.slug)


@require_safe
def explore(request: HttpRequest, slug: str) -> HttpResponse:
    """Arithmetic with codes, and walks between them."""
    found = _trained(slug, translates=False)
    waiting = _waits(request, found, "Explore")
    if waiting:
        return waiting
    network, resolution_px = network_of(found), found.dataset.resolution_px
    sees = neighbours.may_see(request, found)
    about = {
        "classes": list(found.dataset.class_names) if network.class_count else [],
        "addresses": {
            name: reverse(f"explore_{name}", args=[slug]) for name in ("draw", "walk", "nearest")
        },
    }
    context = {
        "generator": found,
        "z_dim": network.z_dim,
        "about": about,
        "sees_neighbours": sees,
        "thumb_px": multiple(resolution_px, THUMB_PX),
        "large_px": multiple(resolution_px, LARGE_PX),
    }
    return render(request, "play/explore.html", context)


@_answers(translates=False)
def draw(request: HttpRequest, generator: Generator) -> dict[str, Any]:
    """`{"points": [point, …]}`: a picture of each."""
    points = read_points(read_json(request.body).get("points"))
    return {"images": as_addresses(exploring.draw(network_of(generator), points))}


@_answers(translates=False)
def walk(request: HttpRequest, generator: Generator) -> dict[str, Any]:
    """`{"from": point, "to": point, "steps": 31}`: pictures of the way."""
    asked = read_json(request.body)
    steps = asked.get("steps")
    if type(steps) is not int or not FEWEST_STEPS <= steps <= MOST_STEPS:
        raise Refused(f"steps must be from {FEWEST_STEPS} to {MOST_STEPS}, got {steps!r:.80}")
    start, end = read_point(asked.get("from")), read_point(asked.get("to"))
    return {"images": as_addresses(exploring.walk(network_of(generator), start, end, steps))}


@_answers(translates=False)
def nearest(request: HttpRequest, generator: Generator) -> dict[str, Any]:
    """`{"point": point}`: its picture, and the training images nearest to it."""
    if not neighbours.may_see(request, generator):
        raise Refused("Training images are shown once no open study uses them.")
    point = read_point(read_json(request.body).get("point"))
    image = exploring.draw(network_of(generator), [point])[0]
    pool = generator.dataset.train_pool
    found = neighbours.neighbours_of(image, pool.url)
    real = pool.open()
    return {
        "image": as_address(image),
        "nearest": [
            {"image": as_address(real.image(each.index)), "distance": round(each.distance, 1)}
            for each in found
        ],
        "among": len(neighbours.neighbourhood(pool.url).rows),
    }


@require_safe
def translate(request: HttpRequest, slug: str) -> HttpResponse:
    """Drawings, cycles or enlargements."""
    found = _trained(slug, translates=True)
    waiting = _waits(request, found, "Translate")
    if waiting:
        return waiting
    resolution_px = found.dataset.resolution_px
    task = services.translation_of(found).task
    context = {
        "generator": found,
        "task": task,
        "parts": f"play/{task}.html",
        "examples": [(each, as_address(each.image)) for each in translating.examples(found)],
        "class_names": translating.class_names(found) if task == services.CYCLE else (),
        "resolution_px": resolution_px,
        "thumb_px": multiple(resolution_px, THUMB_PX),
        "large_px": multiple(resolution_px, LARGEST_PX),
    }
    return render(request, "play/translate.html", context)


@_answers(translates=True)
def turn(request: HttpRequest, generator: Generator) -> dict[str, Any]:
    """An example or an uploaded image: the pictures that belong to it, and what there is to say."""
    form = TurnForm(request.POST, request.FILES)
    if not form.is_valid():
        raise Refused(form.words)
    asked = form.cleaned_data
    if asked["image"] is None:
        turned = translating.turn_example(generator, asked["example"], back=asked["back"])
    else:
        turned = translating.turn_upload(generator, asked["image"], back=asked["back"])
    return {
        "pictures": {name: as_address(image) for name, image in turned.pictures.items()},
        "words": turned.words,
        "notes": turned.notes,
    }
