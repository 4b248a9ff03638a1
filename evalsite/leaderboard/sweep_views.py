"""The page of a sweep: its trainings side by side."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from evalsite.accounts.rights import may_change
from evalsite.catalog.models import Sweep
from evalsite.catalog.stamps import is_same, nothing_new
from evalsite.jobs import JobState, count_ahead
from evalsite.leaderboard.sweep_page import headings, in_order, plot, rows_of, stamp_of


@require_safe
def sweep(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Sweep.objects.select_related("dataset", "owner"), slug=slug)
    rows = rows_of(found)
    stamp = stamp_of(rows)
    if is_same(request, stamp):
        return nothing_new()
    count_ahead(row.run for row in rows)
    order = request.GET.get("sort", "quality")
    by_key = {row.run.pk: row for row in rows}
    picture = plot(rows)
    context = {
        "sweep": found,
        "rows": in_order(rows, order),
        "deleted": found.count - len(rows),
        "headings": headings(found, order),
        "plot": picture,
        "threads": [(thread, by_key[thread.key]) for thread in picture.threads] if picture else [],
        "may_change": may_change(request, found),
        "is_live": any(row.is_unfinished for row in rows),
        "is_training": any(row.run.is_unfinished for row in rows),
        "is_cancelled": any(row.run.state == JobState.CANCELLED for row in rows),
        "order": order,
        "as_of": stamp,
    }
    return render(request, "catalog/sweep.html", context)
