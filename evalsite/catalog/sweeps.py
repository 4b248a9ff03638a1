"""Which trainings a sweep is made of: a space of values, written line by line, and its points."""

import math
import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from generators.config import ConfigError, load_config, parse_override

MOST_RUNS = 64
MOST_DRAWS = 20_000
DIGITS = 3
WORDS = ("title", "description")
"""Keys of a configuration that no training depends on."""
RANGE = re.compile(r"(?P<low>[^.\s][^\s]*?)\s*\.\.\s*(?P<high>[^\s]+)(?P<log>\s+log)?")

Point = dict[str, Any]


def _keys(values: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _keys(value, f"{before}{key}.")
        else:
            yield before + key


SWEPT = [key for key in _keys(load_config("demo-15").as_dict()) if key not in WORDS]
"""Every key whose values a sweep can try."""


class SpaceError(ValueError):
    """A space that cannot be searched; the message names the line or the key."""


@dataclass(frozen=True)
class Values:
    """One of these, each as likely."""

    key: str
    values: tuple[Any, ...]

    def draw(self, rng: random.Random) -> Any:
        return rng.choice(self.values)


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`; whole if both are. Where `is_log`, equal ratios are as likely."""

    key: str
    low: float
    high: float
    is_log: bool

    @property
    def is_whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    def draw(self, rng: random.Random) -> Any:
        beyond = 0.5 if self.is_whole else 0.0  # so that both ends are as likely as what is between
        ends = (self.low - beyond, self.high + beyond)
        low, high = map(math.log, ends) if self.is_log else ends
        drawn = rng.uniform(low, high)
        value = math.exp(drawn) if self.is_log else drawn
        rounded = round(value) if self.is_whole else float(f"{value:.{self._digits}g}")
        return min(max(rounded, self.low), self.high)

    @property
    def _digits(self) -> int:
        """More where the first digits of all values are the same, as from 0.99 to 0.999."""
        size = max(abs(self.low), abs(self.high))
        return DIGITS + int(math.log10(max(1.0, size / (self.high - self.low))))


Dimension = Values | Range


def read_space(text: str) -> list[Dimension]:
    """The dimensions of lines `key = value, value, …` or `key = low..high`, that with `log` or without.

    >>> read_space("loss = hinge, minimax\\npenalty.weight = 0.1..10 log")
    [Values(key='loss', values=('hinge', 'minimax')), Range(key='penalty.weight', low=0.1, high=10, is_log=True)]
    """
    space = [_dimension(line.strip()) for line in text.splitlines() if line.strip()]
    keys = [each.key for each in space]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice:
        raise SpaceError(f"{twice} stands in two lines: put all its values into one")
    if told := [key for key in keys if key in WORDS]:
        raise SpaceError(
            f"{told[0]} changes nothing in a training; what can vary: {', '.join(SWEPT)}"
        )
    if not space:
        raise SpaceError(
            "nothing to search: write at least one line, such as loss = hinge, minimax"
        )
    return space


def _dimension(line: str) -> Dimension:
    key, equals, words = (part.strip() for part in line.partition("="))
    if not (key and equals and words):
        raise SpaceError(f"a line is written key = values, got {line!r}")
    found = RANGE.fullmatch(words)
    if found:
        return _range(key, found)
    values = tuple(_value(key, word) for word in words.split(","))
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise SpaceError(f"{key} has {twice!r} twice")
    return Values(key, values)


def _range(key: str, found: re.Match[str]) -> Range:
    low, high = (_value(key, found[end]) for end in ("low", "high"))
    largest = sys.float_info.max
    numbers = all(type(end) in (int, float) and abs(end) <= largest for end in (low, high))
    if not numbers or low >= high:
        raise SpaceError(f"{key}: a range goes from a number to a larger one, got {found[0]!r}")
    if found["log"] and low <= 0:
        raise SpaceError(f"{key}: a range with log begins above 0, got {low!r}")
    return Range(key, low, high, bool(found["log"]))


def _value(key: str, word: str) -> Any:
    if not word.strip():
        raise SpaceError(f"{key} has an empty value: write values with one comma between them")
    try:
        return parse_override(f"{key}={word.strip()}")[1]
    except ConfigError as error:
        raise SpaceError(str(error)) from error


def grid(space: Sequence[Dimension]) -> list[Point]:
    """Every combination of values, the last key changing fastest.

    >>> grid([Values("batch", (16, 32)), Values("loss", ("hinge",))])
    [{'batch': 16, 'loss': 'hinge'}, {'batch': 32, 'loss': 'hinge'}]
    """
    ranged = next((each.key for each in space if isinstance(each, Range)), None)
    if ranged:
        raise SpaceError(f"{ranged} is a range: list its values for a grid, or search at random")
    _require_few(combinations(space))
    columns = [each.values for each in space if isinstance(each, Values)]
    return [_point(space, row) for row in product(*columns)]


def at_random(space: Sequence[Dimension], count: int, *, seed: int) -> list[Point]:
    """So many different points, drawn one after another: more of the same seed begin with fewer.

    >>> at_random([Range("adam.beta1", 0.0, 0.9, False)], 2, seed=1)
    [{'adam.beta1': 0.121}, {'adam.beta1': 0.763}]
    """
    _require_few(count)
    if combinations(space) < count:
        raise SpaceError(
            f"there are {combinations(space):.0f} combinations, and {count} were asked for"
        )
    rng = random.Random(seed)  # a search, no secret
    drawn: list[Point] = []
    for _ in range(MOST_DRAWS):
        point = _point(space, [each.draw(rng) for each in space])
        if point not in drawn:
            drawn.append(point)
        if len(drawn) == count:
            return drawn
    raise SpaceError(
        f"{len(drawn)} different combinations were found, and {count} were asked for: ask for fewer"
    )


def combinations(space: Sequence[Dimension]) -> float:
    """How many points there are; of a range that is not whole without end."""
    return math.prod(map(_size, space))


def _size(dimension: Dimension) -> float:
    if isinstance(dimension, Values):
        return len(dimension.values)
    return dimension.high - dimension.low + 1 if dimension.is_whole else math.inf


def _require_few(count: float) -> None:
    if count > MOST_RUNS:
        raise SpaceError(f"a sweep has at most {MOST_RUNS} trainings, got {count:.0f}")


def _point(space: Sequence[Dimension], values: Sequence[Any]) -> Point:
    return {each.key: value for each, value in zip(space, values, strict=True)}


def words(point: Mapping[str, Any]) -> str:
    """
    >>> words({"loss": "hinge", "batch": 32})
    'loss = hinge, batch = 32'
    """
    return ", ".join(f"{key} = {value}" for key, value in point.items())
