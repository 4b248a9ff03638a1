"""Duplicates inside a pool, exact and near, and samples whose pixels equal a real image's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from metrics.errors import ImageMismatch, TooFewImages
from metrics.extractors.base import Images, require_images
from metrics.rows import Floats

HASH_PX, FREQUENCIES, THUMBNAIL_PX = 32, 8, 8
MAX_BITS, MAX_LEVELS = 4, 16
FAINT = HASH_PX / 2
"""The coefficient of a wave of one grey level: less above the median is rounding or noise."""

BANDS = ((0, 13), (13, 13), (26, 13), (39, 13), (52, 12))
"""(first bit, bits): hashes that differ in MAX_BITS bits agree in all of at least one of these."""

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, what JPEG and most hashes call grey

Groups = tuple[tuple[int, ...], ...]
Pairs = tuple[tuple[int, int], ...]
Integers = NDArray[np.intp]


@dataclass(frozen=True)
class Duplicates:
    """Groups of two or more images, by index, each in ascending order, by their first image.

    `exact`: equal in every pixel. `near`: alike, but not all of them equal in every pixel.
    """

    exact: Groups
    near: Groups

    @property
    def images_in_exact(self) -> int:
        return sum(map(len, self.exact))

    @property
    def images_in_near(self) -> int:
        return sum(map(len, self.near))


@dataclass(frozen=True)
class Shared:
    """Pairs (fake, real) by index, for every fake that is a real image again, the first such.

    `exact`: equal in every pixel. `near`: alike, and equal in every pixel to none.
    """

    exact: Pairs
    near: Pairs


@dataclass(frozen=True)
class Prints:
    """What tells n images apart: digests, 64-bit hashes (n,), thumbnails (n, 64 · channels)."""

    digests: list[bytes]
    hashes: NDArray[np.uint64]
    thumbnails: NDArray[np.int16]

    def alike(self, a: Integers, b: Integers) -> NDArray[np.bool_]:
        """Return which of the pairs of images a[i], b[i] are near duplicates."""
        near = np.bitwise_count(self.hashes[a] ^ self.hashes[b]) <= MAX_BITS
        kept = np.flatnonzero(near)
        change = np.abs(self.thumbnails[a[kept]] - self.thumbnails[b[kept]]).max(axis=1)
        near[kept] = change <= MAX_LEVELS
        return np.asarray(near)


def duplicates(batches: Iterable[Images]) -> Duplicates:
    """Return the duplicates among uint8 images (n, H, W, 1 or 3) that come in batches.

    Exact ones share a digest of their pixels. Near ones differ in at most 4 bits of a perceptual
    hash, and by at most 16 of 255 levels in each field of an 8 × 8 thumbnail, which sees what the
    hash does not: hue, brightness, faint detail. The hash is the common one of 64 bits (Zauner
    2010): grey, averaged to 32 × 32 px, the lowest 8 × 8 frequencies of the cosine transform, each
    above their median or not; but by less than one grey level is not above, so that noise does not
    decide. A group is whatever such pairs link together.

    Of 1,000 digits or clothes of 28 px, at least 99 % are found again after JPEG at quality 75
    or 10 levels of brightness; of 10,000 digits 2 are near duplicates as they are, of 10,000 clothes 2.

    Memory holds a batch and, for each image, its digest, hash and thumbnail: under 1 kB.
    Raises ImageMismatch for images of another kind or of several shapes, TooFewImages for none.

    >>> flat = np.full((1, 8, 8, 1), 7, np.uint8)
    >>> duplicates([flat, flat, flat + 1, flat + 100])
    Duplicates(exact=((0, 1),), near=((0, 1, 2),))
    """
    prints = _prints(batches)
    firsts, copy_of = _first_of_each(prints.digests)
    distinct = Prints([], prints.hashes[firsts], prints.thumbnails[firsts])
    group = _near_groups(distinct)
    several = np.bincount(group) > 1
    return Duplicates(
        _grouped(copy_of, np.ones(len(firsts), np.bool_)), _grouped(group[copy_of], several)
    )


def between(real: Iterable[Images], fake: Iterable[Images]) -> Shared:
    """Return which samples are real images again, both as `duplicates` takes and compares them.

    Images of different sizes can be near duplicates; grey and colour images never are.

    >>> black, white = np.zeros((1, 8, 8, 1), np.uint8), np.full((1, 8, 8, 1), 250, np.uint8)
    >>> between([black, white], [white, white + 1, white - 100])
    Shared(exact=((0, 1),), near=((1, 1),))
    """
    reals, fakes = _prints(real), _prints(fake)
    first = dict(zip(reversed(reals.digests), reversed(range(len(reals.digests))), strict=True))
    exact = {fake: first[digest] for fake, digest in enumerate(fakes.digests) if digest in first}
    near = [pair for pair in _near_pairs(reals, fakes) if pair[0] not in exact]
    return Shared(tuple(exact.items()), tuple(near))


def _digest(image: Images) -> bytes:
    return hashlib.blake2b(repr(image.shape).encode() + image.tobytes(), digest_size=16).digest()


def _prints(batches: Iterable[Images]) -> Prints:
    parts: list[Prints] = []
    shape: tuple[int, ...] | None = None
    for images in batches:
        require_images(images)
        shape = shape or images.shape[1:]
        if images.shape[1:] != shape:
            raise ImageMismatch(
                f"a pool needs images of one shape, got {shape} and {images.shape[1:]}"
            )
        hashes, thumbnails = _hashes(images), _thumbnails(images)
        parts.append(Prints([_digest(image) for image in images], hashes, thumbnails))
    if not parts:
        raise TooFewImages("duplicates need at least 1 image, got 0")
    return Prints(
        [digest for part in parts for digest in part.digests],
        np.concatenate([part.hashes for part in parts]),
        np.concatenate([part.thumbnails for part in parts]),
    )


def _hashes(images: Images) -> NDArray[np.uint64]:
    """Return each image's 64-bit perceptual hash."""
    height, width = images.shape[1:3]
    frequencies = _cosines(height) @ _grey(images) @ _cosines(width).T
    flat = frequencies.reshape(len(images), -1)
    bits = flat > np.median(flat, axis=1, keepdims=True) + FAINT
    return np.packbits(bits, axis=1).view(np.uint64).ravel()


def _thumbnails(images: Images) -> NDArray[np.int16]:
    """Return each image averaged to 8 × 8 fields a channel, as one row."""
    rows, columns = (_averages(size, THUMBNAIL_PX) for size in images.shape[1:3])
    small = rows @ images.transpose(0, 3, 1, 2).astype(np.float64) @ columns.T
    return np.asarray(np.rint(small).astype(np.int16).reshape(len(images), -1))


def _grey(images: Images) -> Floats:
    red, green, blue = np.moveaxis(np.broadcast_to(images, (*images.shape[:3], 3)), 3, 0)
    return np.asarray(LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)


@lru_cache(maxsize=64)
def _cosines(source_px: int) -> Floats:
    """Return the (8, source_px) matrix that averages an axis to 32 px and transforms it."""
    transform = scipy.fft.dct(np.eye(HASH_PX), axis=0, norm="ortho")
    return np.asarray(transform[:FREQUENCIES] @ _averages(source_px, HASH_PX))


@lru_cache(maxsize=64)
def _averages(source_px: int, target_px: int) -> Floats:
    """Return the (target_px, source_px) matrix of the share that each pixel has in each field."""
    edges = np.arange(target_px + 1) * (source_px / target_px)
    pixels = np.arange(source_px)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(overlap.clip(0) * (target_px / source_px))


def _first_of_each(digests: list[bytes]) -> tuple[Integers, Integers]:
    """Return the first image of each digest, and for each image which of these it equals."""
    number: dict[bytes, int] = {}
    copy_of = np.array([number.setdefault(digest, len(number)) for digest in digests])
    return np.unique(copy_of, return_index=True)[1], copy_of


def _near_groups(prints: Prints) -> Integers:
    """Return a group number for each image; images of one number are linked by near pairs.

    Hashes within 4 bits agree in one of five bands, so only images that agree in a band are
    compared. Neighbours in the order of a band are linked first and images already linked are not
    compared again: so a pool of thousands of almost equal images is no slower.
    """
    group = np.arange(len(prints.hashes))
    for key in _bands(prints.hashes):
        order = np.lexsort((prints.hashes, key))
        group = _linked(prints, group, order[:-1], order[1:])
        for a, b in _unlinked_pairs(key, group):
            group = _linked(prints, group, a, b)
    return group


def _near_pairs(real: Prints, fake: Prints) -> Iterator[tuple[int, int]]:
    """Yield (fake, real) for each fake with near duplicates among the reals, the first of these."""
    if real.thumbnails.shape[1] != fake.thumbnails.shape[1]:
        return
    n = len(real.hashes)
    prints = Prints(
        [],
        np.concatenate([real.hashes, fake.hashes]),
        np.concatenate([real.thumbnails, fake.thumbnails]),
    )
    side = np.repeat(np.arange(2), [n, len(fake.hashes)])
    match = np.full(len(side), n)
    for key in _bands(prints.hashes):
        for a, b in _unlinked_pairs(key, side):
            near = prints.alike(a, b)
            np.minimum.at(match, b[near], a[near])
    for index in np.flatnonzero(match < n).tolist():
        yield index - n, int(match[index])


def _bands(hashes: NDArray[np.uint64]) -> Iterator[NDArray[np.uint64]]:
    for first, bits in BANDS:
        yield (hashes >> np.uint64(first)) & np.uint64((1 << bits) - 1)


def _unlinked_pairs(
    key: NDArray[np.uint64], group: Integers
) -> Iterator[tuple[Integers, Integers]]:
    """Yield arrays of pairs, in all every pair of one key and different groups, once."""
    order = np.lexsort((group, key))
    keys, groups = key[order], group[order]
    new_key = np.diff(keys, prepend=keys[:1]) != 0
    new_run = new_key | (np.diff(groups, prepend=groups[:1]) != 0)
    key_ends, partner = _ends(new_key), _ends(new_run)
    at = np.arange(len(order))
    while at.size:
        within = partner < key_ends[at]
        at, partner = at[within], partner[within]
        yield order[at], order[partner]
        partner = partner + 1


def _ends(starts: NDArray[np.bool_]) -> Integers:
    """Return for each place the one after the end of its run, given where runs start anew."""
    run = np.cumsum(starts)
    return np.cumsum(np.bincount(run))[run]


def _linked(prints: Prints, group: Integers, a: Integers, b: Integers) -> Integers:
    """Return the groups after linking those of the pairs a[i], b[i] that are alike."""
    apart = group[a] != group[b]
    a, b = a[apart], b[apart]
    near = prints.alike(a, b)
    if not near.any():
        return group
    edges = (np.ones(near.sum()), (group[a[near]], group[b[near]]))
    joined = connected_components(coo_array(edges, shape=(len(group), len(group))))[1]
    return np.asarray(joined[group])


def _grouped(group: Integers, wanted: NDArray[np.bool_]) -> Groups:
    """Return the images of each wanted group that has several."""
    members: dict[int, list[int]] = {}
    for image in np.flatnonzero(wanted[group]).tolist():
        members.setdefault(int(group[image]), []).append(image)
    return tuple(tuple(images) for images in members.values() if len(images) > 1)
