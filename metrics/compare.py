"""What should make people look twice before they compare two sets of images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from metrics.errors import ImageMismatch, TooFewImages
from metrics.extractors.base import Extractor, Images, identity
from metrics.features import PoolFeatures
from metrics.rows import Floats, mean_row
from metrics.statistics_file import Statistics

FEWEST = 2
ROUNDING = 1e-9
PUBLISHED = {2048: ", by the resize that they were made with: tf1, pytorch-fid or clean"}
"""What statistics of so many features are of, as others publish them."""

ALIKE = 0.5
"""The share of generated images found among the real ones at which a mistake is likely."""

Side = PoolFeatures | Statistics


def require_comparable(real: Side, fake: Side) -> None:
    """Raise unless both sides have 2 images or more, of one extractor and as many dimensions."""
    for name, side in (("REAL", real), ("FAKE", fake)):
        if isinstance(side, PoolFeatures):
            require_enough(name, len(side))
    if real.extractor and fake.extractor and real.extractor != fake.extractor:
        raise ImageMismatch(
            "figures need features of one extractor, "
            f"got {real.extractor} (REAL) and {fake.extractor} (FAKE)"
        )
    found = [dimensions(side) for side in (real, fake)]
    if found[0] != found[1]:
        raise ImageMismatch(
            "both sets need features of the same dimensions, "
            f"got {found[0]:,} (REAL) and {found[1]:,} (FAKE)"
        )


def require_fitting(name: str, side: Statistics, network: Extractor, image: Images) -> None:
    """Raise ImageMismatch unless statistics can be of what an extractor gives: of one image, before it sees all."""
    line = identity(network)
    if side.extractor not in (None, line):
        raise ImageMismatch(
            f"figures need features of one extractor, got {side.extractor} ({name}) and {line}"
        )
    given, d = dimensions(side), network.extract(image).features.shape[1]
    if given != d:
        raise ImageMismatch(
            f"{name} is statistics of {given:,} features, and {network.name} gives {d:,}: choose the "
            f"extractor that they are of{PUBLISHED.get(given, '')}"
        )


def require_enough(name: str, n: int) -> None:
    """Raise TooFewImages unless there are at least 2 images."""
    if n < FEWEST:
        raise TooFewImages(f"both sets need at least {FEWEST} images, got {n} ({name})")


def warnings(real: Side, fake: Side) -> tuple[str, ...]:
    """Return what looks like a mistake, and what a reader of the figures should know."""
    return tuple(_warnings(real, fake))


def learned_warnings(train: PoolFeatures, held_out: PoolFeatures) -> tuple[str, ...]:
    """Return what looks like a mistake in images that no generator should have seen."""
    share = float(np.isin(held_out.digests, train.digests).mean())
    if share < ALIKE:
        return ()
    return (
        f"{share:.0%} of the held-out images are training images, pixel for pixel: is this what was "
        "meant? They tell neither what a perfect generator would score nor what is memorised",
    )


def _warnings(real: Side, fake: Side) -> Iterator[str]:
    for name, side in (("REAL", real), ("FAKE", fake)):
        if isinstance(side, Statistics) and side.extractor is None:
            yield (
                f"{name} is a statistics file that does not tell its extractor or resize: "
                "figures are right only if they are those asked for here"
            )
    if isinstance(real, PoolFeatures) and isinstance(fake, PoolFeatures):
        yield from _of_pixels(real, fake)
    elif _have_one_mean(real, fake):
        yield "REAL and FAKE have the same mean: are they the same images?"


def _have_one_mean(real: Side, fake: Side) -> bool:
    """Whether statistics are those of the other side, as far as they can tell."""
    if count(real) != count(fake) and None not in (count(real), count(fake)):
        return False
    return np.allclose(_mean(real), _mean(fake), rtol=ROUNDING, atol=0)


def _mean(side: Side) -> Floats:
    return side.mean if isinstance(side, Statistics) else mean_row(side.features)


def _of_pixels(real: PoolFeatures, fake: PoolFeatures) -> Iterator[str]:
    real_shape, fake_shape = real.images.shape[1:], fake.images.shape[1:]
    if real_shape[:2] != fake_shape[:2]:
        yield (
            f"images differ in size: REAL {_size(real_shape)}, FAKE {_size(fake_shape)} px; "
            "each is resized by itself, and the sharper set may win by its size alone"
        )
    if real_shape[2] != fake_shape[2]:
        grey = "REAL" if real_shape[2] == 1 else "FAKE"
        yield f"{grey} is grey and the other in colour: grey is repeated in three channels"
    if len(real) == len(fake) and np.array_equal(real.digests, fake.digests):
        yield "REAL and FAKE are the same images: is this what was meant?"
        return
    share = float(np.isin(fake.digests, real.digests).mean())
    if share >= ALIKE:
        yield f"{share:.0%} of FAKE's images are in REAL, pixel for pixel: is this what was meant?"


def count(side: Side) -> int | None:
    """Return how many images there are, as far as that is known."""
    return side.n if isinstance(side, Statistics) else len(side)


def dimensions(side: Side) -> int:
    """Return how many features an image has."""
    return int((side.mean if isinstance(side, Statistics) else side.features).shape[-1])


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} × {shape[0]}"
