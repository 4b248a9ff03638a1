"""What a translation is given of an image: its edges, a smaller copy, or the image itself."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, max_pool2d, pad

from generators.config import ConfigError, Translation
from generators.playing import CLEAREST, FAINTEST, FULL_STEP, RIDGE

SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))


def edges(images: Tensor) -> Tensor:
    """The contours of images (N, C, H, W) in [−1, 1] as strokes (N, 1, H, W): white 1 on black −1.

    Strength is the length of Sobel's gradient over the full step, root mean square over channels;
    a slope beside a steeper one is thinned away, weak ones are left out. Every part is continuous,
    so that rounding cannot turn a line on or off. Borders are no edges.

    >>> step = torch.full((1, 1, 5, 6), -1.0)
    >>> step[..., 3:] = 1
    >>> edges(step)[0, 0, 2]
    tensor([-1., -1.,  1.,  1., -1., -1.])
    """
    count, channels, *_ = images.shape
    across = torch.tensor(SOBEL, dtype=images.dtype, device=images.device)
    kernels = torch.stack([across, across.T])[:, None]
    flat = pad(images, (1, 1, 1, 1), mode="replicate").flatten(0, 1)[:, None]
    slopes = conv2d(flat, kernels).reshape(count, channels, 2, *images.shape[2:])
    strength = slopes.square().sum(2).mean(1, keepdim=True).sqrt() / FULL_STEP
    steepest = max_pool2d(strength, 3, stride=1, padding=1)
    thin = strength * (strength / steepest.clamp(min=FAINTEST)).clamp(max=1).pow(RIDGE)
    strokes: Tensor = 2 * ((thin - FAINTEST) / (CLEAREST - FAINTEST)).clamp(0, 1) - 1
    return strokes


def shrink(images: Tensor, factor: int) -> Tensor:
    """Images (N, C, H, W) at 1/`factor` of their size, each pixel the mean of those it stands for.

    >>> shrink(torch.tensor([[[[-1.0, 1.0], [0.0, 1.0]]]]), 2)
    tensor([[[[0.2500]]]])
    """
    return avg_pool2d(images, factor)


def inputs_of(translation: Translation, images: Tensor) -> Tensor:
    """What the network of a translation is given of images (N, C, H, W) in [−1, 1]."""
    if translation.task == "edges":
        return edges(images)
    return shrink(images, translation.factor) if translation.task == "enlarge" else images


def input_shape(translation: Translation, channels: int, side_px: int) -> tuple[int, int]:
    """The channels and the side of an input, for images of these.

    Raises ConfigError if the images cannot be shrunk so.

    >>> input_shape(Translation(task="enlarge", factor=2), 3, 28)
    (3, 14)
    """
    if translation.task == "edges":
        return 1, side_px
    if translation.task != "enlarge":
        return channels, side_px
    if side_px % translation.factor:
        raise ConfigError(
            f"translation.factor must divide the images' {side_px} px, got {translation.factor}: "
            f"choose {' or '.join(str(n) for n in (2, 3, 4) if not side_px % n) or 'another size'}"
        )
    return channels, side_px // translation.factor


def as_picture(inputs: Tensor, images: Tensor) -> Tensor:
    """Inputs (N, c, h, w) with the images' size and channels, to be put beside them."""
    return interpolate(inputs, size=images.shape[-2:]).expand(-1, images.shape[1], -1, -1)
