"""A recorder that plays by running again stands for a CUDA graph: what is recorded and refilled is the same."""

import pytest
import torch

from generators.feed import Feed, RealImages, RecordedFeed
from generators.graphs import WARM_UP, Recorder, fastest_kernels
from generators.training import Trainer

CPU = torch.device("cpu")


class Again:
    """Captures without running, and plays by running on the tensors of the first time."""

    def __init__(self):
        self.captured, self.played = 0, 0

    def __call__(self, run):
        self.captured += 1
        watched = {}

        def play():
            self.played += 1
            watched.update(run())

        return play, watched


@pytest.fixture
def feeds(data):
    real = RealImages(*data, CPU)

    def make(cls, step):
        return cls(real, 4, seed=3, step=step)

    return make


def drawn(feed):
    return [*feed.real(), feed.normal(5), feed.uniform(1, 1), feed.real(2)[0]]


def test_a_refilled_feed_draws_what_a_fresh_one_does_into_the_same_places(feeds):
    feed = feeds(RecordedFeed, 0)
    first = drawn(feed)
    places = [tensor.data_ptr() for _, tensor in feed._draws]
    for step in (7, 8):
        feed.refill(step)
        for again, fresh in zip(drawn(feed), drawn(feeds(Feed, step)), strict=True):
            assert torch.equal(again, fresh)
    assert [tensor.data_ptr() for _, tensor in feed._draws] == places
    feed.refill(0)
    assert all(torch.equal(*pair) for pair in zip(drawn(feed), first, strict=True))


def recorded(trainer, capture):
    """The trainer with every step that can be recorded, as on a CUDA device."""
    trainer._recorder = Recorder(trainer._recorded_feed, capture)
    return trainer


@pytest.mark.parametrize(
    ("overrides", "kinds"),
    [
        ({"penalty.every": 3}, 2),
        ({"penalty.name": "gradient-penalty", "penalty.every": 1, "discriminator.steps": 2}, 1),
        ({"tricks.augmentation": "translation-cutout", "penalty.name": "none"}, 1),
    ],
)
def test_a_recorded_run_equals_the_plain_one(tiny, data, overrides, kinds):
    config = tiny(images=4 * 30, **overrides)
    plain, capture = Trainer(config, *data, 4, device=CPU), Again()
    again = recorded(Trainer(config, *data, 4, device=CPU), capture)
    for trainer in (plain, again):
        trainer.advance()
    for name, tensor in plain._state().items():
        assert torch.equal(tensor, again._state()[name]), name
    assert capture.captured == kinds
    assert capture.played == plain.step - kinds * WARM_UP


def test_each_stage_of_a_stackgan_is_recorded_apart(tiny, make_data):
    data, capture = make_data(resolution_px=16), Again()
    config = tiny("stackgan-emoji", images=4 * 20, **{"penalty.every": 100, "stage_two_from": 0.5})
    recorded(Trainer(config, *data, 4, device=CPU), capture).advance()
    assert capture.captured == 2


@pytest.mark.parametrize(
    "overrides",
    [{"tricks.gate_real": 0.1}, {"tricks.instance_noise": 0.1}],
)
def test_what_asks_the_device_or_changes_from_step_to_step_is_not_recorded(tiny, data, overrides):
    capture = Again()
    trainer = recorded(Trainer(tiny(images=60, **overrides), *data, 4, device=CPU), capture)
    trainer.advance()
    assert (trainer.done, capture.captured) == (True, 0)


def test_a_cpu_records_nothing(tiny, data):
    assert Trainer(tiny(), *data, 4, device=CPU)._recorder is None


@pytest.mark.parametrize(("device", "tries"), [("cuda", True), ("cpu", False)])
def test_algorithms_are_tried_out_while_a_card_trains_and_not_after(device, tries):
    with fastest_kernels(torch.device(device)):
        assert torch.backends.cudnn.benchmark is tries
        assert torch.backends.cudnn.enabled
    assert torch.backends.cudnn.benchmark is False
