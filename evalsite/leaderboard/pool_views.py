"""Pages about generators and what metrics say of their images."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from evalsite import jobs
from evalsite.accounts.rights import may_change, may_delete, require_change
from evalsite.catalog.forms import LARGEST_SEED, PoolForm
from evalsite.catalog.models import Generator, Pool, TrainingRun
from evalsite.catalog.services import Refused, put_to_people
from evalsite.catalog.stamps import is_same, nothing_new
from evalsite.catalog.training import history, is_judged, sheets_of, verdicts
from evalsite.catalog.views import own_generator
from evalsite.jobs import Job, count_ahead
from evalsite.leaderboard import pictures
from evalsite.leaderboard.columns import headline
from evalsite.leaderboard.measured import duplicates, measurements_of, memorisation, sections
from evalsite.leaderboard.measuring import measure_again, request_measurements
from evalsite.leaderboard.models import Measurement, Score
from evalsite.leaderboard.quality import qualities
from evalsite.leaderboard.stamps import stamp_of_generator, stamp_of_pool
from evalsite.leaderboard.training_curves import training_curves
from pools import stimulus

PARTS = ("scores", "measurements")
STRIP = 6
"""Moments of a training that stand side by side."""


@require_safe
def generator(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Generator.objects.with_state(), slug=slug)
    stamp = stamp_of_generator(found)
    if is_same(request, stamp):
        return nothing_new()
    run = getattr(found, "run", None)
    own = Pool.jobs.final().filter(generator=found).select_related("generator__dataset")
    pools = list(own.prefetch_related(*PARTS))
    measurements = [each for pool in pools for each in pool.measurements.all()]
    at_work = [*pools, *measurements, *([run] if run else [])]
    count_ahead(at_work)
    training = _training(run) if run else {}
    context = {
        "generator": found,
        "run": run,
        **training,
        "pools": [(pool, _headline(pool)) for pool in pools],
        "may_change": may_change(request, found),
        "may_delete": may_delete(request, found),
        "pool_form": PoolForm(initial={"seed": _next_seed(pools)}, generator=found),
        "as_of": stamp,
        "is_live": _is_live(pools, at_work) or bool(training.get("to_measure")),
    }
    return render(request, "catalog/generator.html", context)


def _next_seed(pools: Iterable[Pool]) -> int:
    """One that no pool was drawn by yet: the same seed and size would be the same pool."""
    return min(max((pool.seed + 1 for pool in pools), default=0), LARGEST_SEED)


def _training(run: TrainingRun) -> dict[str, Any]:
    """How the training of a generator goes."""
    moments = history(run)
    checkpoints = _checkpoints(run.generator)
    return {
        "verdicts": verdicts(run, moments),
        "is_watched": bool(moments),
        "has_diverged": any(moment.error for moment in moments[-1:]),
        "is_judged": is_judged(run, moments),
        "curves": training_curves(moments, run.images_total),
        "sheets": sheets_of(run),
        "strip": sheets_of(run, most=STRIP),
        "qualities": qualities(run.generator),
        "checkpoints": checkpoints,
        "to_measure": len(checkpoints) - _measured(checkpoints),
    }


def _checkpoints(generator: Generator) -> list[Pool]:
    drawn = Pool.jobs.of_checkpoints().ready().filter(generator=generator)
    return list(drawn.select_related("put_to_people").order_by("images_seen"))


def _measured(pools: Iterable[Pool]) -> int:
    """How many of these are measured, or cannot be."""
    asked = Measurement.jobs.filter(pool__in=pools)
    return len({each.pool_id for each in asked if not each.is_unfinished})


@login_required
@require_POST
def ladder(request: HttpRequest, slug: str) -> HttpResponse:
    """Make generators of the chosen checkpoints, and a study of them."""
    found = own_generator(request, slug)
    chosen = set(request.POST.getlist("pool"))
    pools = [pool for pool in _checkpoints(found) if str(pool.pk) in chosen]
    try:
        rungs = put_to_people(get_object_or_404(TrainingRun, generator=found), pools)
    except Refused as error:
        messages.error(request, f"{error}.")
        return redirect(found)
    for rung in rungs:
        request_measurements(rung)
    query = urlencode([("pool", rung.pk) for rung in rungs])
    return redirect(f"{reverse('launch')}?{query}")


def _headline(pool: Pool) -> list[Score]:
    """The few figures that say most."""
    by_name = {score.name: score for score in pool.scores.all()}
    return [by_name[name] for name in headline(by_name)]


def _is_live(pools: Iterable[Pool], at_work: Iterable[Job]) -> bool:
    """Whether a page will have more to show by itself: images, losses, or metrics."""
    unmeasured = [pool for pool in pools if pool.is_ready and not pool.measurements.all()]
    return bool(unmeasured) or any(job.is_unfinished for job in at_work)


@require_safe
def pool(request: HttpRequest, pk: int) -> HttpResponse:
    """All that metrics say of one pool."""
    found = _pool(pk)
    assert found.generator is not None  # noqa: S101  # of_generators
    measurements = measurements_of(found)
    stamp = stamp_of_pool(found, measurements)
    if is_same(request, stamp):
        return nothing_new()
    context = {
        "pool": found,
        "generator": found.generator,
        "dataset": found.imitates,
        "sections": sections(found),
        "memorisation": memorisation(measurements),
        "shelves": pictures.shelves(measurements),
        "duplicates": duplicates(measurements),
        "groups": pictures.groups(measurements),
        "sees_pictures": pictures.sees_pictures(request, found),
        "side_px": pictures.side_px(found.imitates.resolution_px),
        "may_change": may_change(request, found.generator),
        "as_of": stamp,
        "is_live": _is_live([found], [found, *measurements]),
    }
    return render(request, "leaderboard/pool.html", context)


def _pool(pk: int) -> Pool:
    own = Pool.jobs.of_generators().select_related("generator__dataset", "generator__owner")
    return get_object_or_404(own.prefetch_related(*PARTS), pk=pk)


@login_required
@require_POST
def cancel_pool(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop the drawing of a pool, which can be begun again."""
    found = _pool(pk)
    assert found.generator is not None  # noqa: S101  # of_generators
    require_change(request, found.generator)
    if jobs.cancel(found):
        messages.success(request, "Cancelled: the pool can be drawn again, or deleted.")
    else:
        messages.error(request, "Nobody is drawing this pool any more.")
    return redirect(found.generator)


@login_required
@require_POST
def retry_pool(request: HttpRequest, pk: int) -> HttpResponse:
    """Draw a pool again, or measure it again, whichever failed."""
    found = _pool(pk)
    assert found.generator is not None  # noqa: S101  # of_generators
    require_change(request, found.generator)
    if found.is_refused:
        messages.error(
            request, "The same file would be refused again: mend it, and upload it again."
        )
        return redirect(found.generator)
    jobs.retry(found)
    for measurement in found.measurements.all():
        measure_again(measurement)
    return redirect("pool", found.pk) if found.is_ready else redirect(found.generator)


@require_safe
def pool_image(request: HttpRequest, pk: int, side: str, index: int) -> HttpResponse:
    """One image of those that the pool's page shows, for who may see it there."""
    found = _pool(pk)
    if not pictures.sees_pictures(request, found):
        raise PermissionDenied("Single images are shown when no study may show them any more.")
    if not pictures.is_shown(measurements_of(found), side, index):
        raise Http404("the page of this pool has no such image")
    return HttpResponse(
        stimulus.encode(pictures.side_of(found, side).open().image(index)),
        content_type=stimulus.MEDIA_TYPE,
        headers={"Cache-Control": "private, max-age=3600, no-transform"},
    )
