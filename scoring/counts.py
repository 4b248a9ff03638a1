"""Answers as count matrices: observers × images for each generator and for the real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scoring.columns import Codes, factorise, joint_codes
from scoring.table import TrialTable

Floats = NDArray[np.float64]

SHARE_UNITS = 2**30


@dataclass(frozen=True)
class Totals:
    """Weighted numbers of trials and of wrong answers by generator: each (G,) or (G, draws)."""

    fake_trials: Floats
    fake_wrong: Floats
    real_trials: Floats
    real_wrong: Floats

    @classmethod
    def joined(cls, parts: Sequence[Totals]) -> Totals:
        """Put chunks of draws one after another."""
        return cls(
            *(
                np.concatenate([getattr(part, field.name) for part in parts], axis=-1)
                for field in fields(cls)
            )
        )


@dataclass(frozen=True)
class Tally:
    """Answers to one pool of images (a generator's, or the real ones).

    Attributes:
        trials, wrong: sparse counts (rows, images); every row is of one observer.
        observer: (rows,) which observer.
    """

    trials: Any
    wrong: Any
    observer: Codes

    @property
    def row_trials(self) -> NDArray[np.integer[Any]]:
        """(rows, 1) trials by row."""
        return self._row_sums(self.trials)

    @property
    def row_wrong(self) -> NDArray[np.integer[Any]]:
        """(rows, 1) wrong answers by row."""
        return self._row_sums(self.wrong)

    @property
    def image_count(self) -> int:
        """How many images the pool showed."""
        return int(self.trials.shape[1])

    @staticmethod
    def _row_sums(counts: Any) -> NDArray[np.integer[Any]]:
        return np.asarray(counts.sum(axis=1, dtype=np.int32)).reshape(-1, 1)


@dataclass(frozen=True)
class Counts:
    """A trial table as matrices; ids are in sorted order, so the table's row order is forgotten.

    A real trial counts for generator g with weight `share`: g's share of the fake trials in the
    same study, observer and block; where that block has none, of the same study and observer;
    where there are none either, of the study. Shares are whole multiples of 2⁻³⁰: sums of them are
    exact, so that digits do not depend on the number of threads that add.

    Attributes:
        generators: G names. observers: O ids.
        fakes: one tally a generator; a row is an observer.
        reals: the tally of the real images; a row is a cell (study, observer, block).
        share: sparse (G, cells).
    """

    generators: tuple[str, ...]
    observers: tuple[str, ...]
    fakes: tuple[Tally, ...]
    reals: Tally
    share: Any

    def totals(self) -> Totals:
        """The totals (G,) of the table as it is."""
        fake = [(tally.row_trials.sum(), tally.row_wrong.sum()) for tally in self.fakes]
        fake_trials, fake_wrong = np.array(fake, dtype=np.float64).reshape(-1, 2).T
        real_trials = (self.share @ self.reals.row_trials).ravel()
        real_wrong = (self.share @ self.reals.row_wrong).ravel()
        return Totals(fake_trials, fake_wrong, real_trials, real_wrong)

    def observer_counts(self) -> NDArray[np.intp]:
        """(G,) observers who judged images of each generator."""
        return np.array([len(tally.observer) for tally in self.fakes], dtype=np.intp)

    def image_counts(self) -> NDArray[np.intp]:
        """(G,) images shown of each generator."""
        return np.array([tally.image_count for tally in self.fakes], dtype=np.intp)

    def real_trial_counts(self) -> NDArray[np.intp]:
        """(G,) real trials that count for each generator, however little."""
        return np.asarray((self.share > 0) @ self.reals.row_trials, dtype=np.intp).ravel()

    def real_image_counts(self) -> NDArray[np.intp]:
        """(G,) real images that count for each generator, however little."""
        shown = (self.share > 0).astype(np.int32) @ self.reals.trials.astype(np.int32)
        return np.asarray((shown > 0).sum(axis=1), dtype=np.intp).ravel()


def count(table: TrialTable) -> Counts:
    """Count a trial table (every row an answer, right or wrong)."""
    fake = table.fake
    names, generator = factorise(table.generator)
    generators = tuple(name for name in names if name)
    generator -= len(names) - len(generators)
    observers, observer = factorise(table.observer)
    cells, cell = joint_codes(table.study, table.observer, table.block)
    wrong = table.wrong
    fakes = []
    for number in range(len(generators)):
        chosen = np.flatnonzero(generator == number)
        fakes.append(_tally(table, chosen, observer[chosen], observer[chosen], wrong))
    real = np.flatnonzero(~fake)
    reals = _tally(table, real, cell[real], observer[real], wrong)
    share = _shares(table, generator, len(generators), cells, cell)[:, np.unique(cell[real])]
    return Counts(generators, observers, tuple(fakes), reals, share)


def _tally(
    table: TrialTable, chosen: Codes, group: Codes, observer: Codes, wrong: NDArray[np.bool_]
) -> Tally:
    """Count the chosen trials by group × image, and find each group's observer."""
    _, first, row = np.unique(group, return_index=True, return_inverse=True)
    images, image = factorise(table.stimulus[chosen])
    shape = (len(first), len(images))
    trials = _counts(row, image, np.ones(len(chosen), dtype=np.int32), shape)
    mistakes = _counts(row, image, wrong[chosen].astype(np.int32), shape)
    dtype = _narrowest(trials)
    return Tally(trials.astype(dtype), mistakes.astype(dtype), observer[first])


def _counts(row: Codes, column: Codes, values: NDArray[Any], shape: tuple[int, int]) -> Any:
    matrix = sparse.csr_array((values, (row, column)), shape=shape)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _narrowest(trials: Any) -> type[np.int16] | type[np.int32]:
    """int16 if no resampling of the images (their weights sum to their number) can overflow it."""
    largest = int(trials.max()) if trials.nnz else 0
    return np.int16 if largest * trials.shape[1] <= np.iinfo(np.int16).max else np.int32


def _shares(table: TrialTable, generator: Codes, generators: int, cells: int, cell: Codes) -> Any:
    """(G, cells) each generator's share of a cell's fakes, or of the next wider group's."""
    persons, person = joint_codes(table.study, table.observer)
    studies, study = joint_codes(table.study)
    fake = table.fake

    def fakes_by(group: Codes, groups: int) -> Any:
        ones = np.ones(int(fake.sum()))
        return _counts(generator[fake], group[fake], ones, (generators, groups))

    first = np.unique(cell, return_index=True)[1]
    in_cell = fakes_by(cell, cells)
    in_person = fakes_by(person, persons)[:, person[first]]
    in_study = fakes_by(study, studies)[:, study[first]]
    person_wanted = in_cell.sum(axis=0) == 0
    study_wanted = person_wanted & (in_person.sum(axis=0) == 0)
    fakes = (
        in_cell
        + in_person @ sparse.diags_array(person_wanted.astype(float))
        + in_study @ sparse.diags_array(study_wanted.astype(float))
    )
    sums = np.asarray(fakes.sum(axis=0)).ravel()
    inverse = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0)
    share = sparse.csr_array(fakes @ sparse.diags_array(inverse))
    share.data = np.round(share.data * SHARE_UNITS) / SHARE_UNITS
    return share
