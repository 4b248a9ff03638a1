"""What a few samples say of a generator: how far apart they are, what they show, what they copy."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from scipy.special import binom
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from generators.config import Config
from generators.feed import RealImages
from generators.networks.shape import ImageShape
from generators.noise import balanced_labels, noise

SAMPLES, REFERENCES = 128, 2_000
DRAWN_AT_ONCE = 32  # samples, so that wide networks fit beside the training
COMPARED_PX = 16  # images are averaged down to this before they are compared
COPY = 0.5  # of the distance between training images: what blurs them all comes to 0.7 of it


@dataclass(frozen=True)
class Reference:
    """Real images (R, D) that samples are compared with, by Euclidean distance of their pixels.

    `apart` (R,) is each one's distance to the nearest other, `spread` its mean among groups of
    `group` images, `labels` int64 (R,) their classes or None, `shown` int64 (R,) the class of the
    nearest other: what each seems to show.
    """

    pixels: Tensor
    labels: Tensor | None
    shown: Tensor | None
    apart: Tensor
    group: int
    spread: float

    @classmethod
    def of(cls, data: RealImages) -> Self:
        """Up to REFERENCES images of a data set, always the same ones."""
        rows = np.random.default_rng(0).permutation(len(data))[:REFERENCES]
        index = torch.from_numpy(rows).to(data.images.device)
        pixels = coarse(data.take(index))
        group = min(SAMPLES, len(pixels))
        groups = pixels[: len(pixels) // group * group].reshape(-1, group, pixels.shape[1])
        apart, nearest = nearest_other(pixels)
        labels = None if data.labels is None else data.labels[index]
        return cls(
            pixels,
            labels,
            None if labels is None else labels[nearest],
            apart,
            group,
            float(nearest_other(groups)[0].mean()),
        )


@torch.inference_mode()
def examine(
    generator: nn.Module, config: Config, shape: ImageShape, reference: Reference
) -> dict[str, float]:
    """`judge` of SAMPLES images of a generator, always from the same codes and classes."""
    device = reference.pixels.device
    z = torch.from_numpy(noise(config.seed, 0, SAMPLES, config.z_dim)).to(device)
    asked = None
    if shape.class_count:
        asked = torch.from_numpy(balanced_labels(shape.class_count, 0, SAMPLES)).to(device)
    parts = [slice(start, start + DRAWN_AT_ONCE) for start in range(0, SAMPLES, DRAWN_AT_ONCE)]
    samples = [
        coarse(generator(z[part]) if asked is None else generator(z[part], asked[part]))
        for part in parts
    ]
    return judge(torch.cat(samples), asked, reference)


def judge(samples: Tensor, asked: Tensor | None, reference: Reference) -> dict[str, float]:
    """What samples (N, D), asked to be of classes int64 (N,) if any, are like beside real images.

    - `spread`: their mean distance to the nearest other sample, over that of as many real images:
      0 where all are alike, about 1 for a perfect generator. Left out where real images repeat.
    - `coverage`: the share of classes that they show, a sample's class being that of the nearest
      real image, over the share that as many real images would: about 1 for a perfect generator.
      Left out without labels.
    - `evenness`: the share of samples that fit in the shares of classes that real images seem to
      show, over that of as many real images: about 1 for a perfect generator, 1 ÷ K for one that
      draws a single class of K. Left out without labels.
    - `obedience`: the share that show the class they were asked for. Left out without classes.
    - `copied`: the share that are less than half as far from a training image as that one is from
      all others (after Alaa et al. 2022, section 2.4, who count those nearer at all): about 0 for a
      perfect generator, 1 for a store of the images. Where the training images are more than
      REFERENCES, only copies of those are seen.
    """
    distances, nearest = torch.cdist(samples, reference.pixels).min(dim=1)
    values = {"copied": _share(distances < COPY * reference.apart[nearest])}
    if reference.spread:
        own = nearest_other(samples[: reference.group])[0].mean()
        values["spread"] = float(own) / reference.spread
    if reference.labels is not None and reference.shown is not None:
        shown = reference.labels[nearest]
        wanted = classes_shown(reference.labels, reference.shown, asked)
        values["coverage"] = coverage(shown, reference.labels)
        values["evenness"] = evenness(shown, wanted)
        if asked is not None:
            values["obedience"] = _share(shown == asked)
    return values


def coverage(shown: Tensor, real: Tensor) -> float:
    """The number of classes among `shown` (N,), over that expected of N draws from `real` (R,).

    >>> coverage(torch.tensor([0, 0, 0, 0]), torch.tensor([0, 1]))  # draws show 2 · (1 − ½⁴)
    0.5333333333333333
    """
    shares = torch.bincount(real).double() / len(real)
    expected = (1 - (1 - shares) ** len(shown)).sum()
    return float(torch.bincount(shown).count_nonzero() / expected)


def classes_shown(labels: Tensor, shown: Tensor, asked: Tensor | None) -> Tensor:
    """The shares (K,) of the classes that real images seem to show, as many of each as were asked for.

    `labels` (R,) are the classes of the real images, `shown` (R,) what they seem to show, `asked` (N,)
    classes or None for as many of each as there are.

    >>> labels, shown = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 1, 0])
    >>> classes_shown(labels, shown, torch.tensor([1, 1, 1]))
    tensor([0.5000, 0.5000], dtype=torch.float64)
    """
    if asked is None:
        return torch.bincount(shown).double() / len(shown)
    classes = int(max(asked.max(), labels.max())) + 1
    wanted, there = (torch.bincount(of, minlength=classes) for of in (asked, labels))
    weights = (wanted / there.clamp(min=1)).double()[labels]
    return torch.bincount(shown, weights, minlength=classes) / weights.sum()


def evenness(shown: Tensor, shares: Tensor) -> float:
    """Σ min of the shares of classes among `shown` (N,) and of those wanted (K,), which sum to 1, over
    what N draws from these come to on average.

    >>> evenness(torch.tensor([0, 0, 0, 0]), torch.tensor([0.5, 0.5]))  # ½ over 1 − 3/16
    0.6153846153846154
    """
    count, wanted = len(shown), shares.double().cpu().numpy()
    seen = torch.bincount(shown, minlength=len(wanted)).double().cpu().numpy() / count
    draws = np.arange(count + 1)[:, None]
    chance = binom(count, draws) * wanted**draws * (1 - wanted) ** (count - draws)
    expected = chance * np.minimum(draws / count, wanted)
    return float(np.minimum(seen[: len(wanted)], wanted).sum() / expected.sum())


def coarse(images: Tensor) -> Tensor:
    """Images (N, C, H, H) averaged down to at most 16 × 16 px, as rows float64 (N, D)."""
    size = min(COMPARED_PX, images.shape[-1])
    return adaptive_avg_pool2d(images.float(), size).flatten(1).double()


def nearest_other(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Each row's distance to the nearest other of its group, and which it is: (…, N, D) to (…, N).

    >>> nearest_other(torch.tensor([[0.0], [1.0], [3.0]]))
    (tensor([1., 1., 2.]), tensor([1, 0, 1]))
    """
    distances = torch.cdist(rows, rows)
    distances.diagonal(dim1=-2, dim2=-1).fill_(torch.inf)
    nearest = distances.min(-1)
    return nearest.values, nearest.indices


def _share(flags: Tensor) -> float:
    return float(flags.double().mean())
