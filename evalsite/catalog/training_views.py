"""How a training goes, for programs: its curves and verdicts as JSON, its samples as an animation."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import condition, require_safe

from evalsite.catalog import training
from evalsite.catalog.models import SampleSheet, TrainingRun


def _run(slug: str) -> TrainingRun:
    return get_object_or_404(TrainingRun.jobs.select_related("generator"), generator__slug=slug)


@require_safe
def training_json(request: HttpRequest, slug: str) -> JsonResponse:
    return JsonResponse(training.report(_run(slug)))


def _last_sheet(request: HttpRequest, slug: str) -> str | None:
    last = SampleSheet.objects.filter(run__generator__slug=slug).last()
    return f'"{last.pk}"' if last else None


@require_safe
@condition(etag_func=_last_sheet)
def training_webp(request: HttpRequest, slug: str) -> HttpResponse:
    """What the same codes gave through training, as an animation."""
    sheets = training.sheets_of(_run(slug))
    if not sheets:
        raise Http404("this training has drawn nothing yet")
    return HttpResponse(training.animation(sheets), content_type="image/webp")
