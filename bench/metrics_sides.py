"""Our process and the peers' ones, doing the same work in turn."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from bench import metrics_environment
from bench.metrics_environment import Peers
from bench.metrics_process import (
    Done,
    Outcome,
    Side,
    Task,
    TaskFailed,
    alternate,
    attempt,
    side,
    warmed,
)
from bench.metrics_weights import seeded_state


@dataclass(frozen=True)
class Bench:
    """Where and how often things are timed.

    `cores` are those that may be used, `repeats` how often each side has its turn; `images` are
    those of each folder that is measured from end to end; `large` asks for what takes long.
    """

    folder: Path
    peers: Peers
    cores: Sequence[int]
    repeats: int
    images: int
    large: bool

    @property
    def one_core(self) -> Sequence[int]:
        return self.cores[:1]

    @cached_property
    def weights(self) -> str:
        """A file of seeded weights for Inception-v3."""
        path = self.folder / "weights.pth"
        torch.save(seeded_state(), path)
        return str(path)

    def kept(self, name: str, array: NDArray[np.generic]) -> str:
        """Keep an array where both sides find it; return its path."""
        path = self.path(f"{name}.npy")
        np.save(path, array)
        return path

    def path(self, name: str) -> str:
        """Where a file of that name may be written."""
        return str(self.folder / name)

    def ours(self, cores: Sequence[int]) -> AbstractContextManager[Side]:
        """Start a process of ours on these cores."""
        return side(Path(sys.executable), "bench.metrics_ours", cores)

    def in_turn(
        self,
        cores: Sequence[int],
        ours: Sequence[Task],
        theirs: Mapping[str, Task],
        *,
        warm: bool = False,
    ) -> tuple[list[Done], dict[str, Outcome]]:
        """Do our tasks and each peer's on the same cores, in turn; return each one's median.

        A peer that cannot do its task has the reason for it instead; ours have to be done. If `warm`,
        every turn is of two, and the second counts.
        """
        with ExitStack() as stack:
            us = stack.enter_context(self.ours(cores))
            for task in ours:
                us.prepare(task)
            turns: list[Callable[[], Outcome]] = [partial(us.do, task) for task in ours]
            turns += [self.turn(stack, cores, peer, task) for peer, task in theirs.items()]
            outcomes = alternate([warmed(turn) for turn in turns] if warm else turns, self.repeats)
        done = cast(list[Done], outcomes[: len(ours)])
        return done, dict(zip(theirs, outcomes[len(ours) :], strict=True))

    def turn(
        self, stack: ExitStack, cores: Sequence[int], peer: str, task: Task
    ) -> Callable[[], Outcome]:
        """Return a peer's turn at a task, prepared in a process that ends with the stack."""
        try:
            them = stack.enter_context(self._theirs(peer, cores))
            them.prepare(task)
        except TaskFailed as error:
            return partial(str, error)
        return partial(attempt, them, task)

    def once(self, cores: Sequence[int], task: Task) -> Done:
        """Do a task in a process of its own, whose start counts."""
        start = time.perf_counter()
        with self.ours(cores) as us:
            return _whole(us, task, start)

    def once_by(self, peer: str, cores: Sequence[int], task: Task) -> Outcome:
        """Have a peer do a task in a process of its own, whose start counts."""
        start = time.perf_counter()
        try:
            with self._theirs(peer, cores) as them:
                return _whole(them, task, start)
        except TaskFailed as error:
            return str(error)

    def _theirs(self, peer: str, cores: Sequence[int]) -> AbstractContextManager[Side]:
        if self.peers.python is None or peer in self.peers.absent:
            raise TaskFailed(self.peers.absent.get(peer, "there is no environment of the peers"))
        return side(self.peers.python, metrics_environment.MODULE, cores)


def _whole(process: Side, task: Task, start: float) -> Done:
    process.prepare(task)
    done = process.do(task)
    return replace(done, seconds=time.perf_counter() - start)
