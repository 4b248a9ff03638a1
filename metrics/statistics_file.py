"""Statistics files: the mean and covariance of features, as pytorch-fid and StyleGAN publish them."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from metrics.errors import MetricError
from metrics.features import PoolFeatures
from metrics.gaussian import Gaussian
from metrics.moments import moments
from metrics.rows import Floats
from pools.npy import IMAGE_KEYS, header

MOMENTS = frozenset({"mu.npy", "sigma.npy"})

SYMMETRY = 1e-4
"""The share of the largest entry, or eigenvalue, by which float32 or hand-made covariances are
lopsided, or negative."""


@dataclass(frozen=True)
class Statistics:
    """A mean (d,) and a covariance (d, d); n and the extractor's line where the file tells them."""

    mean: Floats
    covariance: Floats
    n: int | None
    extractor: str | None

    @cached_property
    def gaussian(self) -> Gaussian:
        """The normal distribution that these are the moments of."""
        return Gaussian(self.n, self.mean, covariance=self.covariance)


def is_statistics(path: str | Path) -> bool:
    """Whether a file is an .npz that holds `mu` and `sigma` without images, or one of them alone.

    One that holds such arrays under other names is as well, for `load_statistics` to refuse.
    """
    names = _names(path)
    if names & MOMENTS:
        return (names >= MOMENTS and not has_images_too(path)) or names < MOMENTS
    return bool(_called_otherwise(path))


def _called_otherwise(path: str | Path) -> str:
    """The arrays of an .npz that holds only floats, one (d,) and one (d, d) among them; else nothing."""
    shapes: dict[str, tuple[int, ...]] = {}
    names = _names(path)
    for name in set() if names & MOMENTS else sorted(names):
        with zipfile.ZipFile(path) as archive:
            shape, dtype = _header(archive, name)
        if dtype is not None and dtype.kind == "f":
            shapes[name.removesuffix(".npy")] = shape
        elif dtype is None or len(shape) > 1:
            return ""
    if not any(len(shape) == 1 and shape * 2 in shapes.values() for shape in shapes.values()):
        return ""
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())


def has_images_too(path: str | Path) -> bool:
    """Whether an .npz holds `mu` and `sigma`, and images, as guided-diffusion publishes them."""
    names = _names(path)
    if not names >= MOMENTS:
        return False
    keys = {f"{key}.npy" for key in IMAGE_KEYS["train"]}
    with zipfile.ZipFile(path) as archive:
        return any(_is_images(archive, name) for name in names if name.lower() in keys)


def _names(path: str | Path) -> set[str]:
    if not Path(path).is_file():  # to open a pipe waits for who writes into it
        return set()
    try:
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    except Exception:  # it is no zip, and who reads images says what it is
        return set()


def _is_images(archive: zipfile.ZipFile, name: str) -> bool:
    shape, dtype = _header(archive, name)
    return dtype == np.uint8 and len(shape) in (3, 4)


def _header(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any] | None]:
    """Shape and dtype of a member; None where it is no array."""
    try:
        with archive.open(name) as member:
            shape, _, dtype = header(member)
    except Exception:  # whatever damaged bytes bring about, it holds no images
        return (), None
    return shape, dtype


def load_statistics(path: str | Path) -> Statistics:
    """Read `mu` (d,) and `sigma` (d, d), and `n` and `extractor` where `save_statistics` wrote them.

    Nothing pickled is read. Raises MetricError naming the file for arrays of other shapes, that are
    not finite, for a sigma that is no covariance, or an `n` that is no whole number of 2 or more.
    """
    if otherwise := _called_otherwise(path):
        raise MetricError(
            f"{path} needs its mean as mu and its covariance as sigma, got {otherwise}: "
            "save them again with numpy.savez under these names"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            mean, covariance = file["mu"], file["sigma"]
            n = _whole(file["n"]) if "n" in file else None
            extractor = str(file["extractor"]) if "extractor" in file else None
        _require_arrays(mean, covariance)
    except Exception as error:  # whatever damaged bytes bring about, the file is refused
        raise MetricError(f"cannot read statistics from {path}: {error}") from error
    _require_moments(path, mean, covariance)
    covariance = covariance.astype(np.float64)
    return Statistics(mean.astype(np.float64), (covariance + covariance.T) / 2, n, extractor)


def save_statistics(path: str | Path, of: PoolFeatures) -> None:
    """Write the statistics of n ≥ 2 images, float64, so that pytorch-fid and others read them too."""
    fitted = moments(of.features)
    with Path(path).open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            mu=fitted.mean,
            sigma=fitted.covariance,
            n=np.array(fitted.n),
            extractor=np.array(of.extractor),
        )


def _whole(given: NDArray[Any]) -> int:
    n = int(given)
    if n != given or n < 2:
        raise ValueError(f"n needs to be a whole number of at least 2, got {given}")
    return n


def _require_arrays(*given: object) -> None:
    """NumPy takes a member without its header for the bytes of something else."""
    if not all(isinstance(each, np.ndarray) for each in given):
        raise ValueError("mu and sigma need to be NumPy's arrays")


def _require_moments(path: str | Path, mean: NDArray[Any], covariance: NDArray[Any]) -> None:
    if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)) or not len(mean):
        raise MetricError(
            f"{path} needs mu of shape (d,) and sigma of shape (d, d), "
            f"got {mean.shape} and {covariance.shape}"
        )
    if mean.dtype.kind != "f" or covariance.dtype.kind != "f":
        raise MetricError(f"{path} needs floats, got {mean.dtype} and {covariance.dtype}")
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise MetricError(f"{path} needs finite numbers, got NaN or infinity")
    if _is_lopsided(covariance) or _is_negative(covariance):
        raise MetricError(f"{path} needs a covariance as sigma, got a matrix that is none")


def _is_lopsided(matrix: NDArray[Any]) -> bool:
    return bool(np.abs(matrix - matrix.T).max() > SYMMETRY * np.abs(matrix).max())


def _is_negative(matrix: NDArray[Any]) -> bool:
    """Whether an eigenvalue is negative by more than rounding: for a few, a distance would exist."""
    _, failed_at = lapack.dpotrf(matrix, lower=1)
    if not failed_at:
        return False
    values = np.linalg.eigvalsh(matrix.astype(np.float64))
    return bool(values[0] < -SYMMETRY * np.abs(values).max())
