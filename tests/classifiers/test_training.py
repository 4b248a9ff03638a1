import numpy as np
import pytest
import torch

from classifiers.errors import ClassifierError
from classifiers.network import Form, Network, without_weights
from classifiers.tensors import fill
from classifiers.training import accuracy, steps_within, train


@pytest.fixture(scope="module")
def state(striped):
    return train(*striped(), classes=4, steps=12, seed=7)


def test_a_few_steps_learn_what_a_stripe_means(striped, state):
    network = fill(without_weights(Form(16, 1, 4)), state, "stripes")
    assert accuracy(network, *striped(seed=1)) > 0.9
    assert accuracy(network, striped(seed=1)[0], striped()[1][::-1]) < 0.1


def test_seed_and_steps_alone_decide_on_every_bit(striped, state):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    again = train(*striped(), classes=4, steps=12, seed=7)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(again[name], tensor) for name, tensor in state.items())
    other = train(*striped(), classes=4, steps=12, seed=8)
    assert not torch.equal(other["classes.weight"], state["classes.weight"])


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_a_few_steps_are_a_training_too(striped, steps):
    assert all(
        tensor.isfinite().all() for tensor in train(*striped(), classes=4, steps=steps).values()
    )


def test_progress_is_told_after_each_step_and_may_end_the_training(striped):
    told = []

    def stop(done, total):
        told.append((done, total))
        if done == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(*striped(), classes=4, steps=5, progress=stop)
    assert told == [(1, 5), (2, 5)]


def test_more_time_is_more_steps(striped):
    few, many = (steps_within(seconds, *striped(), classes=4) for seconds in (0.001, 60))
    assert few == 1
    assert many > 20


@pytest.mark.parametrize(
    ("side", "channels", "halvings"), [(16, 1, 2), (28, 1, 3), (32, 3, 3), (64, 3, 4)]
)
def test_any_resolution_ends_in_128_features(side, channels, halvings):
    network = Network(Form(side, channels, 7)).eval()
    features, logits = network(torch.rand(2, channels, side, side))
    assert features.shape == (2, 128)
    assert logits.shape == (2, 7)
    assert len(network.blocks) == halvings - 1


def test_the_network_can_be_attacked_through_its_input():
    pixels = torch.rand(2, 1, 28, 28, requires_grad=True)
    Network(Form(28, 1, 10)).eval()(pixels)[1].max().backward()
    assert pixels.grad.abs().sum() > 0


BLANK, LABELS = np.zeros((256, 16, 16, 1), np.uint8), np.arange(256) % 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": BLANK[:, :, :12]}, "square images, got 16 × 12 px"),
        ({"images": BLANK.astype(float)}, "needs uint8 images of shape"),
        ({"images": BLANK[:20]}, "at least 64 images, got 20"),
        ({"labels": LABELS[:20]}, r"256 whole numbers .*shape \(20,\)"),
        ({"labels": LABELS / 2}, "got float64"),
        ({"labels": LABELS - 1}, "from 0 to 3, got -1 to 2"),
        ({"classes": 3}, "from 0 to 2, got 0 to 3"),
        ({"labels": LABELS * 0, "classes": 1}, "classes from 2 to 10000, got 1"),
        ({"images": BLANK[:, :8, :8]}, "from 16 to 128, got 8"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(change, message):
    given = {"images": BLANK, "labels": LABELS, "classes": 4} | change
    with pytest.raises(ClassifierError, match=message):
        train(given["images"], given["labels"], classes=given["classes"], steps=1)


def test_a_skip_of_every_second_pixel_is_a_strided_convolution():
    """Files of networks that were trained with the stride keep their meaning."""
    block = Network(Form(16, 1, 4)).blocks[0].eval()
    x = torch.rand(2, 32, 8, 8)
    strided = torch.nn.functional.conv2d(x, block.skip[0].weight, stride=2)
    torch.testing.assert_close(block.skip[0](x[:, :, ::2, ::2]), strided)
