"""Answers as count matrices and what they add up to, all in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scoring.columns import Codes, Mask, factorise
from scoring.table import TrialTable
from scoring.weights import LARGEST

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

SHARE_BITS = 30
PAIR_BITS = 16


@dataclass(frozen=True)
class Totals:
    """Weighted numbers of trials and of wrong answers by generator: each (G,) or (G, draws)."""

    fake_trials: Floats
    fake_wrong: Floats
    real_trials: Floats
    real_wrong: Floats

    @classmethod
    def of(cls, whole: Whole) -> Totals:
        """From whole numbers (4, G, …), those of the real trials in units of 2⁻³⁰."""
        return cls(*whole[:2].astype(np.float64), *(whole[2:] / 2.0**SHARE_BITS))


@dataclass(frozen=True)
class Tally:
    """Answers to one pool of images (a generator's, or the real ones).

    Attributes:
        images: the ids of those shown.
        observer: (rows,) which observer.
        trials, wrong: sparse counts (rows, images); every row is of one observer.
        by_row, by_image: (2, rows) and (2, images) trials and wrong answers.
    """

    images: tuple[str, ...]
    observer: Codes
    trials: Any
    wrong: Any
    by_row: Whole
    by_image: Whole


@dataclass(frozen=True)
class ImageSums:
    """Trials and wrong answers of the images `names` by generator: values (2, generators, n)."""

    names: tuple[str, ...]
    values: Whole


@dataclass(frozen=True)
class Sums:
    """What the answers of a trial table add up to; sums of different observers' tables add up too.

    Attributes:
        generators: G names. observers: O ids.
        by_observer: (4, G, O) fake trials, wrong fakes, and real trials, wrong reals × their share.
        fakes: the images of each generator, as of one generator.
        reals: the real images that count for anyone; values are × share.
        real_trials: (G,) real trials that count for each generator, however little.
        real_pairs: (2, G, G) sums of the products of two generators' shares over the wrong and the
            right answers to real images, in units of 2⁻³².
    """

    generators: tuple[str, ...]
    observers: tuple[str, ...]
    by_observer: Whole
    fakes: tuple[ImageSums, ...]
    reals: ImageSums
    real_trials: Whole
    real_pairs: Whole

    def totals(self) -> Totals:
        """The totals (G,) of the table as it is."""
        return Totals.of(self.by_observer.sum(axis=2))

    def observer_counts(self) -> Whole:
        """(G,) observers who judged images of each generator."""
        return np.asarray(np.count_nonzero(self.by_observer[0], axis=1))

    def image_counts(self) -> Whole:
        """(G,) images shown of each generator."""
        return np.array([len(own.names) for own in self.fakes], dtype=np.int64)

    def real_image_counts(self) -> Whole:
        """(G,) real images that count for each generator, however little."""
        return np.asarray(np.count_nonzero(self.reals.values[0], axis=1))


@dataclass(frozen=True)
class Counts:
    """A trial table as matrices; ids are in sorted order, so the table's row order is forgotten.

    A real trial counts for generator g with weight `share`: g's share of the fake trials in the
    same study, observer and block; where that block has none, of the same study and observer; where
    there are none either, it counts for nobody. A share rests on answers of one observer alone and
    is a whole multiple of 2⁻³⁰, so that observers' sums can be added and taken away exactly.

    Attributes:
        generators: G names. observers: O ids.
        fakes: one tally a generator; a row is an observer.
        reals: the tally of the real images; a row is a cell (study, observer, block).
        share: sparse (G, cells), in units of 2⁻³⁰.
    """

    generators: tuple[str, ...]
    observers: tuple[str, ...]
    fakes: tuple[Tally, ...]
    reals: Tally
    share: Any

    def by_observer(self) -> Whole:
        """(4, G, O), as in `Sums`."""
        sums = np.zeros((4, len(self.generators), len(self.observers)), dtype=np.int64)
        for number, tally in enumerate(self.fakes):
            sums[:2, number, tally.observer] = tally.by_row
        cells = np.arange(len(self.reals.observer))
        shape = (len(cells), len(self.observers))
        for number, counts in enumerate(self.reals.by_row, start=2):
            of_cells = sparse.csr_array((counts, (cells, self.reals.observer)), shape)
            sums[number] = (self.share @ of_cells).toarray()
        return sums

    def sums(self) -> Sums:
        """What the table adds up to."""
        fakes = (ImageSums(own.images, own.by_image[:, None]) for own in self.fakes)
        return Sums(
            generators=self.generators,
            observers=self.observers,
            by_observer=self.by_observer(),
            fakes=tuple(fakes),
            reals=self._real_images(),
            real_trials=(self.share > 0).astype(np.int64) @ self.reals.by_row[0],
            real_pairs=self._real_pairs(),
        )

    def _real_images(self) -> ImageSums:
        share = self.share.T.toarray()
        counts = (self.reals.trials, self.reals.wrong)
        sums = np.array([(own.T.astype(np.int64) @ share).T for own in counts])
        counted = sums[0].any(axis=0)
        names = np.array(self.reals.images, dtype=np.object_)[counted]
        return ImageSums(tuple(names), sums.compress(counted, axis=2))

    def _real_pairs(self) -> Whole:
        trials, wrong = self.reals.by_row
        share = self.share.copy()
        share.data = _rounded_shift(share.data, SHARE_BITS - PAIR_BITS)
        weights = (sparse.diags_array(own, dtype=np.int64) for own in (wrong, trials - wrong))
        return np.array([(share @ weight @ share.T).toarray() for weight in weights])


def count(table: TrialTable) -> Counts:
    """Count a trial table (every row an answer, right or wrong)."""
    names, generator = factorise(table.generator)
    generators = tuple(name for name in names if name)
    generator -= len(names) - len(generators)
    observers, observer = factorise(table.observer)
    images, image = factorise(table.stimulus)
    wrong = table.wrong
    order = np.argsort(generator, kind="stable")
    ends = np.searchsorted(generator[order], np.arange(-1, len(generators)), side="right")
    real, *fakes = np.split(order, ends[:-1])

    def tally(chosen: Codes, group: Codes) -> Tally:
        return _tally(group[chosen], observer[chosen], image[chosen], images, wrong[chosen])

    person = _joint(factorise(table.study)[1], observer)
    cell = _joint(person, factorise(table.block)[1])
    return Counts(
        generators=generators,
        observers=observers,
        fakes=tuple(tally(chosen, observer) for chosen in fakes),
        reals=tally(real, cell),
        share=_shares(generator, len(generators), person, cell)[:, np.unique(cell[real])],
    )


def _joint(first: Codes, second: Codes) -> Codes:
    """A number for each combination of two codes that occurs, in sorted order."""
    both = first * (int(second.max(initial=0)) + 1) + second
    return np.asarray(np.unique(both, return_inverse=True)[1], dtype=np.intp)


def _tally(
    group: Codes, observer: Codes, image: Codes, names: tuple[str, ...], wrong: Mask
) -> Tally:
    """Count trials by group × image, and find each group's observer."""
    _, first, row = np.unique(group, return_index=True, return_inverse=True)
    images, column = np.unique(image, return_inverse=True)
    by_row, by_image = (
        np.array([np.bincount(unit[chosen], minlength=size) for chosen in (slice(None), wrong)])
        for unit, size in ((row, len(first)), (column, len(images)))
    )
    shape = (len(first), len(images))
    dtype = whole_type(int(by_row.max(initial=0)) * LARGEST, np.int16)
    return Tally(
        images=tuple(names[number] for number in images.tolist()),
        observer=observer[first],
        trials=_matrix(row, column, shape).astype(dtype),
        wrong=_matrix(row[wrong], column[wrong], shape).astype(dtype),
        by_row=by_row,
        by_image=by_image,
    )


def _matrix(row: Codes, column: Codes, shape: tuple[int, int]) -> Any:
    """(rows, columns) how often each cell occurs."""
    matrix = sparse.csr_array((np.ones(len(row), dtype=np.int32), (row, column)), shape=shape)
    matrix.sum_duplicates()
    return matrix


def whole_type(largest: int, narrowest: type[np.signedinteger[Any]]) -> np.dtype[Any]:
    """The narrowest whole numbers, but not narrower than `narrowest`, that hold `largest`.

    >>> whole_type(40_000, np.int16)
    dtype('int32')
    """
    return np.promote_types(np.min_scalar_type(-largest - 1), narrowest)


def _shares(generator: Codes, generators: int, person: Codes, cell: Codes) -> Any:
    """Sparse (G, cells): each generator's share of a cell's fakes, or else of its observer's."""
    fake = generator >= 0
    cells, first = np.unique(cell, return_index=True)
    people = int(person.max(initial=-1)) + 1
    in_cell = _matrix(generator[fake], cell[fake], (generators, len(cells)))
    by_person = _matrix(generator[fake], person[fake], (generators, people))
    empty = (in_cell.sum(axis=0) == 0).astype(np.int32)
    fakes = in_cell + by_person[:, person[first]] @ sparse.diags_array(empty, dtype=np.int32)
    fakes = sparse.csc_array(fakes)
    sums = np.repeat(fakes.sum(axis=0), np.diff(fakes.indptr))
    units = np.rint(fakes.data / np.maximum(sums, 1) * 2.0**SHARE_BITS).astype(np.int64)
    share = sparse.csc_array((units, fakes.indices, fakes.indptr), shape=fakes.shape).tocsr()
    share.eliminate_zeros()
    return share


def _rounded_shift(numbers: Whole, bits: int) -> Whole:
    return (numbers + (1 << (bits - 1))) >> bits
