"""Columns of text as NumPy arrays: distinct values in sorted order, and codes for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

Text = NDArray[np.object_]
Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]
Codes = NDArray[np.intp]


def as_text(values: Iterable[str]) -> Text:
    """A column of str objects: equal words share one object, so a million rows stay small."""
    listed = list(values)
    column = np.empty(len(listed), dtype=np.object_)
    column[:] = listed
    return column


def factorise(column: Text) -> tuple[tuple[str, ...], Codes]:
    """The distinct values in sorted order, and each row's index among them.

    >>> factorise(as_text(["b", "a", "b"]))
    (('a', 'b'), array([1, 0, 1]))
    """
    values = column.tolist()
    names = tuple(sorted(set(values)))
    index = {name: number for number, name in enumerate(names)}
    return names, np.fromiter(map(index.__getitem__, values), np.intp, len(values))


def joint_codes(*columns: Text) -> tuple[int, Codes]:
    """How many combinations of the columns occur, and each row's, numbered in sorted order."""
    joint = np.zeros(len(columns[0]), dtype=np.intp)
    count = 1
    for column in columns:
        names, codes = factorise(column)
        distinct, joint = np.unique(joint * max(len(names), 1) + codes, return_inverse=True)
        count = len(distinct)
    return count, joint


def first_rows(codes: Codes) -> Codes:
    """Each row's first row with the same code."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    return first[inverse]


def has_word(column: Text, wanted: Callable[[str], bool]) -> Mask:
    """(n,) True where one of the cell's words, which are apart by ";", is wanted.

    >>> has_word(as_text(["late;tie", "", "ties"]), "tie".__eq__)
    array([ True, False, False])
    """
    names, codes = factorise(column)
    found = [any(wanted(word.strip()) for word in name.split(";")) for name in names]
    return np.array(found, dtype=np.bool_)[codes]


def shares_by(group: Codes, true: Mask, groups: int) -> Numbers:
    """(groups,) the share of true rows in each group, NaN for a group without rows."""
    size = np.bincount(group, minlength=groups)
    count = np.bincount(group, true.astype(np.float64), minlength=groups)
    share: Numbers = np.full(groups, np.nan)
    return np.divide(count, size, out=share, where=size > 0)


def medians_by(group: Codes, values: Numbers, groups: int) -> Numbers:
    """(groups,) the median of each group's values, NaN for a group without values.

    >>> medians_by(np.array([2, 0, 0, 2, 2]), np.array([5.0, 1, 2, 7, 6]), 3)
    array([1.5, nan, 6. ])
    """
    order = np.lexsort((values, group))
    ordered, size = values[order], np.bincount(group, minlength=groups)
    start, present = np.cumsum(size) - size, size > 0
    low, high = (start + (size - 1) // 2)[present], (start + size // 2)[present]
    medians: Numbers = np.full(groups, np.nan)
    medians[present] = (ordered[low] + ordered[high]) / 2
    return medians
