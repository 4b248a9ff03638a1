"""Strengths of players from pairs with ties: the model of Bradley and Terry as Davidson extends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.special import log_softmax

from scoring.columns import Codes, Numbers

Floats = NDArray[np.float64]

MOST_STEPS = 100
SMALLEST_GAIN = 1e-12
SMALLEST_SHARE = 1e-10
HALF_WIN = 0.5
NOBODY = -1


@dataclass(frozen=True)
class Meetings:
    """Who met whom and how it ended, each (n,); alike meetings of an observer may be one row.

    Attributes:
        first, second: the players' numbers, from 0 and never equal.
        first_won, second_won, tied: how often.
        observer: the observer's number, from 0.
    """

    first: Codes
    second: Codes
    first_won: Numbers
    second_won: Numbers
    tied: Numbers
    observer: Codes

    @property
    def outcomes(self) -> Floats:
        """(n, 3) how often the first won, the second won, neither did."""
        return np.column_stack([self.first_won, self.second_won, self.tied])


@dataclass(frozen=True)
class Strengths:
    """Fitted strengths.

    Attributes:
        value: (P,) log-strengths, each component's centred on 0.
        log_tie: log ν, None without ties.
        influence: (observers, P) how far each observer's answers move each log-strength.
        component: (P,) players with the same number met, if only through others.
        bounded: (P,) players with the same number have finite differences of strength by maximum
            likelihood: each beat the other, if only through others.
    """

    value: Floats
    log_tie: float | None
    influence: Floats
    component: Codes
    bounded: Codes


def fit_strengths(meetings: Meetings, players: int, observers: int) -> Strengths:
    """Fit log-strengths λ by maximum likelihood.

    Of a pair i, j, with d = λ_i - λ_j, the chances that i wins, that j wins and that there is a tie
    are as e^(d/2) : e^(-d/2) : ν (Davidson, Journal of the American Statistical Association 65,
    1970); without any tie ν = 0, which is the model of Bradley and Terry (Biometrika 39, 1952).

    Where one group of players never lost to another, strengths would be infinite (Ford, American
    Mathematical Monthly 64, 1957). So half a win each way is added to every pair of players, from
    two such groups, that met; all others stay maximum likelihood. The added answers are no
    observer's.

    Returns:
        strengths, with the one-step influence of each observer (Huber's sandwich is
        influenceᵀ · influence).
    """
    component, bounded = _groups(meetings, players)
    supported = _with_half_wins(meetings, bounded)
    design = _design(supported, players)
    ties = bool(supported.tied.any())
    parameters = _maximise(design, supported.outcomes, ties)
    residuals, information = _derivatives(design, supported.outcomes, parameters, ties)
    scores = _gradients(design, residuals, supported.observer, observers)
    influence = scores @ _inverse(information)
    return Strengths(
        value=parameters[:-1],
        log_tie=float(parameters[-1]) if ties else None,
        influence=influence[:, :-1],
        component=component,
        bounded=bounded,
    )


def _groups(meetings: Meetings, players: int) -> tuple[Codes, Codes]:
    """Weakly and strongly connected components of who beat (or tied with) whom."""
    won = meetings.first_won + meetings.tied, meetings.second_won + meetings.tied
    beat = sparse.coo_array(
        (
            np.concatenate(won),
            (
                np.concatenate([meetings.first, meetings.second]),
                np.concatenate([meetings.second, meetings.first]),
            ),
        ),
        shape=(players, players),
    ).tocsr()
    beat.eliminate_zeros()
    _, component = connected_components(beat, connection="weak")
    _, bounded = connected_components(beat, connection="strong")
    return component.astype(np.intp), bounded.astype(np.intp)


def _with_half_wins(meetings: Meetings, bounded: Codes) -> Meetings:
    apart = bounded[meetings.first] != bounded[meetings.second]
    met = np.unique(
        np.sort(np.column_stack([meetings.first[apart], meetings.second[apart]]), axis=1), axis=0
    )
    half = np.full(len(met), HALF_WIN)
    return Meetings(
        first=np.concatenate([meetings.first, met[:, 0]]),
        second=np.concatenate([meetings.second, met[:, 1]]),
        first_won=np.concatenate([meetings.first_won, half]),
        second_won=np.concatenate([meetings.second_won, half]),
        tied=np.concatenate([meetings.tied, 0 * half]),
        observer=np.concatenate([meetings.observer, np.full(len(met), NOBODY)]),
    )


def _design(meetings: Meetings, players: int) -> Any:
    """Sparse (n, P): 1 for the first player, -1 for the second."""
    rows = np.arange(len(meetings.first))
    ones = np.ones(len(rows))
    return sparse.csr_array(
        (
            np.concatenate([ones, -ones]),
            (np.concatenate([rows, rows]), np.concatenate([meetings.first, meetings.second])),
        ),
        shape=(len(rows), players),
    )


def _log_chances(design: Any, parameters: Floats, ties: bool) -> Floats:
    """(n, 3) log chances of the three outcomes."""
    half = design @ parameters[:-1] / 2
    tie = np.full_like(half, parameters[-1] if ties else -np.inf)
    return np.asarray(log_softmax(np.column_stack([half, -half, tie]), axis=1))


def _likelihood(design: Any, outcomes: Floats, parameters: Floats, ties: bool) -> float:
    chances = _log_chances(design, parameters, ties)
    return float(np.multiply(outcomes, chances, where=outcomes > 0, out=0 * outcomes).sum())


def _derivatives(
    design: Any, outcomes: Floats, parameters: Floats, ties: bool
) -> tuple[Floats, Floats]:
    """Each row's residuals (n, 2), by difference and by log ν, and the information (P+1, P+1)."""
    chances = np.exp(_log_chances(design, parameters, ties))
    size = outcomes.sum(axis=1)
    won, lost, tied = chances.T
    lean = (won - lost) / 2
    residuals = np.column_stack(
        [(outcomes[:, 0] - outcomes[:, 1]) / 2 - size * lean, outcomes[:, 2] - size * tied]
    )
    by_difference = size * ((won + lost) / 4 - lean**2)
    weighted = design * by_difference[:, None]
    corner = (design.T @ (-size * lean * tied))[:, None]
    by_tie = np.array([[(size * tied * (1 - tied)).sum()]])
    information = np.block([[(design.T @ weighted).toarray(), corner], [corner.T, by_tie]])
    return residuals, information


def _gradients(design: Any, residuals: Floats, group: Codes, groups: int) -> Floats:
    """(groups, P+1) the gradients of the rows' log-likelihoods, summed by group; NOBODY's is left out."""
    own = np.flatnonzero(group != NOBODY)
    summed = sparse.csr_array((np.ones(len(own)), (group[own], own)), shape=(groups, len(group)))
    by_strength = summed @ (design * residuals[:, :1])
    return np.column_stack([by_strength.toarray(), summed @ residuals[:, 1]])


def _inverse(information: Floats) -> Floats:
    """Of all but the directions in which nothing changes, such as all strengths alike."""
    return np.asarray(np.linalg.pinv(information, rcond=SMALLEST_SHARE, hermitian=True))


def _maximise(design: Any, outcomes: Floats, ties: bool) -> Floats:
    """Newton's method, with steps halved until they gain; the likelihood is concave."""
    parameters = np.zeros(design.shape[1] + 1)
    reached = _likelihood(design, outcomes, parameters, ties)
    for _ in range(MOST_STEPS):
        residuals, information = _derivatives(design, outcomes, parameters, ties)
        gradient = np.append(design.T @ residuals[:, 0], residuals[:, 1].sum())
        step = _inverse(information) @ gradient
        if gradient @ step < SMALLEST_GAIN:
            break
        while (likelihood := _likelihood(design, outcomes, parameters + step, ties)) < reached:
            step /= 2
        parameters, reached = parameters + step, likelihood
    return parameters
