"""What a discriminator is shown instead of the plain images: the same chances for real and fake."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from generators.feed import Feed

LARGEST_SHIFT = 1 / 8  # of the side
HOLE = 1 / 2  # of the side


def augment(images: Tensor, policy: str, feed: Feed) -> Tensor:
    """Images (B, C, H, W) in [−1, 1] under a differentiable augmentation (Zhao et al. 2020).

    `policy` names the parts, joined by hyphens: colour, translation, cutout; or is "none".
    """
    for part in policy.split("-"):
        images = PARTS[part](images, feed)
    return images


def _colour(images: Tensor, feed: Feed) -> Tensor:
    """Brightness within ±½, saturation from 0 to 2 times, contrast from ½ to 1½ times."""
    images = images + feed.uniform(1, 1, 1) - 0.5
    grey = images.mean(1, keepdim=True)
    images = torch.lerp(grey, images, 2 * feed.uniform(1, 1, 1))
    middle = images.mean((1, 2, 3), keepdim=True)
    return torch.lerp(middle, images, feed.uniform(1, 1, 1) + 0.5)


def _translation(images: Tensor, feed: Feed) -> Tensor:
    """Shifts by up to ⅛ of the side; what comes in is black (−1)."""
    side = images.shape[-1]
    most = round(LARGEST_SHIFT * side)
    padded = pad(images, (most, most, most, most), value=-1.0)
    rows = _window(side, _whole(feed, 2 * most + 1))
    columns = _window(side, _whole(feed, 2 * most + 1))
    cut = padded.gather(2, _spread(rows[:, None, :, None], (*images.shape[:3], padded.shape[3])))
    return cut.gather(3, _spread(columns[:, None, None, :], tuple(images.shape)))


def _cutout(images: Tensor, feed: Feed) -> Tensor:
    """A square hole of half the side, grey (0), whose middle is anywhere."""
    side = images.shape[-1]
    hole = round(HOLE * side)
    inside = [
        (_window(side, torch.zeros_like(middle)) - middle[:, None] + hole // 2)
        for middle in (_whole(feed, side + 1 - hole % 2), _whole(feed, side + 1 - hole % 2))
    ]
    rows, columns = ((offset >= 0) & (offset < hole) for offset in inside)
    return images * ~(rows[:, None, :, None] & columns[:, None, None, :])


def _whole(feed: Feed, below: int) -> Tensor:
    """A whole number from 0 to below − 1 for each image."""
    return (feed.uniform() * below).long()


def _window(side: int, start: Tensor) -> Tensor:
    """The positions start … start + side − 1 of each image, (B, side)."""
    return start[:, None] + torch.arange(side, device=start.device)


def _spread(index: Tensor, shape: tuple[int, ...]) -> Tensor:
    return index.expand(shape)


PARTS = {
    "none": lambda images, _: images,
    "colour": _colour,
    "translation": _translation,
    "cutout": _cutout,
}
