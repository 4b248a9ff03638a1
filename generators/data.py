"""What a run trains on: the checks of images and labels, and the hash that tells them apart."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]


class TrainingDataError(ValueError):
    """Images or labels that cannot be trained on; the message says what was got and wanted."""


def data_hash(images: Images, labels: NDArray[Any] | None) -> str:
    """Hex SHA-256 of the shape, the pixels and the labels."""
    digest = hashlib.sha256(repr(images.shape).encode())
    digest.update(np.ascontiguousarray(images).data)
    if labels is not None:
        digest.update(np.ascontiguousarray(labels, dtype=np.int64).data)
    return digest.hexdigest()


def check_data(images: Images, labels: NDArray[Any] | None, class_count: int) -> None:
    """Raises TrainingDataError unless images are uint8 (N, H, H, C), with fitting labels if any."""
    if images.dtype != np.uint8 or images.ndim != 4:
        raise TrainingDataError(
            f"images must be uint8 (N, H, H, C), got {images.dtype} {images.shape}"
        )
    height, width = images.shape[1:3]
    if height != width:
        raise TrainingDataError(
            f"images must be square, got {width} × {height} px: choose a resolution to resize them to"
        )
    if len(images) == 0:
        raise TrainingDataError("training needs at least 1 image, got 0")
    if labels is None:
        return
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise TrainingDataError(
            f"labels must be whole numbers ({len(images)},), got {labels.dtype} {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= class_count:
        raise TrainingDataError(
            f"labels must be from 0 to {class_count - 1} for {class_count} classes, "
            f"got {labels.min()} to {labels.max()}"
        )


def count_classes(labels: NDArray[Any] | None) -> int:
    """One more than the largest label; 0 without labels."""
    return 0 if labels is None or not len(labels) else int(labels.max()) + 1
