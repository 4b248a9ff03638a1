"""The leaderboard, and a study's own results."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from evalsite.accounts.rights import may_change, may_delete, require_change
from evalsite.catalog.models import Dataset, Pool
from evalsite.catalog.stamps import is_same, nothing_new
from evalsite.leaderboard.board import Board, Place, board_of, board_of_study, places_of
from evalsite.leaderboard.columns import (
    Column,
    Order,
    columns,
    groups,
    in_order,
    is_sortable,
    narrowed,
)
from evalsite.leaderboard.export import as_csv, as_json
from evalsite.leaderboard.frozen import design_facts, design_json
from evalsite.leaderboard.headings import Head, address, head
from evalsite.leaderboard.memory import asked_columns, remember
from evalsite.leaderboard.monitor import monitor_of
from evalsite.leaderboard.plots import interval_plot, scatters
from evalsite.leaderboard.results import results_of, without_singles
from evalsite.leaderboard.stamps import stamp_of_board, stamp_of_study
from evalsite.studies.models import Protocol, Study
from pools import stimulus

KEPT = ("by", "page")  # which observers are listed
USUAL = "usual"  # no column's name: asks for the columns that nobody has chosen


@require_safe
def leaderboard(request: HttpRequest) -> HttpResponse:
    datasets = _datasets()
    dataset = _chosen_dataset(request, datasets)
    if dataset is None:
        return render(request, "leaderboard/empty.html")
    stamp = stamp_of_board(dataset)
    if is_same(request, stamp):
        return nothing_new()
    shown = _shown(request, dataset)
    context = {
        "datasets": datasets,
        "protocols": Protocol.choices,
        "conditions": sorted(
            place.condition for place in shown.places if place.protocol == shown.board.protocol
        ),
        "groups": groups(shown.columns),
        "sort": shown.query.get("sort", ""),
        "renewed": address(shown.query, as_of=stamp),
        "usual": address(shown.query, columns=USUAL),
        "exported": address(shown.query, columns=[column.name for column in shown.chosen]),
        "scatters": scatters(shown.board),
        **_board_context(shown.board, head(shown.columns, shown.order, shown.query)),
    }
    response = render(request, "leaderboard/leaderboard.html", context)
    if "columns" in request.GET:
        asked = request.GET.getlist("columns")
        chosen = [column.name for column in shown.chosen if column.name in asked]
        remember(response, shown.board.protocol, chosen)
    return response


@require_safe
def leaderboard_file(request: HttpRequest, kind: str) -> HttpResponse:
    """The same board, columns and order as the page with the same address: CSV or JSON."""
    dataset = _chosen_dataset(request, _datasets())
    if dataset is None:
        raise Http404("there is no generator to rank yet")
    shown = _shown(request, dataset)
    name = f"{dataset.slug}-{shown.board.protocol}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if kind == "json":
        return JsonResponse(as_json(shown.board, shown.chosen), headers=headers)
    text = as_csv(shown.board, shown.chosen)
    return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)


@dataclass(frozen=True)
class _Shown:
    """A board as an address asks for it: its rows in order, its columns chosen."""

    places: list[Place]
    board: Board
    columns: list[Column]
    order: Order
    query: QueryDict

    @property
    def chosen(self) -> list[Column]:
        return [column for column in self.columns if column.is_shown]


def _shown(request: HttpRequest, dataset: Dataset) -> _Shown:
    places = places_of(dataset)
    place = _chosen_place(request, places)
    whole = board_of(dataset, place.protocol, place.condition)
    found = columns(whole, asked_columns(request, place.protocol))
    order = Order.of(request.GET.get("sort", ""))
    if not is_sortable(whole, order):
        order = Order()
    query = request.GET.copy()
    query.pop("as_of", None)
    query["dataset"], query["protocol"] = dataset.slug, place.protocol
    query["condition"] = place.condition
    return _Shown(places, in_order(narrowed(whole, found), order), found, order, query)


def _datasets() -> "QuerySet[Dataset]":
    """Those that somebody imitates."""
    return Dataset.objects.filter(generators__isnull=False).distinct()


def _chosen_dataset(request: HttpRequest, datasets: "QuerySet[Dataset]") -> Dataset | None:
    if "dataset" in request.GET:
        return get_object_or_404(Dataset, slug=request.GET["dataset"])
    studied = datasets.filter(studies__isnull=False).first()
    return studied or datasets.first()


def _chosen_place(request: HttpRequest, places: list[Place]) -> Place:
    """What was asked for, and else what has the most answers."""
    protocol, condition = request.GET.get("protocol", ""), request.GET.get("condition")
    if protocol in Protocol.values:
        places = [place for place in places if place.protocol == protocol]
    else:
        protocol = Protocol.UNLIMITED.value
    asked = [place for place in places if place.condition == condition]
    return next(iter([*asked, *places]), Place(protocol, ""))


def _board_context(board: Board, headings: Head) -> dict[str, Any]:
    return {"board": board, "plot": interval_plot(board), "head": headings}


def _study(code: str) -> Study:
    return get_object_or_404(
        Study.objects.with_counts().select_related("dataset", "owner", "real_pool"), code=code
    )


def _sees_singles(request: HttpRequest, study: Study) -> bool:
    """Single images and observers are the answer key: the owner's alone until the end."""
    return study.state == Study.State.CLOSED or may_change(request, study)


@require_safe
def study(request: HttpRequest, code: str) -> HttpResponse:
    found = _study(code)
    as_of = stamp_of_study(found)
    if is_same(request, as_of) and found.state != Study.State.WAITING:
        return nothing_new()
    is_own, whole = may_change(request, found), board_of_study(found)
    usual = columns(whole, [])
    board = narrowed(whole, usual)
    context = {
        "study": found,
        "as_of": as_of,
        "kept": urlencode({key: request.GET[key] for key in KEPT if key in request.GET}),
        "link": request.build_absolute_uri(found.public_path),
        "may_change": is_own,
        "may_delete": may_delete(request, found),
        "simulated": found.observers.filter(simulated=True).count(),
        "runs": Study.objects.beside(found).with_counts(),
        "design_facts": design_facts(found),
        "design_json": design_json(found),
        **_board_context(board, head(usual)),
        **_report_context(request, found, board),
        **(_monitor_context(found) if is_own and not found.imported_from else {}),
    }
    return render(request, "leaderboard/study.html", context)


def _report_context(request: HttpRequest, study: Study, board: Board) -> dict[str, Any]:
    """What the report says: people's if anybody has answered, else that of simulated observers."""
    found = study.reports.order_by("simulated")
    reports = [each for each in found if each.content["n_observers"] or each.content.get("pairs")]
    sees_singles = _sees_singles(request, study)
    context: dict[str, Any] = {"reports": reports, "sees_singles": sees_singles}
    if reports and board.has_answers:
        content = reports[0].content
        context["as_reported"] = reports[0].computed_at
        context["results"] = results_of(
            study, board, content, singles=sees_singles, query=request.GET
        )
    return context


def _monitor_context(study: Study) -> dict[str, Any]:
    return {"monitor": monitor_of(study), "goal": study.rules.stopping}


@require_safe
def study_monitor(request: HttpRequest, code: str) -> HttpResponse:
    found = get_object_or_404(Study, code=code)
    require_change(request, found)
    return render(request, "leaderboard/monitor.html", {"study": found, **_monitor_context(found)})


@require_safe
def study_report(request: HttpRequest, code: str) -> HttpResponse:
    """All that the scoring found, as JSON; of people, or with `?simulated` of simulated observers."""
    found = _study(code)
    report = get_object_or_404(found.reports, simulated="simulated" in request.GET)
    kept = report.content if _sees_singles(request, found) else without_singles(report.content)
    name = f"report-{found.code}{'-simulated' if report.simulated else ''}.json"
    return JsonResponse(kept, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@require_safe
def study_image(request: HttpRequest, code: str, pool: int, index: int) -> HttpResponse:
    """One image of a study, for who may know what it is."""
    found = get_object_or_404(Study, code=code)
    if not _sees_singles(request, found):
        raise PermissionDenied("Single images are shown when the study is closed.")
    shown = {found.real_pool_id, *found.pools.values_list("pk", flat=True)}
    images = get_object_or_404(Pool.jobs.ready(), pk=pool) if pool in shown else None
    if images is None or index >= images.count:
        raise Http404("this study has no such image")
    return HttpResponse(
        stimulus.encode(images.open().image(index)),
        content_type=stimulus.MEDIA_TYPE,
        headers={"Cache-Control": "private, max-age=3600, no-transform"},
    )
