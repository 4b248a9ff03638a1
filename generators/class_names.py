"""Classes by name: what a generator's file keeps of its data set's names, and how people ask by them."""

from collections.abc import Sequence
from typing import Any

SHOWN = 10
"""Names at most that an error lists."""


def number_of(wanted: str, names: Sequence[str], count: int | None = None) -> int | None:
    """The number of the class that a person named or numbered, None if there is none of `count`.

    A name goes before a number, which in some sets is a name. Case matters only where names differ by it.

    >>> number_of("cat", ["dog", "Cat"]), number_of("0", ["dog", "Cat"]), number_of("3", ["5", "3"])
    (1, 0, 1)
    """
    text = wanted.strip()
    if text in names:
        return names.index(text)
    folded = [name.casefold() for name in names]
    if text.casefold() in folded:
        return folded.index(text.casefold())
    most = len(names) if count is None else count
    return int(text) if text.isdecimal() and int(text) < most else None


def listed(names: Sequence[str]) -> str:
    """The first names, for an error.

    >>> listed([str(number) for number in range(100)])
    '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …'
    """
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


def read_names(found: Any, class_count: int) -> tuple[str, ...]:
    """The names that a file gives its classes; none if it does not name each in characters that print.

    >>> read_names(["dog", "cat"], 2), read_names(["dog"], 2), read_names(None, 2)
    (('dog', 'cat'), (), ())
    """
    if not isinstance(found, list | tuple) or len(found) != class_count:
        return ()
    fits = all(isinstance(name, str) and name.isprintable() and name.strip() for name in found)
    return tuple(found) if fits else ()
