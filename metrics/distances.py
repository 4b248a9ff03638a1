"""Nearest neighbours by Euclidean distance: screened in float32, decided in float64."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrics.errors import MetricError, TooFewImages
from metrics.rows import (
    CHUNK_ROWS,
    Floats,
    Rows,
    blocks,
    both_rows,
    feature_rows,
    float64_chunks,
    mean_row,
)

BLOCK_ROWS = 2048
"""Rows and columns of the distance matrix held at once: 16 MiB, whatever n is."""

PAIRS = 32
"""Pairs whose distances are taken in float64 at once: few enough to stay in the cache."""

ROUNDING = 2.0**-24
"""The largest relative error of one float32 operation."""

SLACK = 16
"""Roundings of float32 beside those of the product: of the rows, their squares and the limits."""

Floats32 = NDArray[np.float32]
Indices = NDArray[np.intp]


def nearest(x: ArrayLike, y: ArrayLike, k: int, *, same: bool = False) -> tuple[Floats, Indices]:
    """Return each row's k nearest rows of y: distances (n, k), ascending, and their indices.

    x has shape (n, d), y (m, d), both finite; rows at one distance come in the order of y. With
    `same`, x and y are one set, and a row is no neighbour of itself. Distances are the roots of
    float64 sums of squared differences: a copy is at exactly 0, and ties are ties. Memory holds a
    float32 copy of each set and one block of the distance matrix.

    Raises MetricError for k < 1, TooFewImages if y has fewer than k rows (k + 1 with `same`).

    >>> distances, indices = nearest([[0.0], [3.0]], [[1.0], [5.0], [0.0]], 2)
    >>> distances.tolist(), indices.tolist()
    ([[0.0, 1.0], [2.0, 2.0]], [[2, 0], [0, 1]])
    """
    if same:
        (screen,) = screens(feature_rows(x))
        squares, indices = nearest_of_own(screen, k)
    else:
        screen, others = screens(*both_rows(x, y))
        squares, indices = _nearest_of_others(screen, others, k)
    return np.sqrt(squares), indices


@dataclass(frozen=True)
class Screen:
    """Rows (n, d), and a float32 copy of them that bounds their distances.

    `near` is centred and divided by `scale`, so that no row is longer than 1; `lengths` (n,) are
    half the squares of its rows' lengths. Half a squared distance is the sum of two of them less
    the dot product, whose error is at most d roundings of the product of lengths (Higham 2002,
    3.1), so of the sum of `lengths`.
    """

    rows: Rows
    near: Floats32
    lengths: Floats32
    scale: float

    @property
    def slack(self) -> float:
        """The largest error of half a squared distance, as a share of the sum of `lengths`."""
        return float(self.rows.shape[1] + SLACK) * ROUNDING

    def only(self, chosen: Indices) -> Screen:
        """Return the screen of some rows, ascending; itself if of all."""
        if len(chosen) == len(self.rows):
            return self
        return Screen(self.rows[chosen], self.near[chosen], self.lengths[chosen], self.scale)

    def below(self, a: slice, other: Screen, b: slice) -> Floats32:
        """Return lower bounds of half the squared distances of rows a to rows b, scaled."""
        bounds = self.near[a] @ other.near[b].T
        np.subtract(np.float32(1 - self.slack) * other.lengths[b], bounds, out=bounds)
        bounds += np.float32(1 - self.slack) * self.lengths[a, None]
        return bounds

    def scaled(self, squares: Floats) -> Floats32:
        """Return squared distances as the bounds are: half, and over the square of the scale."""
        return (squares / (2 * self.scale**2)).astype(np.float32)


def screens(*sets: Rows) -> tuple[Screen, ...]:
    """Make sets of rows of the same dimensions comparable: one centre, one scale."""
    centre = np.average([mean_row(rows) for rows in sets], axis=0, weights=[*map(len, sets)])
    scale = max(_longest(rows, centre) for rows in sets) or 1.0
    return tuple(_screen(rows, centre, scale) for rows in sets)


def _longest(rows: Rows, centre: Floats) -> float:
    squares = (((chunk - centre) ** 2).sum(axis=1).max() for chunk in float64_chunks(rows))
    return float(np.sqrt(max(squares)))


def _screen(rows: Rows, centre: Floats, scale: float) -> Screen:
    near = np.empty(rows.shape, np.float32)
    lengths = np.empty(len(rows), np.float32)
    for part in blocks(len(rows), CHUNK_ROWS):
        chunk = (rows[part] - centre) / scale
        near[part] = chunk
        lengths[part] = (chunk**2).sum(axis=1) / 2
    return Screen(rows, near, lengths, scale)


def squared_distances(x: Rows, i: Indices, y: Rows, j: Indices) -> Floats:
    """Return Σ (x_i - y_j)² in float64 of each pair (i, j), shape (pairs,)."""
    squares = np.empty(len(i))
    for part in blocks(len(i), PAIRS):
        apart = x.take(i[part], axis=0).astype(np.float64)
        apart -= y.take(j[part], axis=0).astype(np.float64)
        squares[part] = np.vecdot(apart, apart)
    return squares


def pairs_within(
    below: Floats32, x: Screen, a: slice, y: Screen, b: slice, limits: Floats
) -> Indices:
    """Return the pairs of rows a and b, shape (2, pairs), that are strictly within limits.

    `below` holds the lower bounds of the block; `limits`, squared distances, are broadcast to it.
    Float64 decides what float32 cannot tell.
    """
    scaled = x.scaled(limits)
    rows, columns = _where(below <= scaled)
    i, j = rows + a.start, columns + b.start
    above = below[rows, columns] + np.float32(2 * x.slack) * (x.lengths[i] + y.lengths[j])
    within = above < np.broadcast_to(scaled, below.shape)[rows, columns]
    unsure = np.flatnonzero(~within)
    exact = squared_distances(x.rows, i[unsure], y.rows, j[unsure])
    within[unsure] = exact < np.broadcast_to(limits, below.shape)[rows, columns][unsure]
    return np.stack([i[within], j[within]])


@dataclass(frozen=True)
class _Found:
    """The nearest so far of each of n rows, ascending: squares (n, k) and indices (n, k)."""

    squares: Floats
    indices: Indices

    @classmethod
    def none(cls, n: int, k: int) -> _Found:
        return cls(np.full((n, k), np.inf), np.full((n, k), -1, np.intp))

    def add(self, i: Indices, j: Indices, squares: Floats) -> None:
        """Take in pairs (i, j) that are new; those of least distance, then least j, stay."""
        touched, k = np.unique(i), self.squares.shape[1]
        i = np.concatenate([i, touched.repeat(k)])
        j = np.concatenate([j, self.indices[touched].ravel()])
        squares = np.concatenate([squares, self.squares[touched].ravel()])
        order = np.lexsort((j, squares, i))
        rank = np.arange(len(i)) - np.searchsorted(i[order], i[order])
        kept = order[rank < k]
        self.squares[touched] = squares[kept].reshape(-1, k)
        self.indices[touched] = j[kept].reshape(-1, k)


def nearest_of_own(screen: Screen, k: int) -> tuple[Floats, Indices]:
    """Return squared distances to each row's k nearest others, (n, k) ascending, and indices."""
    _require_neighbours(len(screen.rows) - 1, k)
    kinds = _Kinds.of(screen.rows)
    x = screen.only(kinds.first)
    found = _Found.none(len(x.rows), k)
    for a in blocks(len(x.rows), BLOCK_ROWS):
        below = x.below(a, x, a)
        np.fill_diagonal(below, np.nan)
        _offer(found, below, x, a, x, a)
    for a in blocks(len(x.rows), BLOCK_ROWS):
        for b in blocks(len(x.rows), BLOCK_ROWS, start=a.stop):
            below = x.below(a, x, b)
            _offer(found, below, x, a, x, b)
            _offer(found, below.T, x, b, x, a)
    squares = np.insert(found.squares, 0, 0.0, axis=1)[kinds.of_row]
    indices = np.insert(found.indices, 0, np.arange(len(x.rows)), axis=1)[kinds.of_row]
    return kinds.rows_of(squares, indices, k, but=np.arange(len(screen.rows)))


def _nearest_of_others(x: Screen, y: Screen, k: int) -> tuple[Floats, Indices]:
    _require_neighbours(len(y.rows), k)
    kinds = _Kinds.of(y.rows)
    y = y.only(kinds.first)
    found = _Found.none(len(x.rows), k)
    for a in blocks(len(x.rows), BLOCK_ROWS):
        for b in blocks(len(y.rows), BLOCK_ROWS):
            _offer(found, x.below(a, y, b), x, a, y, b)
    return kinds.rows_of(found.squares, found.indices, k, but=np.full(len(x.rows), -1))


@dataclass(frozen=True)
class _Kinds:
    """Rows of which each is taken once: the ties of a collapsed pool would all be decided singly.

    `first` holds the first row of each kind, ascending; `of_row`, shape (n,), each row's kind.
    """

    first: Indices
    of_row: Indices

    @classmethod
    def of(cls, rows: Rows) -> _Kinds:
        digests = np.array([sha256(row.tobytes()).hexdigest() for row in rows])
        _, first, of_row = np.unique(digests, return_index=True, return_inverse=True)
        order = np.argsort(first)
        return cls(first[order], np.argsort(order)[of_row])

    def rows_of(
        self, squares: Floats, kinds: Indices, k: int, *, but: Indices
    ) -> tuple[Floats, Indices]:
        """Return the k nearest rows among kinds, (n, g) with their squares; -1 is no row."""
        rows = self._copies(k + 1)[kinds]
        squares = np.where((rows < 0) | (rows == but[:, None, None]), np.inf, squares[:, :, None])
        rows, squares = rows.reshape(len(but), -1), squares.reshape(len(but), -1)
        nearest = np.lexsort((rows, squares), axis=1)[:, :k]
        return np.take_along_axis(squares, nearest, 1), np.take_along_axis(rows, nearest, 1)

    def _copies(self, most: int) -> Indices:
        """Return the first rows of each kind, shape (kinds, at most `most`), -1 where no more."""
        order = np.argsort(self.of_row, kind="stable")
        kinds = self.of_row[order]
        rank = np.arange(len(kinds)) - np.searchsorted(kinds, kinds)
        copies = np.full((len(self.first), min(most, rank.max() + 1)), -1)
        few = rank < most
        copies[kinds[few], rank[few]] = order[few]
        return copies


def _require_neighbours(available: int, k: int) -> None:
    if k < 1:
        raise MetricError(f"neighbours need to be at least 1, got {k}")
    if available < k:
        raise TooFewImages(f"{k} nearest neighbours need {k} other images, got {available}")


def _offer(found: _Found, below: Floats32, x: Screen, a: slice, y: Screen, b: slice) -> None:
    """Take in those pairs of block (a, b) that may be among the nearest of rows a."""
    limits = x.scaled(found.squares[a, -1])
    if np.isinf(limits).any():
        limits = np.fmin(limits, _certain(found, below, x, a, y, b))
    i, j = _where(below <= limits[:, None])
    i, j = i + a.start, j + b.start
    if len(i):
        found.add(i, j, squared_distances(x.rows, i, y.rows, j))


def _where(mask: NDArray[np.bool_]) -> tuple[Indices, Indices]:
    """Return np.nonzero(mask), faster: rows and columns, in the order they lie in memory."""
    if not mask.flags.c_contiguous:
        return _where(mask.T)[::-1]
    rows, columns = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return rows, columns


def _certain(found: _Found, below: Floats32, x: Screen, a: slice, y: Screen, b: slice) -> Floats32:
    """Return upper bounds (a,) of the k-th least distance to rows b; infinite with fewer than k."""
    k = found.squares.shape[1]
    if below.shape[1] < k:
        return np.full(len(below), np.inf, np.float32)
    least = np.argpartition(below, k - 1, axis=1)[:, :k]
    above = np.take_along_axis(below, least, axis=1)
    above = above + np.float32(2 * x.slack) * (x.lengths[a, None] + y.lengths[b][least])
    return np.asarray(above.max(axis=1))
