"""What images a network makes or sees."""

from dataclasses import dataclass
from numbers import Integral

LARGEST_PX, SMALLEST_PX = 128, 8


class ShapeError(ValueError):
    """Images of a shape that no network here is made for."""


@dataclass(frozen=True)
class ImageShape:
    """The square images that a network makes or sees, and their classes (0: no condition)."""

    resolution_px: int
    channels: int
    class_count: int = 0

    def __post_init__(self) -> None:
        if not all(isinstance(value, Integral) for value in vars(self).values()):
            raise ShapeError(f"a shape is of whole numbers, got {tuple(vars(self).values())}")
        if not SMALLEST_PX <= self.resolution_px <= LARGEST_PX:
            raise ShapeError(
                f"resolution must be from {SMALLEST_PX} to {LARGEST_PX} px, "
                f"got {self.resolution_px}"
            )
        if self.channels not in (1, 3):
            raise ShapeError(f"images have 1 or 3 channels, got {self.channels}")
        if not 0 <= self.class_count <= 10_000:
            raise ShapeError(f"the number of classes is from 0 to 10000, got {self.class_count}")
