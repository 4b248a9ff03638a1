"""What a trained generator is played with where there is no torch: codes, inputs and the network, in NumPy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from generators.data import Images
from generators.noise import balanced_labels, noise

Floats = NDArray[np.float32]
Address = tuple[int, int]
"""A sample's seed and its number among those of this seed."""

FIRST_SEED = 2**32
"""Seed 0 of samples to play with: pools have smaller ones, so that no sample is in a pool."""

FULL_STEP = 8.0  # the gradient of a step from −1 to 1 under Sobel's kernels
FAINTEST, CLEAREST = 0.08, 0.2  # shares of FULL_STEP that are no line yet, and a whole one
RIDGE = 3  # how much a slope beside a steeper one is held down
PARALLEL = 1e-6
REDUCED_PX = 16
CHUNK = 4_096


def codes(addresses: Sequence[Address], z_dim: int) -> Floats:
    """Standard normal codes (n, z_dim) of samples, each a function of its address alone."""
    rows = [noise(FIRST_SEED + seed, index, 1, z_dim) for seed, index in addresses]
    return np.concatenate(rows) if rows else np.empty((0, z_dim), np.float32)


def conditions(addresses: Sequence[Address], class_count: int) -> Floats:
    """One-hot classes (n, class_count): those of a pool's images with the same numbers."""
    rows = np.zeros((len(addresses), class_count), np.float32)
    if class_count:
        for row, (_, index) in zip(rows, addresses, strict=True):
            row[balanced_labels(class_count, index, 1)] = 1
    return rows


def moved(start: Floats, minus: Floats, plus: Floats, strength: float) -> Floats:
    """Where arithmetic with codes (n, z) leads: mean start + strength · (mean plus − mean minus).

    At strength 1 this is a − b + c with means of codes, as in "glasses − man + woman" (Radford et
    al. 2016, section 6.3.2). Sums of codes are longer than codes and means are shorter, and no
    network has learned to draw from either: the result is given the mean length of the codes in
    `start`, of which there must be one. In the other two no rows stand for zero.

    >>> one, two = np.array([[3, 0]], np.float32), np.array([[0, 3]], np.float32)
    >>> moved(one, one[:0], two, 1.0).round(2)
    array([2.12, 2.12], dtype=float32)
    """
    place = _sum(start, minus, plus, strength)
    length = np.linalg.norm(place)
    wanted = np.linalg.norm(start, axis=1).mean()
    return place * np.float32(wanted / length) if length > 0 else place


def mixed(start: Floats, minus: Floats, plus: Floats, strength: float) -> Floats:
    """The same sum with classes (n, classes): shares that are never negative and add up to 1.

    Where nothing would be left, the classes of `start` are.

    >>> cat, dog = np.eye(2, dtype=np.float32)[:, None]
    >>> mixed(cat, cat, dog, 0.25), mixed(cat, cat, dog, 2.0)
    (array([0.75, 0.25], dtype=float32), array([0., 1.], dtype=float32))
    """
    shares = _sum(start, minus, plus, strength).clip(min=0)
    total = shares.sum()
    return shares / total if total > 0 else _mean(start)


def _sum(start: Floats, minus: Floats, plus: Floats, strength: float) -> Floats:
    return _mean(start) + np.float32(strength) * (_mean(plus) - _mean(minus))


def _mean(rows: Floats) -> Floats:
    if not len(rows):
        return np.zeros(rows.shape[1], np.float32)
    mean: Floats = rows.mean(0)
    return mean


def walked(start: Floats, end: Floats, steps: int) -> Floats:
    """Codes (steps, d) from one to another along the arc between them, both ends included.

    The direction turns evenly (spherical interpolation, Shoemake 1985) and the length changes evenly,
    so that all are as long as codes are; along a line where they point the same or opposite ways.

    >>> walked(np.array([1, 0], np.float32), np.array([0, 3], np.float32), 3).round(3)
    array([[1.   , 0.   ],
           [1.414, 1.414],
           [0.   , 3.   ]], dtype=float32)
    """
    share = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    if min(lengths) < PARALLEL:
        return blended(start, end, steps)
    angle = np.arccos(np.clip(start @ end / (lengths[0] * lengths[1]), -1, 1))
    if np.sin(angle) < PARALLEL:
        return blended(start, end, steps)
    ways = np.sin((1 - share) * angle) * start / lengths[0]
    ways = (ways + np.sin(share * angle) * end / lengths[1]) / np.sin(angle)
    long: Floats = ways * ((1 - share) * lengths[0] + share * lengths[1])
    return long.astype(np.float32)


def blended(start: Floats, end: Floats, steps: int) -> Floats:
    """Rows (steps, d) along the line from one to another, both ends included; for classes."""
    share = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    return (1 - share) * start + share * end


def edges(images: Floats) -> Floats:
    """`generators.pairs.edges` of images (N, C, H, W) in [−1, 1]: strokes (N, 1, H, W), 1 on −1."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    across, down = _slope(padded), _slope(padded.swapaxes(2, 3)).swapaxes(2, 3)
    strength = np.sqrt((across**2 + down**2).mean(1, keepdims=True)) / FULL_STEP
    around = np.pad(strength, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    steepest = sliding_window_view(around, (3, 3), axis=(2, 3)).max((-2, -1))
    thin = strength * (strength / steepest.clip(min=FAINTEST)).clip(max=1) ** RIDGE
    strokes: Floats = 2 * ((thin - FAINTEST) / (CLEAREST - FAINTEST)).clip(0, 1) - 1
    return strokes


def _slope(padded: Floats) -> Floats:
    """Sobel's slope along the last axis of images with a margin of 1."""
    smooth = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    return smooth[..., 2:] - smooth[..., :-2]


def shrink(images: Floats, factor: int) -> Floats:
    """`generators.pairs.shrink`: images (N, C, H, W) at 1/`factor`, each pixel a mean.

    >>> shrink(np.array([[[[-1, 1], [0, 1]]]], np.float32), 2)
    array([[[[0.25]]]], dtype=float32)
    """
    count, channels, height, width = images.shape
    rows, columns = height // factor, width // factor
    inside = images[:, :, : rows * factor, : columns * factor]
    small: Floats = inside.reshape(count, channels, rows, factor, columns, factor).mean((3, 5))
    return small


def signed(images: Images) -> Floats:
    """uint8 (N, H, W, C) as a network takes it: float32 (N, C, H, W) in [−1, 1]."""
    return images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(127.5) - 1


def levels(images: Floats) -> Images:
    """Float (N, C, H, W) in [−1, 1] as uint8 (N, H, W, C), what lies beyond cut off."""
    rounded: Images = ((images + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
    return rounded.transpose(0, 2, 3, 1)


class Network:
    """A network exported from weights that were trained here, run on one thread.

    For strangers' files there is `generators.onnx_sampling`.
    """

    def __init__(self, onnx: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            onnx, options, providers=["CPUExecutionProvider"]
        )
        self._inputs: dict[str, list[Any]] = {
            each.name: each.shape for each in self._session.get_inputs()
        }

    @property
    def z_dim(self) -> int:
        """How many numbers a code has."""
        return int(self._inputs["noise"][1])

    @property
    def class_count(self) -> int:
        """How many classes its condition is over; 0 without one."""
        return int(self._inputs["condition"][1]) if "condition" in self._inputs else 0

    def __call__(self, **inputs: Floats) -> Images:
        """Images uint8 (N, H, W, C) for `noise` (N, z) and, with classes, `condition`, or for `image`."""
        fed = {name: value for name, value in inputs.items() if name in self._inputs}
        return levels(self._session.run(None, fed)[0])


@dataclass(frozen=True)
class Neighbour:
    """An image of many: its number, and how far it is, in root mean square grey levels of 255."""

    index: int
    distance: float


def reduced(images: Images) -> NDArray[np.uint8]:
    """Rows (N, d): images uint8 (N, H, W, C) averaged down until no side is longer than 16 pixels.

    >>> reduced(np.zeros((2, 28, 28, 1), np.uint8)).shape
    (2, 196)
    """
    factor = -(-max(images.shape[1:3]) // REDUCED_PX)
    rows, columns = (side // factor for side in images.shape[1:3])
    sums = np.zeros((len(images), rows, columns, images.shape[3]), np.uint32)
    for down in range(factor):  # by slices: ten times as fast as a mean over reshaped axes
        for across in range(factor):
            sums += images[:, down : rows * factor : factor, across : columns * factor : factor]
    means: Images = (sums / factor**2).round().astype(np.uint8)
    return means.reshape(len(images), -1)


def nearest(row: NDArray[np.uint8], rows: NDArray[np.uint8], count: int) -> list[Neighbour]:
    """The `count` of `rows` (N, d) nearest to `row` (d,), the nearest first."""
    wanted, squares = row.astype(np.float32), np.empty(len(rows), np.float32)
    for start in range(0, len(rows), CHUNK):
        apart = rows[start : start + CHUNK] - wanted
        squares[start : start + CHUNK] = np.einsum("nd,nd->n", apart, apart) / len(row)
    first = np.argsort(squares, kind="stable")[:count]
    return [Neighbour(int(index), float(np.sqrt(squares[index]))) for index in first]
