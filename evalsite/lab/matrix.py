"""A matrix of transfer as a table: a line for each classifier that was attacked, a column for each that was tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalsite.lab.curve import Share, share_of
from evalsite.leaderboard.words import percent


@dataclass(frozen=True)
class Cell:
    """A share, None where no image could tell; `is_own` where an attack meets who it was made on."""

    share: Share | None
    is_own: bool

    @property
    def shade(self) -> int:
        """How strongly it is coloured, in percent."""
        return 0 if self.share is None else round(70 * self.share.value)


@dataclass(frozen=True)
class Matrix:
    names: list[str]
    rows: list[tuple[str, list[Cell]]]
    finding: str


def matrix(result: Mapping[str, Any]) -> Matrix:
    """As a worker has kept it: `names`, and `rows` of how many images fool, and of how many."""
    names: list[str] = result["names"]
    rows = [
        (name, [_cell(*pair, is_own=line == column) for column, pair in enumerate(pairs)])
        for line, (name, pairs) in enumerate(zip(names, result["rows"], strict=True))
    ]
    return Matrix(names, rows, _finding([cell for _, cells in rows for cell in cells]))


def _cell(hits: int, count: int, *, is_own: bool) -> Cell:
    return Cell(share_of([True] * hits + [False] * (count - hits)) if count else None, is_own)


def _finding(cells: Sequence[Cell]) -> str:
    """The mean share on who the images were made on, and on the others, in a sentence.

    >>> matrix({"names": ["a", "b"], "rows": [[(8, 8), (4, 8)], [(2, 8), (6, 8)]]}).finding
    'Images fool the classifier they were made on 87.5 % of the time, another one 37.5 %.'
    """
    own, others = (
        [cell.share.value for cell in cells if cell.share and cell.is_own is wanted]
        for wanted in (True, False)
    )
    if not own or not others:
        return ""
    home, away = (percent(sum(shares) / len(shares)) for shares in (own, others))
    return (
        f"Images fool the classifier they were made on {home} % of the time, another one {away} %."
    )
