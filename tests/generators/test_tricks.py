import numpy as np
import pytest
import torch

from generators.commands import main
from generators.config import load_config
from generators.noise import noise
from generators.sampling import sample
from generators.training import Trainer

CPU = torch.device("cpu")
FREE = {"penalty.name": "none", "conditional": False}
SURE = 5.0  # the bias that makes a discriminator call every image real


def model_of(config, data):
    return Trainer(config, *data, 4, device=CPU)


def parameters(network):
    return [value.detach().clone() for value in network.parameters()]


def farthest(before, network):
    pairs = zip(before, network.parameters(), strict=True)
    return max((new - old).abs().max().item() for old, new in pairs)


def one_step(tiny, data, bias, **settings):
    """Whether discriminator and generator were trained by a step, and what was watched."""
    trainer = model_of(tiny(**FREE, **settings), data)
    model = trainer.model
    with torch.no_grad():
        model.discriminator.head.logit.bias.fill_(bias)
    players = {"discriminator": model.discriminator, "generator": model.generator}
    before = {name: parameters(player) for name, player in players.items()}
    values = []
    trainer.advance(images=4, on_progress=values.append)
    moved = {name: farthest(before[name], player) > 0 for name, player in players.items()}
    return moved, values[0].values


class TestGates:
    LECTURE = {"tricks.gate_real": 0.6, "tricks.gate_fake": 0.45, "tricks.gate_generator": 0.5}

    def test_the_first_lecture_s_are_shipped(self):
        tricks = load_config("lecture-gated").tricks
        assert (tricks.gate_real, tricks.gate_fake, tricks.gate_generator) == (0.6, 0.45, 0.5)
        assert load_config("lecture-gated").generator.architecture == "lecture"

    def test_undecided_players_all_train(self, tiny, data):
        parts, values = one_step(tiny, data, 0.0, **self.LECTURE)  # each loss is about log 2
        assert parts == {"discriminator": True, "generator": True}
        assert min(values["d_gradient"], values["g_gradient"]) > 0

    def test_a_generator_below_its_gate_keeps_its_weights(self, tiny, data):
        settings = {**self.LECTURE, "tricks.gate_fake": 100.0}
        parts, values = one_step(tiny, data, SURE, **settings)  # fakes pass for real
        assert parts == {"discriminator": False, "generator": False}
        assert values["g_gradient"] == values["d_gradient"] == 0
        assert values["g_loss"] < 0.1

    def test_a_discriminator_below_both_its_gates_keeps_its_weights(self, tiny, data):
        shut = {"tricks.gate_real": 100.0, "tricks.gate_fake": 100.0}
        parts, values = one_step(tiny, data, 0.0, **shut)
        assert parts == {"discriminator": False, "generator": True}
        assert values["d_loss"] > 1

    @pytest.mark.parametrize(("shut", "open_slope"), [("gate_real", 1), ("gate_fake", -1)])
    def test_one_open_part_trains_alone(self, tiny, data, shut, open_slope):
        trainer = model_of(tiny(**FREE, **{f"tricks.{shut}": 100.0}), data)
        bias = trainer.model.discriminator.head.logit.bias
        trainer.advance(images=4)
        # Adam's first step is a whole rate down the gradient: down on fakes alone, up on real alone.
        assert bias.item() == pytest.approx(-open_slope * 2e-3, rel=1e-3)


class TestLabelSmoothing:
    def test_it_holds_the_discriminator_back_once_it_is_surer_than_asked_for(self, tiny, data):
        def first_step(smoothing, bias):
            settings = {"tricks.gate_fake": 100.0, "tricks.label_smoothing": smoothing}
            trainer = model_of(tiny(**FREE, **settings), data)
            with torch.no_grad():
                trainer.model.discriminator.head.logit.bias.fill_(bias)
            trainer.advance(images=4)
            return trainer.model.discriminator.head.logit.bias.item() - bias

        assert first_step(0.0, 3.0) > 0
        assert first_step(0.1, 3.0) < 0  # σ(3) = .95 > .9
        assert first_step(0.1, 1.0) > 0


class TestInstanceNoise:
    def seen(self, tiny, data, share):
        trainer = model_of(tiny(**{"tricks.instance_noise": 0.5}), data)
        feed = trainer._feed(0)
        real = trainer.model.real(feed)
        return trainer.model.seen(real, feed, share).images - real.images

    def test_it_has_the_deviation_asked_for_and_falls_to_none(self, tiny, data):
        assert self.seen(tiny, data, 0.0).std().item() == pytest.approx(0.5, rel=0.1)
        assert self.seen(tiny, data, 0.5).std().item() == pytest.approx(0.25, rel=0.1)
        assert (self.seen(tiny, data, 1.0) == 0).all()


def test_real_images_and_fakes_are_shown_with_the_same_chances(tiny, data, monkeypatch):
    trainer = model_of(tiny(**{"tricks.augmentation": "colour-translation-cutout"}), data)
    shown = []
    monkeypatch.setattr(
        "generators.models.gan.augment", lambda images, policy, _: shown.append(policy) or images
    )
    trainer.advance(images=4)
    assert shown == ["colour-translation-cutout"] * 3  # real, fake, and the generator's turn


def test_the_generator_learns_through_augmentation(tiny, data):
    settings = {"tricks.augmentation": "colour-translation-cutout", "tricks.instance_noise": 0.1}
    _, values = one_step(tiny, data, 0.0, **settings)
    assert values["g_gradient"] > 0


def test_only_the_last_of_several_steps_leaves_a_graph_for_the_generator(tiny, data):
    trainer = model_of(tiny(**{"discriminator.steps": 3}), data)
    had_graph = []
    judge = trainer.model.judge
    trainer.model.judge = lambda p: had_graph.append(p.images.grad_fn is not None) or judge(p)
    trainer.advance(images=12)
    assert had_graph == [False] * 6 + [True]


def test_each_player_has_its_own_rate(tiny, data):
    rates = {"generator.learning_rate": 1e-3, "discriminator.learning_rate": 4e-3}
    trainer = model_of(tiny(**FREE, **rates, **{"adam.decay_from": 1.0}), data)
    players = {"generator": trainer.model.generator, "discriminator": trainer.model.discriminator}
    before = {name: parameters(player) for name, player in players.items()}
    trainer.advance(images=4)
    steps = {name: farthest(before[name], player) for name, player in players.items()}
    assert steps == pytest.approx({"generator": 1e-3, "discriminator": 4e-3}, rel=1e-3)


def test_clipping_bounds_every_weight_of_the_discriminator_alone(tiny, data):
    settings = {"loss": "wasserstein", "discriminator.clip": 0.003}
    trainer = model_of(tiny(**FREE, **settings), data)
    trainer.advance(images=4)
    discriminator, generator = trainer.model.discriminator, trainer.model.generator
    assert max(weight.abs().max() for weight in discriminator.parameters()) == np.float32(0.003)
    assert max(weight.abs().max() for weight in generator.parameters()) > 0.03


class TestTruncation:
    def test_no_component_is_beyond_it_and_those_within_are_kept(self):
        whole, truncated = noise(3, 0, 500, 16), noise(3, 0, 500, 16, truncation=0.7)
        assert np.abs(truncated).max() <= 0.7
        assert np.array_equal(truncated[np.abs(whole) <= 0.7], whole[np.abs(whole) <= 0.7])

    def test_it_leaves_the_density_within_as_it_was(self):
        truncated = noise(3, 0, 2_000, 16, truncation=1.0)
        assert truncated.std() == pytest.approx(0.5396, abs=0.01)  # of a normal cut at ±1
        assert abs(truncated.mean()) < 0.01

    def test_a_row_is_a_function_of_seed_and_row_alone(self):
        assert np.array_equal(noise(3, 0, 50, 16, 0.5)[20:], noise(3, 20, 30, 16, 0.5))
        assert not np.array_equal(noise(3, 0, 5, 16, 0.5), noise(4, 0, 5, 16, 0.5))

    def test_truncated_images_vary_less_and_are_the_same_in_any_range(self, make_generator):
        path = make_generator(5, conditional=False)

        def pool(count, **options):
            return np.concatenate(list(sample(path, count, seed=7, **options)))

        whole, truncated = pool(100), pool(100, truncation=0.3)
        assert truncated.astype(float).std(0).mean() < 0.7 * whole.astype(float).std(0).mean()
        assert np.array_equal(pool(30, start=70, truncation=0.3), truncated[70:])

    @pytest.mark.parametrize("truncation", [0.0, -1.0, 0.05, float("nan")])
    def test_one_too_small_to_draw_within_is_refused(self, make_generator, truncation):
        with pytest.raises(ValueError, match=r"truncation must be at least 0\.1, got"):
            sample(make_generator(), 1, seed=0, truncation=truncation)

    def test_the_command_truncates_too(self, make_generator, tmp_path):
        path, out = make_generator(5, conditional=False), tmp_path / "pool.npz"
        asked = ["sample", str(path), "--count", "9", "--seed", "7", "--out", str(out)]
        assert main([*asked, "--truncation", "0.3"]) == 0
        expected = next(sample(path, 9, seed=7, truncation=0.3))
        assert np.array_equal(np.load(out)["images"], expected)

    @pytest.mark.parametrize(
        ("file", "truncation", "message"),
        [
            ("generator.safetensors", "0", "truncation must be at least 0.1, got 0.0"),
            ("network.onnx", "0.5", "--truncation is for a GENERATOR.safetensors"),
        ],
    )
    def test_the_command_refuses_what_it_cannot_truncate(
        self, make_generator, tmp_path, capsys, file, truncation, message
    ):
        asked = ["sample", str(make_generator().parent / file), "--out", str(tmp_path / "o.npz")]
        assert main([*asked, "--count", "9", "--truncation", truncation]) == 2
        assert message in capsys.readouterr().err
