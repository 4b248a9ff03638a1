"""Every verdict has a run that really fails so; a healthy run has none at any report."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from generators.config import load_config
from generators.examination import SAMPLES, Reference, coarse, judge
from generators.feed import RealImages
from generators.health import Moment, Verdict, diagnose, is_judged, turns
from generators.training import Trainer, TrainingDiverged
from pools.sources import load

SMALL = {"generator.features": 8, "discriminator.features": 8, "precision": "float32"}
UNCONDITIONAL = {**SMALL, "conditional": False, "penalty.name": "none"}
STEADY = {"adam.decay_from": 1.0}
UNCLIPPED = {**UNCONDITIONAL, **STEADY, "loss": "wasserstein", "discriminator.clip": 100.0}


@cache
def digits():
    return load("mnist", limit=1000, resolution_px=8)


def rates(generator, discriminator):
    return {"generator.learning_rate": generator, "discriminator.learning_rate": discriminator}


def trained(config, images, labels, class_count=10):
    history = []
    trainer = Trainer(config, images, labels, class_count)
    try:
        trainer.advance(on_progress=lambda p: history.append(Moment(p.images_seen, p.values)))
    except TrainingDiverged as error:
        history.append(Moment(trainer.images_seen, {}, str(error)))
    return history


def run(name, **overrides):
    """The history of a shipped config with other values, trained on small digits; and the config."""
    data, config = digits(), load_config(name, **overrides)
    return trained(config, data.images, data.labels), config


def names(history, config):
    return [verdict.name for verdict in diagnose(history, config)]


def verdict(name, history, config):
    (found,) = (verdict for verdict in diagnose(history, config) if verdict.name == name)
    return found


@pytest.fixture(scope="module")
def healthy():
    return run("demo-15", images=9_600, **SMALL)


def test_a_healthy_run_has_no_verdict_at_any_report(healthy):
    history, config = healthy
    assert len(history) == 100
    for last in range(len(history) + 1):
        assert diagnose(history[:last], config) == [], last


def test_a_run_is_judged_once_verdicts_on_losses_and_samples_can_have_lasted(healthy):
    history, config = healthy
    early = [moment for moment in history if moment.images_seen < 0.5 * config.images]
    assert (is_judged(early, config), is_judged(history, config)) == (False, True)


def test_a_healthy_run_ends_with_samples_like_real_images(healthy):
    last = healthy[0][-1].values
    assert last["spread"] > 0.4
    assert last["coverage"] > 0.8
    assert last["obedience"] > 0.5
    assert last["copied"] < 0.1


def test_the_lectures_network_stops_learning_as_its_discriminator_wins():
    features = {"generator.features": 4, "discriminator.features": 16}
    history, config = run("lecture-dcgan", images=2_560, batch=16, **features, precision="float32")
    found = verdict("vanishing-gradient", history, config)
    assert found.severity == "failing"
    assert 640 < found.since_images < 2_500
    assert "where guessing costs 1.39; it calls 100% of the real images real" in found.evidence
    assert "the generator's loss went from 0.69 to" in found.evidence


def test_a_discriminator_can_win_with_smoothed_labels_too():
    smoothed = load_config("non-saturating", **{"tricks.label_smoothing": 0.1})
    won, ahead = (curve(smoothed, d_loss=level) for level in (0.346, 0.5))  # the least is 0.325
    found = verdict("vanishing-gradient", won, smoothed)
    assert (
        "0.35 where guessing costs 1.39 and smoothed labels never less than 0.325" in found.evidence
    )
    assert names(ahead, smoothed) == []


def test_a_wasserstein_discriminator_without_a_bound_falls_and_falls():
    history, config = run("demo-15", images=3_200, batch=16, **UNCLIPPED, **rates(1e-5, 2e-3))
    found = verdict("unbounded-discriminator", history, config)
    assert history[-1].values["d_loss"] < -5 * abs(history[10].values["d_loss"])
    assert "after 320 images" in found.evidence
    assert "penalty.name 'gradient-penalty' or discriminator.spectral would" in found.evidence
    mixing = replace(config, discriminator=replace(config.discriminator, normalisation="batch"))
    found = verdict("unbounded-discriminator", history, mixing)
    assert "A smaller discriminator.clip (0.01) or discriminator.spectral would" in found.evidence


@pytest.mark.parametrize("loss", ["non-saturating", "least-squares"])
@pytest.mark.parametrize(("blind_to", "word"), [("fake", "real"), ("real", "fake")])
def test_a_discriminator_shown_one_kind_calls_everything_that(blind_to, word, loss):
    gate = {f"tricks.gate_{blind_to}": 100.0}
    history, config = run("demo-15", images=1_600, batch=16, loss=loss, **UNCONDITIONAL, **gate)
    found = verdict("discriminator-shortcut", history, config)
    assert found.title == f"The discriminator calls everything {word}"
    share = {"real": "100%", "fake": "0%"}[word]
    assert found.evidence == f"It calls {share} of the real images real, and {share} of the fakes."


def test_a_generator_far_ahead_of_its_discriminator_draws_one_image():
    slow = rates(1e-2, 1e-6)
    history, config = run(
        "demo-15", images=3_200, loss="minimax", **UNCONDITIONAL, **STEADY, **slow
    )
    found = verdict("mode-collapse", history, config)
    assert found.severity == "failing"
    assert history[-1].values["coverage"] < 0.35
    assert "times as far apart as real images, and show" in found.evidence


def test_an_unbounded_wasserstein_game_goes_in_circles():
    plain = {"discriminator.normalisation": "none"}
    history, config = run("demo-15", images=3_200, batch=16, **UNCLIPPED, **plain)
    found = verdict("oscillation", history, config)
    assert found.severity == "warning"
    assert found.evidence.startswith("The discriminator's loss swung ")


def test_a_learning_rate_of_1_ends_in_no_number():
    history, config = run(
        "lecture-dcgan",
        images=160,
        batch=8,
        loss="least-squares",
        precision="float32",
        **{"generator.features": 4, "discriminator.features": 96, "penalty.name": "r1"},
        **{"penalty.weight": 1e6, **rates(1e-3, 1.0)},
    )
    (found,) = diagnose(history, config)
    assert found.name == "not-a-number"
    assert found.evidence == history[-1].error
    assert found.evidence.endswith("lower the learning rates")  # a penalty it has
    assert found.since_images == history[-1].images_seen <= 160


def test_eight_training_images_are_learnt_by_heart():
    config = load_config("demo-15", images=6_400, **{**SMALL, "generator.features": 16})
    history = trained(config, digits().images[:8], np.arange(8), 8)
    assert names(history, config) == ["memorisation"]
    assert "of the samples are less than half as far" in diagnose(history, config)[0].evidence


def curve(config, **values):
    """A hundred reports; each value a number, or a function of the report's share of the budget."""
    shares = np.arange(1, 101) / 100
    return [
        Moment(
            int(share * config.images),
            {name: float(v(share)) if callable(v) else v for name, v in values.items()},
        )
        for share in shares
    ]


@pytest.fixture
def config():
    return load_config("demo-15")


def test_nothing_is_said_of_no_history(config):
    assert diagnose([], config) == []


def test_a_verdict_goes_when_it_no_longer_holds(config):
    history = curve(config, d_loss=lambda share: 0.01 if share < 0.5 else 0.9)
    assert names(history[:49], config) == ["vanishing-gradient"]
    assert names(history, config) == []


def test_a_verdict_must_have_lasted_ten_reports(config):
    history = curve(config, d_loss=lambda share: 0.01 if share > 0.7 else 0.9)
    assert names(history[:79], config) == []
    assert names(history[:80], config) == ["vanishing-gradient"]
    assert diagnose(history, config)[0].since_images == 0.71 * config.images


def test_the_start_of_a_run_is_not_judged(config):
    history = curve(config, d_loss=0.01, d_real=1.0, d_fake=1.0, spread=0.01, coverage=0.1)
    assert names(history[:18], config) == []
    assert names(history[:19], config) == ["vanishing-gradient", "discriminator-shortcut"]
    assert names(history[:41], config) == ["vanishing-gradient", "discriminator-shortcut"]
    assert "mode-collapse" in names(history[:42], config)


@pytest.mark.parametrize("loss", ["wasserstein", "began"])
def test_a_loss_without_probabilities_may_be_small_and_of_any_sign(loss):
    more = {"discriminator.architecture": "autoencoder"} if loss == "began" else {}
    bounded = {"penalty.name": "none", "discriminator.clip": 0.01, "conditional": False}
    config = load_config("demo-15", loss=loss, **bounded, **more)
    for level in (-0.004, 0.0, 0.01):
        history = curve(config, d_loss=level, g_loss=0.1, d_real=1.0, d_fake=1.0)
        assert names(history, config) == []


def test_a_run_without_a_discriminator_has_no_verdict_on_one(config):
    assert names(curve(config, g_loss=5.0, reconstruction=4.0), config) == []


def test_a_bounded_critic_that_measures_a_growing_distance_is_sound(config):
    values = {"loss": "wasserstein", "penalty.name": "gradient-penalty"}
    config = load_config("demo-15", **values)
    history = curve(config, d_loss=lambda share: -100 * share)
    assert names(history, config) == []
    clipped = load_config(
        "demo-15", **{"penalty.name": "none", "discriminator.clip": 9.0}, loss="wasserstein"
    )
    assert names(history, clipped) == ["unbounded-discriminator"]


def test_samples_of_few_classes_have_collapsed_unless_they_are_noise(config):
    assert names(curve(config, spread=0.9, coverage=1.0, evenness=0.8), config) == []
    few = diagnose(curve(config, spread=0.66, coverage=0.8, evenness=0.57), config)
    assert [verdict.name for verdict in few] == ["mode-collapse"]
    assert "show 80% of the classes that as many real images would" in few[0].evidence
    assert "about 43% of the samples would have to be of other classes" in few[0].evidence
    assert names(curve(config, spread=1.5, coverage=0.1, evenness=0.1), config) == []
    assert names(curve(config, spread=0.05), config) == ["mode-collapse"]


def test_a_generator_shown_to_draw_three_classes_alone_is_named():
    """Real images of three classes of ten: sharp, apart and new, and yet most modes are missing."""
    data = load("fashion-mnist")
    few = np.flatnonzero(np.isin(data.labels, (5, 7, 9)))
    real = RealImages(data.images, data.labels, torch.device("cpu"))
    values = judge(coarse(real.take(torch.from_numpy(few[:SAMPLES]))), None, Reference.of(real))
    config = load_config("began")
    assert values["spread"] > 0.5
    assert names(curve(config, **values), config) == ["mode-collapse"]


def test_an_oscillation_that_has_calmed_is_over(config):
    def wave(share):
        return 1 + (np.sin(60 * share) if share < 0.6 else 0)

    history = curve(config, d_loss=wave)
    assert names(history[:60], config) == ["oscillation"]
    assert names(history, config) == []


def test_noise_is_no_oscillation(config):
    random = np.random.default_rng(0)
    for level, width in ((1.3, 0.3), (0.3, 0.3), (1.3, 1.0), (0.3, 1.0)):
        ends = level * (1 - width), level * (1 + width)
        history = curve(config, d_loss=lambda share, ends=ends: random.uniform(*ends))
        assert names(history, config) == []


def test_a_turn_spans_the_swing():
    assert turns(np.array([0.0, 1.0, 0.0, 1.0]), 1.0) == [1, 2, 3]
    assert turns(np.array([0.0, 0.9, 0.0, 0.9]), 1.0) == []
    assert turns(np.linspace(0, 9, 10), 1.0) == [1]


def test_a_verdict_is_plain_values_for_json():
    found = Verdict("oscillation", "T", "E", 8, severity="warning")
    assert found.as_dict() == {
        "name": "oscillation", "title": "T", "evidence": "E", "since_images": 8, "severity": "warning",
    }  # fmt: skip
