"""Whose each answer is: the fakes of a generator, and the real images it shares with others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.columns import Codes, Mask, factorise
from scoring.table import TrialTable

Floats = NDArray[np.float64]

SAME_WEIGHT = 1e-9


@dataclass(frozen=True)
class Own:
    """A generator's trials: `rows` (n,) of the table, what each weighs (above 0), which are wrong."""

    generator: str
    rows: Codes
    weights: Floats
    wrong: Mask


@dataclass(frozen=True)
class LevelAnswers:
    """Weights of right and of wrong answers, each (groups, L), at levels_ms (L,) in whole ms."""

    levels_ms: Floats
    right: Floats
    wrong: Floats


def by_generator(table: TrialTable, group: Codes) -> Iterator[Own]:
    """Each generator's trials, by name: its fakes weigh 1, reals its share of their group's fakes."""
    names, generator = factorise(table.generator)
    real, wrong = ~table.fake, table.wrong
    groups = int(group.max(initial=-1)) + 1
    fakes = np.bincount(group[~real], minlength=groups)
    for number, name in enumerate(names):
        if name:
            own = np.bincount(group[generator == number], minlength=groups)
            share = own / np.maximum(fakes, 1)
            weights = np.where(real, share[group], generator == number)
            rows = np.flatnonzero(weights)
            yield Own(name, rows, weights[rows], wrong[rows])


def answers_by_level(
    exposures_ms: Floats, wrong: Mask, group: Codes, weights: Floats
) -> LevelAnswers:
    """How much was answered right and wrong in each group at each exposure; all (n,)."""
    levels, level = np.unique(np.rint(exposures_ms), return_inverse=True)
    groups = int(group.max(initial=-1)) + 1
    cell, cells = group * levels.size + level, groups * levels.size
    right, missed = (
        np.asarray(np.bincount(cell, weights * chosen, minlength=cells), dtype=np.float64)
        for chosen in (~wrong, wrong)
    )
    shape = (groups, levels.size)
    return LevelAnswers(levels, right.reshape(shape), missed.reshape(shape))


def modal_exposures(exposures_ms: Floats, group: Codes, weights: Floats) -> Floats:
    """(groups,) the exposure of most weight in each group; of several, their mean."""
    levels, level = np.unique(exposures_ms, return_inverse=True)
    cells, cell = np.unique(group * levels.size + level, return_inverse=True)
    weight, own_group = np.bincount(cell, weights), cells // levels.size
    heaviest = np.zeros(own_group[-1] + 1)
    np.maximum.at(heaviest, own_group, weight)
    modal = weight >= heaviest[own_group] - SAME_WEIGHT
    sums = np.bincount(own_group, modal * levels[cells % levels.size])
    return np.asarray(sums / np.bincount(own_group, modal))
