"""The leaderboard, and a study's own results."""

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from evalsite.accounts.rights import may_change
from evalsite.catalog.models import Dataset
from evalsite.leaderboard.board import board_of, board_of_study
from evalsite.leaderboard.plots import interval_plot, scatters
from evalsite.leaderboard.words import figure
from evalsite.studies.models import Protocol, Study


@require_safe
def leaderboard(request: HttpRequest) -> HttpResponse:
    datasets = Dataset.objects.filter(generators__isnull=False).distinct()
    dataset = _chosen_dataset(request, datasets)
    protocol = request.GET.get("protocol", "")
    protocol = protocol if protocol in Protocol.values else Protocol.UNLIMITED.value
    if dataset is None:
        return render(request, "leaderboard/empty.html")
    board = board_of(dataset, protocol)
    context = {
        "board": board,
        "datasets": datasets,
        "protocols": Protocol.choices,
        "plot": interval_plot(board),
        "scatters": scatters(board),
        "human": [(name, figure(name)) for name in board.human_names],
        "metrics": [(name, figure(name)) for name in board.metric_names],
    }
    return render(request, "leaderboard/leaderboard.html", context)


def _chosen_dataset(request: HttpRequest, datasets: "QuerySet[Dataset]") -> Dataset | None:
    if "dataset" in request.GET:
        return get_object_or_404(Dataset, slug=request.GET["dataset"])
    studied = datasets.filter(studies__isnull=False).first()
    return studied or datasets.first()


@require_safe
def study(request: HttpRequest, code: str) -> HttpResponse:
    found = get_object_or_404(
        Study.objects.with_counts().select_related("dataset", "owner", "real_pool"), code=code
    )
    board = board_of_study(found)
    context = {
        "study": found,
        "board": board,
        "plot": interval_plot(board),
        "human": [(name, figure(name)) for name in board.human_names],
        "metrics": [(name, figure(name)) for name in board.metric_names],
        "link": request.build_absolute_uri(found.public_path),
        "may_change": may_change(request, found),
        "simulated": found.observers.filter(simulated=True).count(),
    }
    return render(request, "leaderboard/study.html", context)
