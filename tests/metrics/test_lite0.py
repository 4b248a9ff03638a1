import numpy as np
import pytest
import torch
from torch.nn import functional

from classifiers import lite0 as published
from classifiers.lite0_network import STAGES
from metrics.errors import ImageMismatch, MetricError
from metrics.extractors.base import identity
from metrics.extractors.lite0 import Lite0
from metrics.extractors.resize import resize


def convolve(x, state, layer, norm, stride=1, *, depthwise=False):
    """Pad as TensorFlow's SAME, convolve, normalise: nothing folded, nothing turned."""
    weight = state[f"{layer}.weight"]
    total = [max((-(-n // stride) - 1) * stride + weight.shape[2] - n, 0) for n in x.shape[2:]]
    (top, bottom), (left, right) = ((t // 2, t - t // 2) for t in total)
    x = functional.conv2d(
        functional.pad(x, (left, right, top, bottom)),
        weight,
        stride=stride,
        groups=len(weight) if depthwise else 1,
    )
    mean, var, gain, bias = (
        state[f"{norm}.{k}"] for k in ("running_mean", "running_var", "weight", "bias")
    )
    return functional.batch_norm(x, mean, var, gain, bias, eps=1e-3)


def plainly(x):
    """EfficientNet-Lite0 in float64, straight from the published weights."""
    state = {name: t.double() for name, t in published.published_weights().items()}
    x = functional.relu6(convolve(x, state, "_conv_stem", "_bn0", 2))
    strides = [(stride if i == 0 else 1, i > 0) for n, _, stride, _, _ in STAGES for i in range(n)]
    for index, (stride, residual) in enumerate(strides):
        path, inputs = f"_blocks.{index}", x
        if f"{path}._expand_conv.weight" in state:
            x = functional.relu6(convolve(x, state, f"{path}._expand_conv", f"{path}._bn0"))
        x = functional.relu6(
            convolve(x, state, f"{path}._depthwise_conv", f"{path}._bn1", stride, depthwise=True)
        )
        x = convolve(x, state, f"{path}._project_conv", f"{path}._bn2")
        x = x + inputs if residual else x
    x = functional.relu6(convolve(x, state, "_conv_head", "_bn1")).mean((2, 3))
    return x, torch.softmax(x @ state["_fc.weight"].T + state["_fc.bias"], dim=1)


def test_features_are_those_of_the_published_network(lite0, images):
    colour = images(2, size=28, channels=3)
    pixels = torch.from_numpy(colour).permute(0, 3, 1, 2).double()
    features, probabilities = plainly((resize(pixels.float(), 128).double() - 127) / 128)
    got = lite0.extract(colour)
    np.testing.assert_allclose(got.features, features, rtol=1e-4, atol=2e-5)
    np.testing.assert_allclose(got.probabilities, probabilities, rtol=1e-3, atol=1e-6)


def test_odd_sizes_inside_the_network_are_padded_as_published(lite0):
    x = torch.rand(1, 3, 112, 112, dtype=torch.float64)
    with torch.no_grad():
        features, _ = lite0._network(x.flip(2, 3).float())
    np.testing.assert_allclose(features, plainly(x)[0], rtol=1e-4, atol=2e-5)


def test_one_image_at_a_time_gives_the_same_bits_as_all_at_once(lite0, images):
    batch = images(19, size=28)
    one_by_one = [lite0.extract(batch[i : i + 1]) for i in range(19)]
    together = lite0.extract(batch)
    np.testing.assert_array_equal(
        np.concatenate([each.features for each in one_by_one]), together.features
    )
    np.testing.assert_array_equal(
        np.concatenate([each.probabilities for each in one_by_one]), together.probabilities
    )


def test_shapes_and_probabilities_are_as_promised(lite0, images):
    got = lite0.extract(images(3, size=28))
    assert got.features.shape == (3, 1280)
    assert got.features.dtype == np.float32
    assert got.probabilities.shape == (3, 1000)
    np.testing.assert_allclose(got.probabilities.sum(axis=1), 1, rtol=1e-5)


def test_a_grey_image_is_the_same_as_its_rgb_copy(lite0, images):
    grey = images(2, size=28)
    np.testing.assert_array_equal(
        lite0.extract(grey).features, lite0.extract(np.repeat(grey, 3, axis=3)).features
    )


def test_the_identity_names_weights_precision_and_size(lite0):
    assert identity(lite0) == (
        "lite0 (EfficientNet-Lite0 57934424, float32; antialiased bicubic to 128 × 128 px, clipped)"
    )


@pytest.mark.parametrize("shape", [(2, 28, 28), (2, 28, 28, 4), (0, 28, 28, 1)])
def test_what_is_no_image_is_refused(lite0, shape):
    with pytest.raises(ImageMismatch, match="needs uint8 images"):
        lite0.extract(np.zeros(shape, np.uint8))


def test_other_weights_are_refused(monkeypatch):
    monkeypatch.setattr(published, "WEIGHTS_SHA256", "00")
    with pytest.raises(MetricError, match="needs SHA-256 00, got 5793"):
        Lite0()


def test_activations_are_those_of_every_resolution_and_end_in_the_features(lite0, images):
    pictures = images(2, size=28)
    stages = lite0.activations(pictures)
    assert [stage.shape for stage in stages] == [
        (2, 16, 64, 64),
        (2, 24, 32, 32),
        (2, 40, 16, 16),
        (2, 112, 8, 8),
        (2, 320, 4, 4),
    ]
    last = torch.from_numpy(stages[-1])
    features = lite0._network._conv_head(last).clamp(0, 6).mean((2, 3)).detach()
    np.testing.assert_allclose(features, lite0.extract(pictures).features, rtol=1e-4, atol=1e-5)


def test_activations_lie_as_the_image_does(lite0):
    blank, spot = np.zeros((2, 1, 64, 64, 1), np.uint8)
    spot[0, 4:12, 40:56] = 255
    for with_spot, without in zip(lite0.activations(spot), lite0.activations(blank), strict=True):
        change = np.abs(with_spot - without).sum((0, 1))
        rows, columns = np.arange(len(change)), np.arange(len(change))
        middle = len(change) / 2 - 0.5
        assert (change.sum(1) * (rows - middle)).sum() < 0
        assert (change.sum(0) * (columns - middle)).sum() > 0
