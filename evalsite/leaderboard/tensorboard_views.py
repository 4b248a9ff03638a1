"""Trainings to take home for TensorBoard."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from evalsite.catalog.models import Sweep, TrainingRun


@require_safe
def training_events(request: HttpRequest, slug: str) -> HttpResponse:
    """One event file."""
    from evalsite.leaderboard import tensorboard  # few ask for it, and it takes long to load

    runs = TrainingRun.jobs.select_related("generator")
    run = get_object_or_404(runs, generator__slug=slug)
    if not run.images_seen:
        raise Http404("this training has nothing to tell yet")
    return _file(tensorboard.events_of(run), tensorboard.file_name(run), "application/octet-stream")


@require_safe
def sweep_events(request: HttpRequest, slug: str) -> HttpResponse:
    """A zip with a folder for each training."""
    from evalsite.leaderboard import tensorboard

    sweep = get_object_or_404(Sweep, slug=slug)
    return _file(tensorboard.archive_of(sweep), f"{sweep.slug}-tensorboard.zip", "application/zip")


def _file(content: bytes, name: str, kind: str) -> HttpResponse:
    return HttpResponse(
        content,
        content_type=kind,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
