"""Images with nothing left to recognise: pixels shuffled (catch trials), phases at random (masks)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pools.store import Images

WHITE = 255.0
CLOSE = 0.1  # grey levels between the mean of a mask and that of its images
MOST_STEPS = 20  # each leaves no more of the error than the share of pixels that are clipped


def shuffled_pixels(image: Images, seed: int) -> Images:
    """The pixels of one image, uint8 (H, W, C), in another order: same histogram, no shape.

    Raises ValueError unless the image is uint8 of three dimensions, none of them empty.

    >>> sorted(shuffled_pixels(np.array([[[7], [0]], [[9], [4]]], np.uint8), seed=1).ravel().tolist())
    [0, 4, 7, 9]
    """
    _check("an image", image, ("H", "W", "C"))
    pixels = image.reshape(-1, image.shape[2])
    return np.random.default_rng(seed).permutation(pixels).reshape(image.shape)


def phase_scrambled(images: Images, count: int, seed: int) -> Images:
    """Noise as coarse, colourful and bright as images: uint8 (count, H, W, C) of (N, H, W, C).

    Every mask has the images' mean amplitude at each spatial frequency and channel, and a phase drawn
    evenly from the circle, the same in all channels (Dakin, Hess, Ledgeway & Achtman 2002, Current
    Biology 12:R476; amplitudes averaged over images as in Willenbockel et al. 2010, Behavior Research
    Methods 42:671). Channels keep their phase against their sum, so that colours go together as they do
    in the images (Galerne, Gousseau & Morel 2011, IEEE Transactions on Image Processing 20:257). What
    falls outside 0 to 255 is clipped, and each channel shifted until its mean is the images' again:
    sparse bright images, such as digits, lose contrast by that; most photographs lose next to none.

    Raises ValueError unless `images` is uint8 of four dimensions, none of them empty, and count >= 1.

    >>> phase_scrambled(np.full((2, 8, 8, 3), 90, np.uint8), count=4, seed=1).shape
    (4, 8, 8, 3)
    """
    _check("images", images, ("N", "H", "W", "C"))
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32)
    height, width = size = planes.shape[2:]
    noise = np.random.default_rng(seed).standard_normal((count, 1, height, width), np.float32)
    masks = fft.irfft2(_mean_spectrum(planes) * _phases(noise), s=size)
    means = planes.mean(axis=(0, 2, 3))[:, None, None]
    return np.ascontiguousarray(_into_range(masks, means).transpose(0, 2, 3, 1))


def _mean_spectrum(planes: NDArray[np.float32]) -> NDArray[np.complex64]:
    """(C, H, W//2 + 1): mean amplitudes over (N, C, H, W), with phases against the channels' sum."""
    spectra = fft.rfft2(planes)
    against_sum = spectra * spectra.sum(axis=1, keepdims=True).conj()
    amplitudes: NDArray[np.float32] = np.abs(spectra).mean(axis=0)
    return amplitudes * _directions(against_sum.sum(axis=0))


def _phases(noise: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Even random phases, e^iθ, that are those of a real image because they come from one."""
    phases = _directions(fft.rfft2(noise))
    phases[..., 0, 0] = 1  # the mean
    return phases


def _directions(numbers: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Each number over its modulus; 1 for 0."""
    modulus = np.abs(numbers)
    return np.divide(numbers, modulus, out=np.ones_like(numbers), where=modulus > 0)


def _into_range(masks: NDArray[np.float32], means: NDArray[np.float32]) -> Images:
    """uint8 of (count, C, H, W): clipped, and shifted by what clipping adds to or takes from a mean."""
    clipped = masks.clip(0, WHITE)
    for _ in range(MOST_STEPS):
        missing = means - clipped.mean(axis=(2, 3), keepdims=True)
        if np.abs(missing).max() < CLOSE:
            break
        masks = masks + missing
        masks.clip(0, WHITE, out=clipped)
    levels: Images = np.rint(clipped, out=clipped).astype(np.uint8)
    return levels


def _check(what: str, array: Images, axes: tuple[str, ...]) -> None:
    if array.dtype != np.uint8 or array.ndim != len(axes) or 0 in array.shape:
        wanted = f"uint8 ({', '.join(axes)}) without an empty axis"
        raise ValueError(f"{what} must be {wanted}, got {array.dtype} of shape {array.shape}")
