"""What a study's page says below its board, all of it from the report that scoring left."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalsite.leaderboard.board import Board
from evalsite.leaderboard.crowd import Crowd, crowd
from evalsite.leaderboard.curves import Panels, exposure_panels, psychometric_panels
from evalsite.leaderboard.gallery import Shelf, naming_shelves, shelves, side_px
from evalsite.leaderboard.left_out import left_out
from evalsite.leaderboard.methods import counted, methods, sentence
from evalsite.leaderboard.naming import Named, named_of
from evalsite.leaderboard.plots import IntervalPlot, Line, Mark, plot_of
from evalsite.leaderboard.words import decimals, figure, percent
from evalsite.studies.models import Study
from scoring.pairs import REAL

Content = Mapping[str, Any]

SINGLES = ("images", "observers")
"""The parts of a report that speak of single images and observers."""

MOST_COMPARISONS = 300


def without_singles(content: Content) -> dict[str, Any]:
    return {name: part for name, part in content.items() if name not in SINGLES}


@dataclass(frozen=True)
class Comparison:
    """A line of the table of all pairs."""

    first: str
    second: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Comparisons:
    columns: tuple[str, ...]
    words: str
    lines: list[Comparison]

    @property
    def are_too_many(self) -> bool:
        """Whether they would swamp the page: they are in the report."""
        return len(self.lines) > MOST_COMPARISONS


@dataclass(frozen=True)
class Watched:
    """A generator's interval that holds however often one looks, of the rate of its heading."""

    generator: str
    rate: str
    interval: str
    points: str
    n: int
    reason: str


@dataclass(frozen=True)
class Agreed:
    """A metric's rank correlation with people."""

    metric: str
    rho: str
    interval: str
    n: int
    reason: str


@dataclass(frozen=True)
class Results:
    """Everything in the order of the page; what a study does not have is None or empty."""

    comparisons: Comparisons | None
    named: Named | None
    psychometric: Panels | None
    exposures: Panels | None
    strengths: IntervalPlot | None
    strength_words: str
    shelves: list[Shelf]
    side_px: int
    has_singles: bool
    watched: list[Watched]
    watched_heading: str
    watched_rates: str
    goal: float | None
    agreement: str
    left_out: list[str]
    correlations: list[Agreed]
    crowd: Crowd | None
    methods: str


def results_of(
    study: Study, board: Board, content: Content, *, singles: bool, query: Mapping[str, str]
) -> Results:
    """Read a report.

    Args:
        singles: whether single images and observers may be seen.
        query: `by` and `page` choose the observers that are listed.
    """
    names = {row.generator.slug: str(row.generator) for row in board.rows}
    by, page = query.get("by", ""), query.get("page", "")
    own = _named(content, names) if study.task == "name" else _judged(content, names, board)
    drawn = naming_shelves if study.task == "name" else shelves
    return Results(
        **own,
        shelves=drawn(content["images"], names) if singles else [],
        side_px=side_px(study.dataset.resolution_px),
        has_singles=bool(content["images"]),
        watched=[
            _watched(name, content["anytime"][slug])
            for slug, name in names.items()
            if slug in content["anytime"]
        ],
        watched_rates="shares named right" if study.task == "name" else "error rates",
        watched_heading=figure(board.lead_name if study.task == "name" else "error_rate").heading,
        goal=study.rules.stopping.goal_points,
        agreement=_agreement(content["agreement"]),
        left_out=left_out(content),
        crowd=crowd(content["observers"], by=by, page=page) if singles else None,
        methods=methods(study, board, content),
    )


def _judged(content: Content, names: Mapping[str, str], board: Board) -> dict[str, Any]:
    """The parts that only images have that were taken for real or fake."""
    pairs = content["pairs"]
    thresholds = {
        own["generator"]: own["threshold"] for own in content["generators"] if own["threshold"]
    }
    return {
        "comparisons": _comparisons(content, names),
        "named": None,
        "psychometric": psychometric_panels(content["curves"], thresholds, names),
        "exposures": None if content["curves"] else exposure_panels(content["exposures"], names),
        "strengths": _strengths(pairs, names, board) if pairs else None,
        "strength_words": _strength_words(pairs) if pairs else "",
        "correlations": [_agreed(each) for each in content["correlations"] if each["rho"]["n"] > 1],
    }


def _named(content: Content, names: Mapping[str, str]) -> dict[str, Any]:
    """The same parts of images that were named."""
    return {
        "comparisons": _differences(content, names, figure("named_right").label),
        "named": named_of(content, names),
        "psychometric": None,
        "exposures": None,
        "strengths": None,
        "strength_words": "",
        "correlations": [],
    }


def _name(slug: str, names: Mapping[str, str]) -> str:
    return "Real images" if slug == REAL else names.get(slug, slug)


def _comparisons(content: Content, names: Mapping[str, str]) -> Comparisons | None:
    """Of pairs by strength, else by error rate; of a staircase, which holds that rate, none."""
    if content["pairs"]:
        return _compared(content["pairs"], names)
    return None if content["curves"] else _differences(content, names, "Error rate")


def _differences(content: Content, names: Mapping[str, str], what: str) -> Comparisons | None:
    lines = [
        Comparison(
            _name(own["first"], names),
            _name(own["second"], names),
            (_points(own["value"]), _range(own, _points), _p(own["p_holm"])),
        )
        for own in content["differences"]
    ]
    words = (
        f"{what} of the first minus that of the second, in points. The 95 % intervals hold all"
        " together; p is corrected for the number of pairs (Holm)."
    )
    columns = ("Difference", "95 % interval", "p (Holm)")
    return Comparisons(columns, words, lines) if lines else None


def _compared(pairs: Content, names: Mapping[str, str]) -> Comparisons | None:
    lines = [
        Comparison(
            _name(own["first"], names),
            _name(own["second"], names),
            (
                f"{own['wins']:,} of {own['n_pairs']:,}",
                f"{own['ties']:,}",
                percent(own["probability"]),
                _range(own, percent),
                _p(own["p_holm"]),
            ),
        )
        for own in pairs["comparisons"]
    ]
    words = (
        "How often the first won where they met, and its chance to win by their strengths, ties aside. The"
        " 95 % intervals hold all together; p is corrected for the number of pairs (Holm)."
    )
    columns = ("Won", "Ties", "Chance, %", "95 % interval", "p (Holm)")
    return Comparisons(columns, words, lines) if lines else None


def _points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _range(own: Content, write: Any) -> str:
    return "–" if own["low"] is None else f"{write(own['low'])} to {write(own['high'])}"


def _strengths(pairs: Content, names: Mapping[str, str], board: Board) -> IntervalPlot | None:
    """The generators' strengths; the dashed line stands for the real images, or for the mean."""
    known = {
        player["player"]: player["strength"]
        for player in pairs["players"]
        if player["strength"]["value"] is not None and player["player"] != REAL
    }
    marks = [
        Mark(_name(slug, names), own["value"], own["low"], own["high"], board.has_simulated)
        for slug, own in known.items()
    ]
    zero = "0: as real as the real images" if pairs["reference"] == REAL else "0: the average"
    return plot_of(marks, "strength", Line(0.0, zero)) if marks else None


def _strength_words(pairs: Content) -> str:
    return (
        f"{pairs['n_pairs']:,} pairs, {pairs['n_ties']:,} of them ties."
        f" {figure('strength').definition}"
    )


def _watched(generator: str, own: Content) -> Watched:
    points = "–" if own["low"] is None else f"± {50 * (own['high'] - own['low']):.1f}"
    rate, interval = percent(own["value"]), _range(own, percent)
    return Watched(generator, rate, interval, points, own["n_observers"], own["reason"] or "")


def _agreement(alpha: Content) -> str:
    if alpha["value"] is None:
        return sentence(alpha["reason"]) + "."
    written = f"Krippendorff’s α = {decimals(2)(alpha['value'])} ({_range(alpha, decimals(2))})"
    return f"{written} over {counted(alpha['n'], 'image')}."


def _agreed(correlation: Content) -> Agreed:
    rho = correlation["rho"]
    return Agreed(
        figure(correlation["metric"]).label,
        "–" if rho["value"] is None else decimals(2)(rho["value"]),
        _range(rho, decimals(2)),
        rho["n"],
        rho["reason"] or "",
    )
