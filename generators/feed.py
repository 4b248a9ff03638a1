"""Everything random in one step of training: real images, noise, places; drawn from (seed, step)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FIRST = 2**64 - 1  # the step whose draws belong to the time before the first
Draw = Callable[[np.random.Generator], NDArray[np.generic]]


def generator_of(seed: int, step: int) -> np.random.Generator:
    """The random numbers of one step of a run."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, step], np.uint64)))


@dataclass(frozen=True)
class Share:
    """Which part of each batch a process trains on: `rank` of `world` equal parts."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether it is this process that reports and writes."""
        return self.rank == 0

    def of(self, rows: NDArray[np.generic]) -> NDArray[np.generic]:
        """This process's rows; every process draws the whole batch, so that all agree on it."""
        size = len(rows) // self.world
        return rows[self.rank * size : (self.rank + 1) * size]


class RealImages:
    """A data set on the device: uint8 (N, H, W, C), and labels int64 (N,) or None."""

    def __init__(
        self, images: NDArray[np.uint8], labels: NDArray[np.integer] | None, device: torch.device
    ) -> None:
        self.images = torch.from_numpy(images).to(device)
        self.labels = (
            None if labels is None else torch.from_numpy(np.asarray(labels, np.int64)).to(device)
        )
        self._rows: dict[int, NDArray[np.int64]] = {}
        self._all_labels = labels

    def of_class(self, label: int | None) -> NDArray[np.int64] | None:
        """The rows of a class; None for all rows."""
        if label is None:
            return None
        if label not in self._rows:
            self._rows[label] = np.flatnonzero(self._all_labels == label)
        return self._rows[label]

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: Tensor) -> Tensor:
        """Images float (B, C, H, W) in [−1, 1]."""
        return self.images[index].permute(0, 3, 1, 2).float() / 127.5 - 1


class Feed:
    """The draws of one step, in the order in which they are asked for.

    Each is a function of the seed, the step and what was drawn before it: runs that were cut and
    resumed, or shared among processes, draw the same.
    """

    def __init__(
        self, data: RealImages, batch: int, *, seed: int, step: int, share: Share | None = None
    ) -> None:
        self.data, self.batch, self.step = data, batch, step
        self.share = share or Share()
        self._device = data.images.device
        self._random = generator_of(seed, step)

    def real(self, label: int | None = None) -> tuple[Tensor, Tensor | None]:
        """Real images float (B, C, H, W) in [−1, 1], of one class if asked, and their labels (B,)."""
        rows = self.data.of_class(label)
        among = len(self.data if rows is None else rows)

        def draw(random: np.random.Generator) -> NDArray[np.generic]:
            drawn = random.integers(among, size=self.batch)
            return drawn if rows is None else rows[drawn]

        index = self._drawn(draw)
        labels = self.data.labels
        return self.data.take(index), None if labels is None else labels[index]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal (B, *shape)."""
        size = (self.batch, *shape)
        return self._drawn(lambda random: random.standard_normal(size, np.float32))

    def uniform(self, *shape: int) -> Tensor:
        """Uniform in [0, 1), (B, *shape)."""
        size = (self.batch, *shape)
        return self._drawn(lambda random: random.random(size, np.float32))

    def common(self, *shape: int) -> Tensor:
        """Uniform in [0, 1), of this shape, the same in all processes."""
        drawn = self._random.random(shape, np.float32)
        return torch.from_numpy(drawn).to(self._device, non_blocking=True)

    def _drawn(self, draw: Draw) -> Tensor:
        """The next draw, this process's rows of it, on the device."""
        rows = self.share.of(draw(self._random))
        return torch.from_numpy(rows).to(self._device, non_blocking=True)


class RecordedFeed(Feed):
    """A feed whose draws lie in tensors that stay where they are, for a step that is played again.

    The first time through each draw makes its tensor. `refill` draws for another step, in the same
    order, into the same tensors, and gives them out again from the first.
    """

    def __init__(self, data: RealImages, batch: int, *, seed: int, step: int) -> None:
        super().__init__(data, batch, seed=seed, step=step)
        self._seed = seed
        self._draws: list[tuple[Draw, Tensor]] = []
        self._given = 0

    def refill(self, step: int) -> None:
        """Puts the draws of another step in the place of the last."""
        self.step, self._given = step, 0
        random = generator_of(self._seed, step)
        for draw, tensor in self._draws:
            rows = torch.from_numpy(draw(random))
            tensor.copy_(rows.pin_memory() if tensor.is_cuda else rows, non_blocking=True)

    def _drawn(self, draw: Draw) -> Tensor:
        if self._given == len(self._draws):
            self._draws.append((draw, super()._drawn(draw)))
        _, tensor = self._draws[self._given]
        self._given += 1
        return tensor
