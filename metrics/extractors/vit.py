"""A plain vision transformer (Dosovitskiy et al. 2021), as DINOv2 and CLIP have it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.backends import cudnn
from torch.nn.functional import scaled_dot_product_attention

from metrics.errors import MetricError
from metrics.extractors.base import Images
from metrics.extractors.fitting import fitted

HEAD_WIDTH = 64
BATCH_IMAGES = 8

Activation = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Form:
    """What tells one network from another: sizes, and what the papers chose differently."""

    width: int
    depth: int
    patch_px: int
    grid: int
    epsilon: float
    activation: Activation
    patch_bias: bool = True
    norm_before: bool = False
    outputs: int | None = None
    """The width of a projection at the end, None without one."""

    def __post_init__(self) -> None:
        if self.width % HEAD_WIDTH:
            raise MetricError(
                f"a vision transformer needs a width of {HEAD_WIDTH} times its heads, "
                f"got {self.width}"
            )

    @property
    def image_px(self) -> int:
        return self.grid * self.patch_px


class Block(nn.Module):
    """Attention between the tokens, then two layers in each; both are added to what came in."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        width = form.width
        self.norm1 = nn.LayerNorm(width, form.epsilon)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, form.epsilon)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.activation = form.activation

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.proj(self._attended(self.norm1(x)))
        out: Tensor = x + self.fc2(self.activation(self.fc1(self.norm2(x))))
        return out

    def _attended(self, x: Tensor) -> Tensor:
        images, tokens, width = x.shape
        split = self.qkv(x).view(images, tokens, 3, width // HEAD_WIDTH, HEAD_WIDTH)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        return scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)


class VisionTransformer(nn.Module):
    """Normalised images (n, 3, H, H) to the class token after the last norm, (n, width or outputs)."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, form.width, form.patch_px, form.patch_px, bias=form.patch_bias)
        self.cls = nn.Parameter(torch.empty(form.width))
        self.position = nn.Parameter(torch.empty(1 + form.grid**2, form.width))
        self.norm_pre = (
            nn.LayerNorm(form.width, form.epsilon) if form.norm_before else nn.Identity()
        )
        self.blocks = nn.Sequential(*(Block(form) for _ in range(form.depth)))
        self.norm = nn.LayerNorm(form.width, form.epsilon)
        self.projection = (
            nn.Linear(form.width, form.outputs, bias=False) if form.outputs else nn.Identity()
        )

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls.expand(len(images), 1, -1), patches], dim=1) + self.position
        out: Tensor = self.projection(self.norm(self.blocks(self.norm_pre(tokens))[:, 0]))
        return out


def without_weights(form: Form) -> VisionTransformer:
    """Return a network whose weights are still to be assigned, and take no memory until then."""
    with torch.device("meta"):
        return VisionTransformer(form)


def normalised(images: Images, side_px: int, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return uint8 images (n, H, W, C) as float32 (n, 3, side_px, side_px), (x / 255 - mean) / std."""
    pixels = torch.from_numpy(fitted(images, side_px, 3)).permute(0, 3, 1, 2).float() / 255
    return (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


@torch.inference_mode()
def embedded(network: VisionTransformer, pixels: Tensor) -> Tensor:
    """Return what the network makes of pixels, on the CPU; TF32 is off, for its 10 bits show."""
    with cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        out: Tensor = network(pixels.to(network.cls.device))
    return out.cpu()
