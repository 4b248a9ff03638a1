"""Which columns a board shows, and in what order its rows stand: chosen in the address, so that both are links."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from evalsite.leaderboard.board import Board
from evalsite.leaderboard.models import Score
from evalsite.leaderboard.words import Figure, extractor_order, extractor_words, figure, parts

HEADLINE = (("IS",), ("FID", "FD"), ("KID",))
"""The kinds of metric of which a board shows one each, until other columns are chosen."""

RANK, NAME, COUNT = "rank", "generator", "n"
"""By what else rows can be sorted."""


@dataclass(frozen=True)
class Order:
    """By what rows are sorted; in an address, a minus stands before what falls.

    >>> Order.of("-FD-lite0"), str(Order("IS-lite0", is_falling=False))
    (Order(name='FD-lite0', is_falling=True), 'IS-lite0')
    """

    name: str = RANK
    is_falling: bool = False

    @classmethod
    def of(cls, text: str) -> "Order":
        return cls(text.removeprefix("-"), text.startswith("-")) if text else cls()

    def __str__(self) -> str:
        return f"{'-' if self.is_falling else ''}{self.name}"

    @property
    def aria(self) -> str:
        return "descending" if self.is_falling else "ascending"

    def next_by(self, name: str, *, falls_first: bool) -> "Order":
        """What pressing the heading of `name` asks for: its best first, and the second time its worst."""
        if self.name == name:
            return Order(name, not self.is_falling)
        return Order(name, falls_first)


@dataclass(frozen=True)
class Column:
    """One figure of a board, shown or not.

    Attributes:
        size: of how many images, in words; empty for people's figures, which count theirs by row.
        extractor: its full name with version and resize, as the measurements have it.
    """

    name: str
    words: Figure
    is_metric: bool
    is_lead: bool
    is_shown: bool
    size: str = ""
    extractor: str = ""

    @property
    def falls_first(self) -> bool:
        """Whether its best is its highest; of people's figures the highest is the most real, or comes first."""
        return self.words.better != "lower"


def headline(names: Iterable[str]) -> list[str]:
    """Of metrics' names, the few that say most: one of each kind, by the extractor that is best known.

    >>> headline(["FD-lite0", "FID-tf1", "IS-lite0", "KID-lite0", "KID-tf1", "recall-tf1"])
    ['IS-lite0', 'FID-tf1', 'KID-tf1']
    """
    in_order = sorted(names, key=lambda name: extractor_order(parts(name)[1]))
    firsts = (
        next((each for each in in_order if parts(each)[0] in kind), None) for kind in HEADLINE
    )
    return [name for name in firsts if name is not None]


def columns(board: Board, asked: Sequence[str]) -> list[Column]:
    """Every figure the board has, in order; those asked for are shown, or the usual ones if none is.

    The figure that ranks is always shown.
    """
    human, metrics = list(board.human_names), board.metric_names
    known = {name for name in asked if name in {*human, *metrics}}
    shown = (known or {*human, *headline(metrics)}) | {board.lead_name}
    return [
        Column(
            name,
            figure(name),
            is_metric=name in metrics,
            is_lead=name == board.lead_name,
            is_shown=name in shown,
            **_origin([row.metrics[name] for row in board.rows if name in row.metrics]),
        )
        for name in (*human, *metrics)
    ]


def narrowed(board: Board, chosen: Iterable[Column]) -> Board:
    """The board with the columns that are shown."""
    shown = [column for column in chosen if column.is_shown]
    return replace(
        board,
        human_names=tuple(column.name for column in shown if not column.is_metric),
        metric_names=[column.name for column in shown if column.is_metric],
    )


def groups(found: Iterable[Column]) -> list[tuple[str, list[Column]]]:
    """The columns under headings: people's, then those of each extractor."""
    grouped: dict[str, list[Column]] = {}
    for column in found:
        extractor = parts(column.name)[1] if column.is_metric else ""
        grouped.setdefault(_group(column, extractor), []).append(column)
    return list(grouped.items())


def _group(column: Column, extractor: str) -> str:
    if not column.is_metric:
        return "What people say"
    words = extractor_words(extractor)
    return f"{extractor}: {words}" if words != extractor else extractor or "Metrics"


def _origin(scores: Sequence[Score]) -> dict[str, str]:
    """Of what a metric's column was computed, over all its rows."""
    if not scores:
        return {}
    sides = {"fake": "generated", "real": "real"}
    sizes = {side: sorted({score.n[side] for score in scores if side in score.n}) for side in sides}
    of = " and ".join(f"{_range(n)} {sides[side]}" for side, n in sizes.items() if n)
    return {
        "size": f"Of {of} images." if of else "",
        "extractor": ", ".join(sorted({score.details.get("extractor", "") for score in scores})),
    }


def _range(counts: Sequence[int]) -> str:
    first, last = f"{counts[0]:,}", f"{counts[-1]:,}"
    return first if first == last else f"{first} to {last}"


def in_order(board: Board, order: Order) -> Board:
    """The board with its rows sorted; those without a value come last either way."""
    if order.name == NAME:
        by_name = sorted(board.rows, key=lambda row: str(row.generator).casefold())
        return replace(board, rows=by_name[::-1] if order.is_falling else by_name)
    values = _values(board, order.name)
    having = [row for row in board.rows if row.generator.pk in values]
    lacking = [row for row in board.rows if row.generator.pk not in values]
    having.sort(key=lambda row: values[row.generator.pk], reverse=order.is_falling)
    return replace(board, rows=having + lacking)


def _values(board: Board, name: str) -> Mapping[int, float]:
    """By generator, what to sort by."""
    if name == COUNT:
        return {row.generator.pk: row.judged for row in board.rows}
    if name == RANK:
        return {row.generator.pk: -row.lead.value for row in board.rows if row.lead}
    found = {row.generator.pk: row.figure(name) for row in board.rows}
    return {pk: score.value for pk, score in found.items() if score is not None}


def is_sortable(board: Board, order: Order) -> bool:
    return order.name in {RANK, NAME, COUNT, *board.human_names, *board.metric_names}
