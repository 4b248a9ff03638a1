"""Which trials error rates count, and how many were left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from scoring.columns import Mask
from scoring.table import EXCLUDED, TrialTable

Skipped = Literal["out", "wrong"]


@dataclass(frozen=True)
class LeftOut:
    """Trials that were left out.

    Attributes:
        n_skipped: without an answer; they may be counted as wrong instead.
        n_catch: catch trials. n_excluded: other trials of observers left out by criteria.
        observers: who was left out, by reason.
    """

    n_skipped: int = 0
    n_catch: int = 0
    n_excluded: int = 0
    observers: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def together(cls, parts: Iterable[LeftOut]) -> LeftOut:
        """What several tables leave out."""
        listed = list(parts)
        observers: dict[str, frozenset[str]] = {}
        for part in listed:
            for reason, who in part.observers.items():
                observers[reason] = observers.get(reason, frozenset()) | who
        return cls(
            sum(part.n_skipped for part in listed),
            sum(part.n_catch for part in listed),
            sum(part.n_excluded for part in listed),
            observers,
        )

    def observer_counts(self) -> dict[str, int]:
        """How many observers were left out for each reason, in the reasons' order."""
        return {reason: len(who) for reason, who in sorted(self.observers.items())}


def select(table: TrialTable, skipped: Skipped = "out") -> tuple[TrialTable, LeftOut]:
    """The trials that error rates count, and what was left out.

    Catch trials, trials of excluded observers, ties, and screens of two fakes are out, the last two
    because they are answers about a pair. Trials without an answer are out, or wrong.

    Raises:
        ValueError: `skipped` is neither "out" nor "wrong".
    """
    if skipped not in get_args(Skipped):
        raise ValueError(f"skipped must be 'out' or 'wrong', got {skipped!r}")
    catch, excluded, tied = _flagged(table)
    out = catch | excluded | tied | between_fakes(table)
    unanswered = ~out & ~table.answered
    left_out = LeftOut(
        n_skipped=int(unanswered.sum()),
        n_catch=int(catch.sum()),
        n_excluded=int((excluded & ~catch).sum()),
        observers=_excluded_observers(table.where(excluded)),
    )
    if skipped == "out":
        out |= unanswered
    return (table.where(~out) if out.any() else table), left_out


def between_fakes(table: TrialTable) -> Mask:
    """(n,) True on screens of two fakes: which looks more real does not say what is right."""
    together = np.asarray(table.screen != "", dtype=np.bool_)
    shown = table.where(together)
    _, screen = np.unique(shown.screens, return_inverse=True)
    images, fakes = np.bincount(screen), np.bincount(screen, shown.fake)
    found = np.zeros(len(table), dtype=np.bool_)
    found[together] = ((images == 2) & (fakes == 2))[screen]
    return found


def _flagged(table: TrialTable) -> tuple[Mask, Mask, Mask]:
    """(n,) each: catch trials, trials of excluded observers, ties."""
    flagged = table.where(table.flagged)
    masks = np.zeros((3, len(table)), dtype=np.bool_)
    masks[:, table.flagged] = flagged.catch, flagged.excluded, flagged.tied
    return masks[0], masks[1], masks[2]


def _excluded_observers(table: TrialTable) -> dict[str, frozenset[str]]:
    pairs = set(zip(table.flags.tolist(), table.observer.tolist(), strict=True))
    found: dict[str, set[str]] = {}
    for flags, observer in pairs:
        for word in flags.split(";"):
            if word.strip().startswith(EXCLUDED):
                found.setdefault(word.strip(), set()).add(observer)
    return {reason: frozenset(who) for reason, who in found.items()}
