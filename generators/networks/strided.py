"""Convolutions 4×4 of stride 2 and their transposes, trained as products of matrices where those are faster.

A large map (N, C, 2 H, 2 W), a small one (N, K, H, W) and filters (K, C, 4, 4) are tied by one sum,
trilinear in them: halving, doubling and the gradient towards the filters are its derivatives, and each is
the derivative of the others. On a processor torch computes them slowly where filters are wide or maps are
few, at a third of the speed of matrix products and less (docs/generators.md); there they are products of the
windows that the filters see. The numbers are the same but for rounding.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import Function, FunctionCtx
from torch.nn.functional import conv2d, conv_transpose2d, pad
from torch.nn.grad import conv2d_weight

# Where products are faster, in features K, channels C and places H · W:
WIDE = 256  # K: towards the filters
FEW_PLACES = 16  # of wide filters: in all directions
IMAGE_CHANNELS, IMAGE_FEATURES = 4, 64  # at most C, at least K: towards the large map
WINDOWS_BYTES = 16 * 2**20  # taken out of a map at once


class HalvingConv4x4(nn.Conv2d):
    """Maps (N, width, 2 H, 2 W) -> (N, after, H, W)."""

    def __init__(self, width: int, after: int) -> None:
        super().__init__(width, after, 4, 2, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        return halved(maps, self.weight, self.bias)


class DoublingConv4x4(nn.ConvTranspose2d):
    """Maps (N, width, H, W) -> (N, after, 2 H, 2 W)."""

    def __init__(self, width: int, after: int) -> None:
        super().__init__(width, after, 4, 2, padding=1)

    def forward(self, maps: Tensor, output_size: list[int] | None = None) -> Tensor:
        return doubled(maps, self.weight, self.bias)


def halved(large: Tensor, filters: Tensor, bias: Tensor | None) -> Tensor:
    """conv2d, stride 2, padding 1, of maps (N, C, 2 H, 2 W) with filters (K, C, 4, 4): (N, K, H, W)."""
    if _is_plain(large, filters) or large.shape[2] % 2 or large.shape[3] % 2:
        return conv2d(large, filters, bias, stride=2, padding=1)
    return _shifted(_apply(_Halved, large, filters), bias)


def doubled(small: Tensor, filters: Tensor, bias: Tensor | None) -> Tensor:
    """conv_transpose2d, likewise, of maps (N, K, H, W) with filters (K, C, 4, 4): (N, C, 2 H, 2 W)."""
    if _is_plain(small, filters):
        return conv_transpose2d(small, filters, bias, stride=2, padding=1)
    return _shifted(_apply(_Doubled, small, filters), bias)


def _is_plain(maps: Tensor, filters: Tensor) -> bool:
    """Whether to leave it to torch: always where nothing is trained, so that networks are exported as such."""
    if not torch.is_grad_enabled() or maps.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return True
    return maps.dtype != torch.float32 or not (len(filters) >= WIDE or _draws_images(filters))


def _draws_images(filters: Tensor) -> bool:
    features, channels = filters.shape[:2]
    return channels <= IMAGE_CHANNELS and features >= IMAGE_FEATURES


def _apply(function: type[Function], *inputs: Tensor) -> Tensor:
    outputs: Tensor = function.apply(*inputs)  # type: ignore[no-untyped-call]
    return outputs


def _shifted(maps: Tensor, bias: Tensor | None) -> Tensor:
    return maps if bias is None else maps + bias[:, None, None]


class _Halved(Function):
    """(large, filters) -> small."""

    @staticmethod
    def forward(ctx: FunctionCtx, large: Tensor, filters: Tensor) -> Tensor:
        ctx.save_for_backward(large, filters)
        return _halve(large, filters)

    @staticmethod
    def backward(ctx: Any, small: Tensor) -> tuple[Tensor | None, Tensor | None]:
        large, filters = ctx.saved_tensors
        towards_large, towards_filters = ctx.needs_input_grad
        return (
            _apply(_Doubled, small, filters) if towards_large else None,
            _apply(_Filters, large, small) if towards_filters else None,
        )


class _Doubled(Function):
    """(small, filters) -> large."""

    @staticmethod
    def forward(ctx: FunctionCtx, small: Tensor, filters: Tensor) -> Tensor:
        ctx.save_for_backward(small, filters)
        return _double(small, filters)

    @staticmethod
    def backward(ctx: Any, large: Tensor) -> tuple[Tensor | None, Tensor | None]:
        small, filters = ctx.saved_tensors
        towards_small, towards_filters = ctx.needs_input_grad
        return (
            _apply(_Halved, large, filters) if towards_small else None,
            _apply(_Filters, large, small) if towards_filters else None,
        )


class _Filters(Function):
    """(large, small) -> filters."""

    @staticmethod
    def forward(ctx: FunctionCtx, large: Tensor, small: Tensor) -> Tensor:
        ctx.save_for_backward(large, small)
        return _correlate(large, small)

    @staticmethod
    def backward(ctx: Any, filters: Tensor) -> tuple[Tensor | None, Tensor | None]:
        large, small = ctx.saved_tensors
        towards_large, towards_small = ctx.needs_input_grad
        return (
            _apply(_Doubled, small, filters) if towards_large else None,
            _apply(_Halved, large, filters) if towards_small else None,
        )


def _halve(large: Tensor, filters: Tensor) -> Tensor:
    (n, _, height, width), features = large.shape, len(filters)
    if features < WIDE or height * width > 4 * FEW_PLACES:
        return conv2d(large, filters, stride=2, padding=1)
    small = large.new_empty(n, height // 2, width // 2, features)
    matrix = _flat(filters).t()
    for rows, windows in _windows(large):
        torch.mm(windows, matrix, out=small[rows].view(-1, features))
    return small.permute(0, 3, 1, 2)


def _double(small: Tensor, filters: Tensor) -> Tensor:
    (n, features, height, width), channels = small.shape, filters.shape[1]
    is_small = features >= WIDE and height * width <= FEW_PLACES
    if not (is_small or _draws_images(filters)):
        return conv_transpose2d(small, filters, stride=2, padding=1)
    # Two places beside each other, padding included, are one: windows overlap by one such place.
    large = small.new_zeros(n, height + 1, 2, width + 1, 2 * channels)
    matrix = _flat(filters)
    for rows in _chunks(n, height * width, channels):
        windows = _last(small[rows]).reshape(-1, features) @ matrix
        parts = windows.view(-1, height, width, 2, 2, 2, 2 * channels)
        for y in (0, 1):
            for x in (0, 1):
                seen = large[rows, y : y + height, :, x : x + width]
                seen += parts[:, :, :, y, :, x].transpose(2, 3)
    padded = large.view(n, 2 * height + 2, 2 * width + 2, channels)
    return padded[:, 1:-1, 1:-1].contiguous().permute(0, 3, 1, 2)


def _correlate(large: Tensor, small: Tensor) -> Tensor:
    features, channels = small.shape[1], large.shape[1]
    if features < WIDE:
        filters: Tensor = conv2d_weight(  # type: ignore[no-untyped-call]
            large, (features, channels, 4, 4), small, stride=2, padding=1
        )
        return filters
    matrix = large.new_zeros(features, 16 * channels)
    for rows, windows in _windows(large):
        torch.addmm(matrix, _last(small[rows]).reshape(-1, features).t(), windows, out=matrix)
    return matrix.view(features, 4, 4, channels).permute(0, 3, 1, 2)


def _windows(large: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Some images at a time, and what the filters see of them: (images · H · W, 4 · 4 · C)."""
    padded = pad(_last(large), (0, 0, 1, 1, 1, 1)).contiguous()
    _, height, width, channels = padded.shape
    height, width = height // 2 - 1, width // 2 - 1
    for rows in _chunks(len(padded), height * width, channels):
        # Four places beside each other lie in one piece.
        seen = padded[rows].flatten(2).unfold(2, 4 * channels, 2 * channels).unfold(1, 4, 2)
        yield rows, seen.transpose(3, 4).reshape(-1, 16 * channels)


def _chunks(images: int, places: int, channels: int) -> Iterator[slice]:
    """Images at a time whose windows, in float32, take WINDOWS_BYTES."""
    step = max(1, WINDOWS_BYTES // (places * 16 * channels * 4))
    return (slice(first, first + step) for first in range(0, images, step))


def _flat(filters: Tensor) -> Tensor:
    """(K, C, 4, 4) -> (K, 4 · 4 · C), in place where they lie channels last."""
    return _last(filters).flatten(1)


def _last(maps: Tensor) -> Tensor:
    """Channels last: (N, C, H, W) -> (N, H, W, C)."""
    return maps.permute(0, 2, 3, 1)
