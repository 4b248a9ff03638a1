"""The leaderboard, and a study's own results."""

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from evalsite.accounts.rights import may_change, require_change
from evalsite.catalog.models import Dataset, Pool
from evalsite.leaderboard.board import Board, Place, board_of, board_of_study, places_of
from evalsite.leaderboard.frozen import design_facts, design_json
from evalsite.leaderboard.monitor import monitor_of
from evalsite.leaderboard.plots import interval_plot, scatters
from evalsite.leaderboard.results import results_of, without_singles
from evalsite.leaderboard.words import figure
from evalsite.studies.models import Protocol, Study
from pools import stimulus

KEPT = ("by", "page")  # which observers are listed
UNCHANGED = 204  # upon which htmx leaves the page as it is


@require_safe
def leaderboard(request: HttpRequest) -> HttpResponse:
    datasets = Dataset.objects.filter(generators__isnull=False).distinct()
    dataset = _chosen_dataset(request, datasets)
    if dataset is None:
        return render(request, "leaderboard/empty.html")
    places = places_of(dataset)
    place = _chosen_place(request, places)
    board = board_of(dataset, place.protocol, place.condition)
    context = {
        "datasets": datasets,
        "protocols": Protocol.choices,
        "conditions": sorted(p.condition for p in places if p.protocol == place.protocol),
        "scatters": scatters(board),
        **_board_context(board),
    }
    return render(request, "leaderboard/leaderboard.html", context)


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


def _board_context(board: Board) -> dict[str, Any]:
    return {
        "board": board,
        "plot": interval_plot(board),
        "human": [(name, figure(name)) for name in board.human_names],
        "metrics": [(name, figure(name)) for name in board.metric_names],
    }


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
    as_of = _as_of(found)
    if request.GET.get("as_of") == as_of and found.state != Study.State.WAITING:
        return HttpResponse(status=UNCHANGED)
    is_own, board = may_change(request, found), board_of_study(found)
    context = {
        "study": found,
        "as_of": as_of,
        "kept": urlencode({key: request.GET[key] for key in KEPT if key in request.GET}),
        "link": request.build_absolute_uri(found.public_path),
        "may_change": is_own,
        "simulated": found.observers.filter(simulated=True).count(),
        "runs": Study.objects.beside(found).with_counts(),
        "design_facts": design_facts(found),
        "design_json": design_json(found),
        **_board_context(board),
        **_report_context(request, found, board),
        **(_monitor_context(found) if is_own and not found.imported_from else {}),
    }
    return render(request, "leaderboard/study.html", context)


def _as_of(study: Study) -> str:
    """What changes when there is something new to show."""
    finished = study.observers.people().finished().count()
    newest = [
        rows.aggregate(newest=Max("computed_at"))["newest"]
        for rows in (study.scores, study.reports)
    ]
    stamps = [moment.timestamp() if moment else 0 for moment in newest]
    return "-".join(map(str, (study.state, finished, *stamps)))


def _report_context(request: HttpRequest, study: Study, board: Board) -> dict[str, Any]:
    """What the report says: people's if anybody has answered, else that of simulated observers."""
    found = study.reports.order_by("simulated")
    reports = [each for each in found if each.content["n_observers"] or each.content["pairs"]]
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
