"""Columns of text as NumPy arrays: distinct values in sorted order, and codes for them."""

from __future__ import annotations

from collections.abc import Iterable

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
