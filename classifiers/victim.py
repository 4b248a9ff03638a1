"""A classifier to attack, whatever it is made of: images in, class scores out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from classifiers.errors import ClassifierError


@dataclass(frozen=True)
class Victim:
    """Called with float images (N, C, H, W) in [0, 1], it gives float logits (N, K).

    `accuracy` is the share of held-out images of its own data set that it gets right, None where
    that was never measured. `knows_gradient` says whether the logits can be differentiated.
    """

    name: str
    resolution_px: int
    channels: int
    class_names: tuple[str, ...]
    accuracy: float | None
    knows_gradient: bool
    logits: Callable[[Tensor], Tensor]

    def __call__(self, images: Tensor) -> Tensor:
        """Return the logits; raises ClassifierError for images of another shape."""
        self.require(tuple(images.shape[1:]))
        return self.logits(images)

    def require(self, shape: tuple[int, ...]) -> None:
        """Raise ClassifierError unless an image of this shape, (C, H, W), is what it takes."""
        side, channels = self.resolution_px, self.channels
        if shape != (channels, side, side):
            raise ClassifierError(
                f"{self.name} takes images of {side} × {side} px, {_colours(channels)}; "
                f"got {_described(shape)}"
            )


def _colours(channels: int) -> str:
    return {1: "grey", 3: "RGB"}.get(channels, f"{channels} channels")


def _described(shape: tuple[int, ...]) -> str:
    if len(shape) != 3:
        return f"arrays of shape {shape}"
    channels, height, width = shape
    return f"{width} × {height} px, {_colours(channels)}"
