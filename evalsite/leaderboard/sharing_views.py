"""The page on what could be shared of a pool, where its report is asked for, read and downloaded."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from evalsite.accounts.rights import may_change, require_change
from evalsite.catalog.models import Pool
from evalsite.leaderboard import pictures
from evalsite.leaderboard.measured import measurements_of, memorisation
from evalsite.leaderboard.models import SharingReport
from evalsite.leaderboard.sharing import NothingHeldOut, drawn, request_report

PAGE = "pool_sharing"


@require_http_methods(["GET", "HEAD", "POST"])
def sharing(request: HttpRequest, pk: int) -> HttpResponse:
    """What could be shared of a pool; its researcher asks for it, and again if that failed."""
    pool = get_object_or_404(Pool.jobs.of_generators().ready().select_related("generator"), pk=pk)
    assert pool.generator is not None  # noqa: S101  # of_generators
    if request.method == "POST":
        require_change(request, pool.generator)
        _ask(request, pool)
        return redirect(PAGE, pool.pk)
    report = SharingReport.jobs.filter(pool=pool).first()
    measurements = measurements_of(pool)
    context = {
        "pool": pool,
        "generator": pool.generator,
        "dataset": pool.imitates,
        "report": report,
        "content": report and report.content,
        "drawn": drawn(report.content, pool.imitates.class_names)
        if report and report.content
        else None,
        "memorisation": memorisation(measurements),
        "shelves": pictures.shelves(measurements),
        "sees_pictures": pictures.sees_pictures(request, pool),
        "side_px": pictures.side_px(pool.imitates.resolution_px),
        "may_change": may_change(request, pool.generator),
    }
    return render(request, "leaderboard/sharing.html", context)


def _ask(request: HttpRequest, pool: Pool) -> None:
    try:
        request_report(pool)
    except NothingHeldOut as reason:
        messages.error(request, str(reason))


@require_safe
def sharing_file(request: HttpRequest, pk: int) -> HttpResponse:
    """The report as JSON, once it is written."""
    report = get_object_or_404(SharingReport.jobs.ready(), pool=pk)
    name = f"sharing-{report.pool.pk}.json"
    return JsonResponse(
        report.content,
        json_dumps_params={"indent": 2, "ensure_ascii": False},
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
