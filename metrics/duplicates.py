"""Duplicates inside a pool, exact and near, and samples whose pixels equal a real image's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
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
from metrics.thumbnails import averages, grey, plain

HASH_PX, FREQUENCIES, THUMBNAIL_PX = 32, 8, 8
MAX_BITS, MAX_LEVELS = 4, 16
FAINT = HASH_PX / 2
"""The coefficient of a wave of one grey level: less above the median is rounding or noise."""

BANDS = ((0, 13), (13, 13), (26, 13), (39, 13), (52, 12))
"""(first bit, bits): hashes that differ in MAX_BITS bits agree in all of at least one of these."""

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
    """What tells n images apart: digests, 64-bit hashes (n,), thumbnails (n, 192) of 3 channels."""

    digests: list[bytes]
    hashes: NDArray[np.uint64]
    thumbnails: NDArray[np.int16]

    @classmethod
    def of(cls, images: Images) -> Prints:
        """Return those of uint8 images (n, H, W, 1 or 3)."""
        require_images(images)
        return cls([_digest(image) for image in images], _hashes(images), _thumbnails(images))

    @classmethod
    def joined(cls, parts: Sequence[Prints]) -> Prints:
        """Return those of all images of one or more parts, in order."""
        return cls(
            [digest for part in parts for digest in part.digests],
            np.concatenate([part.hashes for part in parts]),
            np.concatenate([part.thumbnails for part in parts]),
        )

    def taken(self, rows: Integers) -> Prints:
        """Return those of some images, in the order of `rows`."""
        digests = [self.digests[row] for row in rows.tolist()]
        return Prints(digests, self.hashes[rows], self.thumbnails[rows])

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
    return grouped(prints(batches))


def grouped(images: Prints) -> Duplicates:
    """Return the duplicates among images, given what tells them apart, as `duplicates` does."""
    firsts, copy_of = _first_of_each(images.digests)
    group = _near_groups(images.taken(firsts))
    several = np.bincount(group) > 1
    return Duplicates(
        _grouped(copy_of, np.ones(len(firsts), np.bool_)), _grouped(group[copy_of], several)
    )


def between(real: Prints, fake: Prints) -> Shared:
    """Return which samples are real images again, exact and near as `duplicates` has it.

    Images of different sizes can be near duplicates; grey ones saved as RGB are the grey ones.

    >>> black, white = np.zeros((1, 8, 8, 1), np.uint8), np.full((1, 8, 8, 1), 250, np.uint8)
    >>> between(prints([black, white]), prints([white, white + 1, white - 100]))
    Shared(exact=((0, 1),), near=((1, 1),))
    """
    first = dict(zip(reversed(real.digests), reversed(range(len(real.digests))), strict=True))
    exact = {sample: first[digest] for sample, digest in enumerate(fake.digests) if digest in first}
    near = [pair for pair in _near_pairs(real, fake) if pair[0] not in exact]
    return Shared(tuple(exact.items()), tuple(near))


def prints(batches: Iterable[Images]) -> Prints:
    """Return what tells uint8 images (n, H, W, 1 or 3) apart that come in batches, of one shape."""
    parts: list[Prints] = []
    shape: tuple[int, ...] | None = None
    for images in batches:
        parts.append(Prints.of(images))
        shape = shape or images.shape[1:]
        if images.shape[1:] != shape:
            raise ImageMismatch(
                f"a pool needs images of one shape, got {shape} and {images.shape[1:]}"
            )
    if not parts:
        raise TooFewImages("duplicates need at least 1 image, got 0")
    return Prints.joined(parts)


def _digest(image: Images) -> bytes:
    pixels = plain(image)
    return hashlib.blake2b(repr(pixels.shape).encode() + pixels.tobytes(), digest_size=16).digest()


def _hashes(images: Images) -> NDArray[np.uint64]:
    """Return each image's 64-bit perceptual hash."""
    height, width = images.shape[1:3]
    frequencies = _cosines(height) @ grey(images) @ _cosines(width).T
    flat = frequencies.reshape(len(images), -1)
    bits = flat > np.median(flat, axis=1, keepdims=True) + FAINT
    return np.packbits(bits, axis=1).view(np.uint64).ravel()


def _thumbnails(images: Images) -> NDArray[np.int16]:
    """Return each image averaged to 8 × 8 fields a channel, grey repeated in three, as one row."""
    rows, columns = (averages(size, THUMBNAIL_PX) for size in images.shape[1:3])
    small = rows @ images.transpose(0, 3, 1, 2).astype(np.float64) @ columns.T
    levels = np.rint(small).astype(np.int16)
    coloured = np.broadcast_to(levels, (len(images), 3, THUMBNAIL_PX, THUMBNAIL_PX))
    return coloured.reshape(len(images), -1)


@lru_cache(maxsize=64)
def _cosines(source_px: int) -> Floats:
    """Return the (8, source_px) matrix that averages an axis to 32 px and transforms it."""
    transform = scipy.fft.dct(np.eye(HASH_PX), axis=0, norm="ortho")
    return np.asarray(transform[:FREQUENCIES] @ averages(source_px, HASH_PX))


def _first_of_each(digests: list[bytes]) -> tuple[Integers, Integers]:
    """Return the first image of each digest, and for each image which of these it equals."""
    number: dict[bytes, int] = {}
    copy_of = np.array([number.setdefault(digest, len(number)) for digest in digests])
    return np.unique(copy_of, return_index=True)[1], copy_of


def _near_groups(images: Prints) -> Integers:
    """Return a group number for each image; images of one number are linked by near pairs.

    Hashes within 4 bits agree in one of five bands, so only images that agree in a band are
    compared. Neighbours in the order of a band are linked first and images already linked are not
    compared again: so a pool of thousands of almost equal images is no slower.
    """
    group = np.arange(len(images.hashes))
    for key in _bands(images.hashes):
        order = np.lexsort((images.hashes, key))
        group = _linked(images, group, order[:-1], order[1:])
        for a, b in _unlinked_pairs(key, group):
            group = _linked(images, group, a, b)
    return group


def _near_pairs(real: Prints, fake: Prints) -> Iterator[tuple[int, int]]:
    """Yield (fake, real) for each fake with near duplicates among the reals, the first of these."""
    n, both = len(fake.hashes), Prints.joined([fake, real])
    side = np.repeat(np.arange(2), [n, len(real.hashes)])
    match = np.min([_first_alike(both, key, side) for key in _bands(both.hashes)], axis=0)
    for sample in np.flatnonzero(match < len(side)).tolist():
        yield sample, int(match[sample]) - n


def _first_alike(images: Prints, key: NDArray[np.uint64], side: Integers) -> Integers:
    """Return for each image the first of side 1 that is alike, of one key; if none, how many are.

    An image that has found its like is compared with no other: a collapsed pool is no slower.
    """
    order, partner, key_ends = _partners(key, side)
    at = np.arange(len(order))
    match = np.full(len(order), len(order))
    while at.size:
        within = partner < key_ends[at]
        at, partner = at[within], partner[within]
        near = images.alike(order[at], order[partner])
        match[order[at[near]]] = order[partner[near]]
        at, partner = at[~near], partner[~near] + 1
    return match


def _bands(hashes: NDArray[np.uint64]) -> Iterator[NDArray[np.uint64]]:
    for first, bits in BANDS:
        yield (hashes >> np.uint64(first)) & np.uint64((1 << bits) - 1)


def _unlinked_pairs(
    key: NDArray[np.uint64], group: Integers
) -> Iterator[tuple[Integers, Integers]]:
    """Yield arrays of pairs, in all every pair of one key and different groups, once."""
    order, partner, key_ends = _partners(key, group)
    at = np.arange(len(order))
    while at.size:
        within = partner < key_ends[at]
        at, partner = at[within], partner[within]
        yield order[at], order[partner]
        partner = partner + 1


def _partners(key: NDArray[np.uint64], group: Integers) -> tuple[Integers, Integers, Integers]:
    """Return images in order of key and group; for each place where the next group and key begin."""
    order = np.lexsort((group, key))
    keys, groups = key[order], group[order]
    new_key = np.diff(keys, prepend=keys[:1]) != 0
    new_run = new_key | (np.diff(groups, prepend=groups[:1]) != 0)
    return order, _ends(new_run), _ends(new_key)


def _ends(starts: NDArray[np.bool_]) -> Integers:
    """Return for each place the one after the end of its run, given where runs start anew."""
    run = np.cumsum(starts)
    return np.cumsum(np.bincount(run))[run]


def _linked(images: Prints, group: Integers, a: Integers, b: Integers) -> Integers:
    """Return the groups after linking those of the pairs a[i], b[i] that are alike."""
    apart = group[a] != group[b]
    a, b = a[apart], b[apart]
    near = images.alike(a, b)
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
