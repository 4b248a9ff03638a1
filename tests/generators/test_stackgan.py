import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from generators.config import ConfigError, load_config
from generators.feed import Feed, RealImages
from generators.models.stackgan import StackGan
from generators.networks import ImageShape, ShapeError, build_generator
from generators.networks.stack import CODE_SIZE, half
from generators.onnx_export import export
from generators.sampling import load_generator, sample
from generators.training import Trainer

CPU = torch.device("cpu")
NAME = "stackgan-emoji"


@pytest.fixture
def config(tiny):
    """Four steps of the first stage, then four of the second."""

    def make(**overrides):
        schedule = {"images": 32, "stage_two_from": 0.5, "penalty.every": 2}
        return tiny(NAME, **{**schedule, **overrides})

    return make


@pytest.fixture
def pictures(make_data):
    return make_data(resolution_px=16, channels=3)


@pytest.fixture
def network(config):
    def make(resolution_px=16, classes=3):
        torch.manual_seed(0)
        return build_generator(config(), ImageShape(resolution_px, 3, classes)).eval()

    return make


def trainer_of(config, pictures, images=None):
    trainer = Trainer(config, *pictures, 4, device=CPU)
    trainer.advance(images=images)
    return trainer


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def changed(before, network):
    return {name for name, value in network.state_dict().items() if not value.equal(before[name])}


def test_the_first_stage_draws_half_the_size_rounded_up():
    assert half(ImageShape(64, 3, 5)) == ImageShape(32, 3, 5)
    assert half(ImageShape(29, 1, 5)) == ImageShape(15, 1, 5)


@pytest.mark.parametrize("resolution_px", [16, 17, 28, 30, 64, 128])
def test_both_stages_fit_at_any_size(network, resolution_px):
    generator, z, labels = network(resolution_px), torch.randn(2, 8), torch.arange(2)
    assert generator.first(z, labels).shape[-1] == -(-resolution_px // 2)
    assert generator(z, labels).shape == (2, 3, resolution_px, resolution_px)


def test_before_the_second_stage_is_trained_the_first_one_s_picture_is_enlarged(network):
    generator, z, labels = network(), torch.randn(3, 8), torch.arange(3)
    drawing = generator.first(z, labels)
    expected = torch.tanh(interpolate(drawing, size=(16, 16), mode="bilinear"))
    torch.testing.assert_close(generator(z, labels), expected)


def test_the_second_stage_reads_the_small_picture_and_the_condition(network):
    generator, drawing = network(), torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        generator.second.strength.fill_(100.0)
    second, one, other = generator.second, torch.tensor([0]), torch.tensor([1])
    plain = torch.tanh(interpolate(drawing, size=(16, 16), mode="bilinear"))
    assert not second(drawing, one).allclose(plain)
    assert not second(drawing, one).allclose(second(drawing, other))


def test_codes_are_drawn_around_the_mean_by_their_deviation(network):
    code, label = network().first.code, torch.tensor([0, 2])
    mean, log_variance = code.gaussian(label)
    noise = torch.randn(2, CODE_SIZE)
    torch.testing.assert_close(code(label), mean)
    torch.testing.assert_close(code(label, noise), mean + log_variance.exp().sqrt() * noise)


def test_a_condition_may_be_any_row_of_attributes(network):
    generator, z = network(), torch.randn(1, 8)
    first = generator(z, torch.tensor([0]))
    torch.testing.assert_close(generator(z, torch.tensor([[1.0, 0.0, 0.0]])), first)
    assert not generator(z, torch.tensor([[1.0, 0.5, 0.0]])).equal(first)


def test_the_stages_are_trained_one_after_the_other(config, pictures):
    trainer = Trainer(config(), *pictures, 4, device=CPU)
    model = trainer.model
    parts = {"first": model.generator.first, "second": model.generator.second}
    parts |= {"small": model.discriminator.small, "full": model.discriminator.full}
    before = {name: weights(part) for name, part in parts.items()}
    trainer.advance(images=16)
    assert {name for name, part in parts.items() if changed(before[name], part)} == {
        "first",
        "small",
    }
    before = {name: weights(part) for name, part in parts.items()}
    trainer.advance()
    assert {name for name, part in parts.items() if changed(before[name], part)} == {
        "second",
        "full",
    }
    assert model.generator.second.strength.abs().max() > 0


@pytest.mark.parametrize(("share", "stages"), [(0.0, {"second"}), (1.0, {"first"})])
def test_a_run_may_be_all_of_one_stage(config, pictures, share, stages):
    trainer = Trainer(config(stage_two_from=share, images=8), *pictures, 4, device=CPU)
    before = weights(trainer.model.generator)
    trainer.advance()
    names = changed(before, trainer.model.generator)
    assert {name.partition(".")[0] for name in names} == stages


def test_the_first_stage_is_judged_against_real_images_of_half_the_size(config, pictures):
    model = StackGan(config(), ImageShape(16, 3, 4))
    feed = Feed(RealImages(*pictures, CPU), 4, seed=0, step=0)
    shown = model.real(feed).images
    whole, _ = Feed(RealImages(*pictures, CPU), 4, seed=0, step=0).real()
    torch.testing.assert_close(shown, torch.nn.functional.avg_pool2d(whole, 2))


def test_the_divergence_of_the_codes_is_part_of_the_generator_s_loss(config):
    model = StackGan(config(), ImageShape(16, 3, 4))
    with torch.no_grad():
        model.generator.first.code.project.weight.zero_()
        model.generator.first.code.project.bias[:CODE_SIZE] = 2.0
    feed = Feed(
        RealImages(np.zeros((4, 16, 16, 3), np.uint8), np.zeros(4, int), CPU), 4, seed=0, step=0
    )
    loss = model.generator_loss(model.real(feed), torch.zeros(4))
    assert loss.item() == pytest.approx(np.log(2) + 0.5 * 2.0**2)


@pytest.mark.parametrize("cut", [8, 16, 20])
def test_a_run_cut_in_either_stage_equals_the_unbroken_one(config, pictures, tmp_path, cut):
    unbroken = trainer_of(config(), pictures)
    trainer_of(config(), pictures, images=cut).save(tmp_path / "run")
    resumed = Trainer.resume(tmp_path / "run", *pictures, device=CPU)
    resumed.advance()
    assert not changed(weights(unbroken.model), resumed.model)
    assert not changed(
        weights(unbroken.ema.averages["generator"]), resumed.ema.averages["generator"]
    )


def test_the_trained_whole_is_sampled_and_exported(config, pictures, tmp_path):
    import onnxruntime

    overrides = {"generator.spectral": True, "discriminator.spectral": True}
    trainer_of(config(**overrides), pictures).save_generator(tmp_path / "g")
    (images,) = sample(tmp_path / "g", 8, seed=0)
    assert images.shape == (8, 16, 16, 3)
    export(tmp_path / "g", tmp_path / "g.onnx")
    generator = load_generator(tmp_path / "g", device=CPU)
    session = onnxruntime.InferenceSession(tmp_path / "g.onnx", providers=["CPUExecutionProvider"])
    z, labels = torch.randn(3, 8), torch.tensor([0, 3, 1])
    (exported,) = session.run(None, {"noise": z.numpy(), "label": labels.numpy()})
    with torch.no_grad():
        assert np.abs(exported - generator.network(z, labels).numpy()).max() < 1e-5


def test_images_too_small_for_two_stages_are_refused(config, make_data):
    with pytest.raises(ShapeError, match="two stages draws at least 16 px, got 12"):
        Trainer(config(), *make_data(channels=3), 4)


def test_images_without_labels_are_refused(config, pictures):
    with pytest.raises(ShapeError, match="draws from a class: the images need labels"):
        Trainer(config(), pictures[0], None)


def test_a_config_without_classes_is_refused():
    with pytest.raises(ConfigError, match="draws from a class: set conditional to true"):
        load_config(NAME, conditional=False)
