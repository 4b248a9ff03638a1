"""Convolutions as matrix products are torch's, with first and second derivatives."""

import pytest
import torch
from torch.nn.functional import conv2d, conv_transpose2d

from generators.networks import strided
from generators.networks.strided import (
    WIDE,
    DoublingConv4x4,
    HalvingConv4x4,
    doubled,
    halved,
)

# Channels, features, height and width of the small map; windows of so many bytes at a time.
WIDE_FEW = (8, WIDE, 2, 3, 2**24)
WIDE_MANY = (6, WIDE + 4, 5, 4, 2**24)
PIECEWISE = (5, WIDE, 4, 4, 16 * 4 * 5 * 16 * 2)
IMAGES = (3, 64, 4, 6, 2**24)
NARROW = (3, 5, 4, 6, 2**24)
SHAPES = pytest.mark.parametrize("shape", [WIDE_FEW, WIDE_MANY, PIECEWISE, IMAGES, NARROW])
LAYOUTS = pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])


def drawn(*shape, layout=torch.contiguous_format):
    return (torch.randn(*shape) / 4).contiguous(memory_format=layout).requires_grad_()


def plain_halved(large, filters, bias):
    return conv2d(large, filters, bias, stride=2, padding=1)


def plain_doubled(small, filters, bias):
    return conv_transpose2d(small, filters, bias, stride=2, padding=1)


def derivatives(convolution, *inputs):
    """The outputs, the gradient of a curved function of them, and the gradient of that one's length."""
    outputs = convolution(*inputs)
    gradients = torch.autograd.grad(outputs.tanh().sum(), inputs, create_graph=True)
    length = sum(gradient.square().sum() for gradient in gradients)
    return outputs, *gradients, *torch.autograd.grad(length, inputs)


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(
            one, other, rtol=1e-4, atol=2e-5 * float(other.detach().abs().max())
        )


@SHAPES
@LAYOUTS
def test_halving_is_torchs_convolution(shape, layout, monkeypatch):
    channels, features, height, width, window_bytes = shape
    monkeypatch.setattr(strided, "WINDOWS_BYTES", window_bytes)
    torch.manual_seed(1)
    maps = drawn(5, channels, 2 * height, 2 * width, layout=layout)
    inputs = maps, drawn(features, channels, 4, 4, layout=layout), drawn(features)
    assert_same(derivatives(halved, *inputs), derivatives(plain_halved, *inputs))


@SHAPES
@LAYOUTS
def test_doubling_is_torchs_transposed_convolution(shape, layout, monkeypatch):
    channels, features, height, width, window_bytes = shape
    monkeypatch.setattr(strided, "WINDOWS_BYTES", window_bytes)
    torch.manual_seed(2)
    maps = drawn(5, features, height, width, layout=layout)
    inputs = maps, drawn(features, channels, 4, 4, layout=layout), drawn(channels)
    assert_same(derivatives(doubled, *inputs), derivatives(plain_doubled, *inputs))


def test_derivatives_are_those_of_finite_differences(monkeypatch):
    monkeypatch.setattr(strided, "WIDE", 1)
    monkeypatch.setattr(strided, "_is_plain", lambda *_: False)
    torch.manual_seed(3)
    large = drawn(2, 2, 4, 4).double().detach().requires_grad_()
    small = drawn(2, 3, 2, 2).double().detach().requires_grad_()
    filters = drawn(3, 2, 4, 4).double().detach().requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x, f: halved(x, f, None), (large, filters))
    assert torch.autograd.gradgradcheck(lambda x, f: doubled(x, f, None), (small, filters))


def test_maps_of_an_odd_side_are_halved_by_torch():
    maps, filters = drawn(2, 3, 7, 6), drawn(WIDE, 3, 4, 4)
    inputs = maps, filters, None
    assert torch.equal(halved(*inputs), plain_halved(*inputs))


def test_products_take_the_place_of_convolutions_only_where_something_is_trained(monkeypatch):
    taken = []
    monkeypatch.setattr(strided, "_windows", lambda large: taken.append(1) or iter(()))
    maps, filters = drawn(2, 3, 4, 4), drawn(WIDE, 3, 4, 4)
    with torch.no_grad():
        halved(maps, filters, None)
    assert not taken
    halved(maps, filters, None)
    assert taken


@pytest.mark.parametrize(
    ("own", "theirs"),
    [
        (HalvingConv4x4(2, 3), torch.nn.Conv2d(2, 3, 4, 2, padding=1)),
        (DoublingConv4x4(2, 3), torch.nn.ConvTranspose2d(2, 3, 4, 2, padding=1)),
    ],
)
def test_weights_are_those_of_torchs_layers(own, theirs):
    theirs.load_state_dict(own.state_dict())
    maps = torch.randn(2, 2, 6, 6)
    assert torch.equal(own(maps), theirs(maps))


def test_only_the_gradients_asked_for_are_computed():
    maps, filters = drawn(2, 3, 4, 4).detach(), drawn(WIDE, 3, 4, 4)
    halved(maps, filters, None).sum().backward()
    assert maps.grad is None
    assert filters.grad is not None
