"""The head of a board's table: what each column means, and the link that sorts by it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import QueryDict

from evalsite.leaderboard.columns import COUNT, NAME, RANK, Column, Order

RANKS = "The ranks that the joint intervals allow: generators that cannot be told apart share them."
COUNTS = "People who judged it, and how many of its images or pairs they judged."


@dataclass(frozen=True)
class Heading:
    """A column's head.

    Attributes:
        words: what the column means, a paragraph each; empty if its name says it all.
        query: what sorts by it; empty where the table cannot be sorted.
        aria: "ascending" or "descending" if the rows stand in its order, else empty.
    """

    key: str
    title: str
    words: tuple[str, ...] = ()
    query: str = ""
    aria: str = ""

    @property
    def is_number(self) -> bool:
        return self.key != NAME


@dataclass(frozen=True)
class Head:
    """All headings in the order of the table."""

    rank: Heading
    name: Heading
    human: list[Heading]
    count: Heading
    metrics: list[Heading]

    @property
    def all(self) -> list[Heading]:
        return [self.rank, self.name, *self.human, self.count, *self.metrics]

    @property
    def explained(self) -> list[Heading]:
        return [heading for heading in self.all if heading.words]

    @property
    def order_words(self) -> str:
        """In what order the rows stand, in a sentence."""
        by = next((heading for heading in self.all if heading.aria), self.rank)
        falls = by.aria == "descending"
        if by is self.rank:
            return "Worst first." if falls else "Best first."
        if by is self.name:
            return "By name, from Z to A." if falls else "By name, from A to Z."
        return f"By {by.title}, the {'highest' if falls else 'lowest'} first."


def address(query: QueryDict, **changes: str | Sequence[str]) -> str:
    """The same address with some of its parameters changed; one that becomes empty is left out."""
    changed = query.copy()
    for name, value in changes.items():
        values = [value] if isinstance(value, str) else list(value)
        changed.setlist(name, [each for each in values if each])
    return changed.urlencode()


def head(
    columns: Sequence[Column], order: Order | None = None, query: QueryDict | None = None
) -> Head:
    """The headings of the columns that are shown; links with an order and the address it is of."""

    def heading(key: str, title: str, words: Sequence[str], *, falls_first: bool) -> Heading:
        told = tuple(filter(None, words))
        if order is None or query is None:
            return Heading(key, title, told)
        wanted = address(query, sort=str(order.next_by(key, falls_first=falls_first)))
        return Heading(key, title, told, wanted, order.aria if order.name == key else "")

    def of(column: Column) -> Heading:
        words = column.words.definition, column.extractor, column.size
        return heading(column.name, column.words.heading, words, falls_first=column.falls_first)

    shown = [column for column in columns if column.is_shown]
    return Head(
        rank=heading(RANK, "Rank", [RANKS], falls_first=False),
        name=heading(NAME, "Generator", [], falls_first=False),
        human=[of(column) for column in shown if not column.is_metric],
        count=heading(COUNT, "n", [COUNTS], falls_first=True),
        metrics=[of(column) for column in shown if column.is_metric],
    )
