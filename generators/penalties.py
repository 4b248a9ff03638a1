"""What keeps a discriminator smooth: costs on its gradient with respect to images.

`logits` (N,) must be computed from `points` (N, C, H, W), each from its own image alone. Of a patch
discriminator's (N, 1, h, w) an image's are summed up, as in the code of Isola et al. 2017.
"""

import torch
from torch import Tensor

from generators.feed import Feed

NORM_EPSILON = 1e-12  # inside the root: the norm of a zero gradient has a gradient too


def gradient(points: Tensor, logits: Tensor) -> Tensor:
    """∇ₓ D(x) for each image, flat (N, C·H·W) in float32, itself differentiable."""
    (slope,) = torch.autograd.grad(logits.sum(), points, create_graph=True)
    return slope.float().flatten(1)


def r1(points: Tensor, logits: Tensor) -> Tensor:
    """½ E ‖∇ₓ D(x)‖² over real images x, Mescheder, Geiger, Nowozin 2018, equation 9.

    >>> x = torch.ones(2, 3, requires_grad=True)
    >>> float(r1(x, 2 * x.sum(1)))  # ½ · 3 · 2²
    6.0
    """
    return 0.5 * gradient(points, logits).square().sum(1).mean()


def unit_slope(points: Tensor, logits: Tensor) -> Tensor:
    """E (‖∇ₓ D(x)‖ − 1)², Gulrajani et al. 2017, equation 3; Kodali et al. 2017, equation 7.

    >>> x = torch.ones(2, 4, requires_grad=True)
    >>> float(unit_slope(x, 2 * x.sum(1)))  # (√(4 · 2²) − 1)²
    9.0
    """
    squares = gradient(points, logits).square().sum(1)
    return (torch.sqrt(squares + NORM_EPSILON) - 1).square().mean()


def between(real: Tensor, fake: Tensor, feed: Feed) -> Tensor:
    """Points on the lines from real to fake images, at uniform places (Gulrajani et al. 2017)."""
    return torch.lerp(real, fake.to(real.dtype), feed.uniform(1, 1, 1)).requires_grad_()


def around(real: Tensor, feed: Feed) -> Tensor:
    """Real images under noise of half their batch's deviation (Kodali et al. 2017, section 2.4)."""
    noise = feed.uniform(*real.shape[1:]) * (0.5 * real.std())
    return torch.lerp(real, real + noise, feed.uniform(1, 1, 1)).requires_grad_()
