import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from generators.data import TrainingDataError
from generators.feed import Feed, RealImages
from generators.models import create_model, kept
from generators.models.cyclegan import exchange
from generators.networks import ImageShape, build_discriminator, build_generator
from generators.pairs import edges, input_shape, shrink
from generators.training import Trainer

CPU = torch.device("cpu")
EDGES, CYCLE, ENLARGE = "edges-to-fashion", "sneakers-to-boots", "enlarge-14-to-28"
NAMES = (EDGES, CYCLE, ENLARGE)
STRIPES = {"translation.from_class": 0, "translation.to_class": 1}


@pytest.fixture
def recipe(tiny):
    """A shipped translation cut down to six steps of four tiny images."""

    def make(name, **overrides):
        classes = STRIPES if name == CYCLE else {}
        return tiny(name, **{**classes, **overrides})

    return make


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("resolution_px", [8, 12, 28, 36, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_networks_fit_at_any_size(recipe, name, resolution_px, channels):
    config, shape = recipe(name), ImageShape(resolution_px, channels)
    given, side_px = input_shape(config.translation, channels, resolution_px)
    inputs = torch.rand(2, given, side_px, side_px) * 2 - 1
    images = build_generator(config, shape)(inputs)
    assert images.shape == (2, channels, resolution_px, resolution_px)
    assert images.abs().max() <= 1
    logits = build_discriminator(config, shape)(images, inputs)
    patches = resolution_px // (4 if resolution_px <= 32 else 8)
    assert logits.shape == (2, 1, patches, patches)


def test_pix2pix_enlarges_too(recipe):
    config = recipe(EDGES, **{"translation.task": "enlarge", "translation.factor": 2})
    shape, small = ImageShape(12, 3), torch.rand(2, 3, 6, 6)
    images = build_generator(config, shape)(small)
    assert images.shape == (2, 3, 12, 12)
    assert build_discriminator(config, shape)(images, small).shape == (2, 1, 3, 3)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_pixels_are_shuffled_up_by_any_factor(recipe, factor):
    config = recipe(ENLARGE, **{"translation.factor": factor})
    small = torch.rand(1, 1, 24 // factor, 24 // factor)
    enlarged = build_generator(config, ImageShape(24, 1))(small)
    # The first weights are small, so that it starts from the plain enlargement.
    plain = interpolate(small, size=(24, 24), mode="bilinear")
    assert 0 < (enlarged - plain).abs().max() < 0.02


def test_a_patch_s_logit_does_not_see_the_far_corner(recipe):
    judge = build_discriminator(
        recipe(ENLARGE, **{"discriminator.spectral": False}), ImageShape(28, 1)
    )
    image = torch.zeros(1, 1, 28, 28)
    changed = image.clone()
    changed[..., -1, -1] = 1
    moved = (judge(image) != judge(changed))[0, 0]
    assert moved[-1, -1]
    assert not moved[:4, :4].any()


def test_only_pix2pix_s_discriminator_sees_the_input(recipe):
    image, shape = torch.zeros(1, 1, 12, 12), ImageShape(12, 1)
    for name, sees in ((EDGES, True), (ENLARGE, False), (CYCLE, False)):
        judge = build_discriminator(recipe(name), shape).eval()
        black, white = (judge(image, torch.full_like(image, level)) for level in (-1.0, 1.0))
        assert torch.equal(black, white) != sees


def trained(config, data, **advance):
    trainer = Trainer(config, *data, 4, device=CPU)
    trainer.advance(**advance)
    return trainer


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_translation_equals_the_unbroken_one_bit_for_bit(recipe, data, tmp_path, name):
    whole, path = trained(recipe(name), data), tmp_path / "run"
    trained(recipe(name), data, images=8).save(path)
    parts = Trainer.resume(path, *data, config=recipe(name), device=CPU)
    parts.advance()
    assert parts.done
    for key, value in whole._state().items():
        assert torch.equal(value, parts._state()[key]), key


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shown_is_the_inputs_the_results_and_the_targets(recipe, data, name):
    trainer = Trainer(recipe(name), *data, 4, device=CPU)
    pictures, in_a_row = trainer.model.show(trainer.ema.averages, trainer.data)
    assert (len(pictures), in_a_row) == (60, 10)
    given, made, last = pictures[:10], pictures[10:20], pictures[20:30]
    averages = trainer.ema.averages
    if name == CYCLE:
        assert torch.equal(made, averages["generator"](given))
        assert torch.equal(last, averages["back"](made))
        assert torch.equal(pictures[40:50], averages["back"](pictures[30:40]))
    elif name == EDGES:
        assert torch.equal(given, edges(last))
        assert torch.equal(made, averages["generator"](given))
    else:
        assert torch.equal(given, interpolate(shrink(last, 2), scale_factor=2))


def test_critics_of_a_cyclegan_are_not_said_to_call_images_real(recipe, data):
    bound = {"loss": "wasserstein", "discriminator.spectral": True}
    seen = []
    trainer = Trainer(recipe(CYCLE, **bound), *data, 4, device=CPU)
    trainer.advance(images=4, on_progress=lambda progress: seen.append(progress.values))
    assert seen[0].keys() >= {"d_loss", "cycle"}
    assert not {"d_real", "d_fake"} & seen[0].keys()


def apart(trainer, pick):
    """The mean difference of two rows of the pictures that are shown, picked from them."""
    pictures, _ = trainer.model.show(trainer.ema.averages, trainer.data)
    one, other = pick(pictures)
    return (one - other).abs().mean().item()


LONGER = {"images": 320, "generator.features": 8, "ema": 0.8}


@pytest.mark.parametrize("name", [EDGES, ENLARGE])
def test_training_brings_the_result_nearer_to_the_real_image(recipe, data, name):
    def picked(rows):
        return rows[10:20], rows[20:30]

    trainer = Trainer(recipe(name, **LONGER), *data, 4, device=CPU)
    before = apart(trainer, picked)
    trainer.advance()
    assert apart(trainer, picked) < before / 2


def test_training_turns_one_class_into_the_other_and_closes_the_cycle(recipe, data):
    def picked(rows):
        return rows[0:10], rows[20:30]

    trainer = Trainer(recipe(CYCLE, **LONGER), *data, 4, device=CPU)
    before = apart(trainer, picked)
    trainer.advance()
    assert apart(trainer, picked) < before / 2
    pictures, _ = trainer.model.show(trainer.ema.averages, trainer.data)
    # Class 0 has its stripe in rows 0 and 1, class 1 in rows 2 and 3.
    there, again = pictures[10:20].mean((0, 1, 3)), pictures[40:50].mean((0, 1, 3))
    assert there[2:4].min() > there[0:2].max()
    assert again[0:2].min() > again[2:4].max()


def test_the_weights_of_the_costs_count(recipe, data):
    for name, key in (
        (EDGES, "reconstruction"),
        (ENLARGE, "perceptual"),
        (CYCLE, "reconstruction"),
        (CYCLE, "identity"),
    ):
        low, high = (
            trained(recipe(name, **{f"translation.{key}": weight}), data, images=4)
            for weight in (0.5, 9.0)
        )
        one, other = (trainer.model.generator.state_dict() for trainer in (low, high))
        assert any(not torch.equal(one[key], other[key]) for key in one)


def test_costs_of_equal_images_are_nothing(recipe):
    model = create_model(recipe(ENLARGE), ImageShape(12, 1)).eval()
    image = torch.rand(2, 1, 12, 12)
    assert {name: cost.item() for name, cost in model.costs(image, image).items()} == {
        "reconstruction": 0.0,
        "perceptual": 0.0,
    }
    assert model.costs(image, -image)["perceptual"] > 0


def feed(data, batch, step):
    return Feed(RealImages(*data, CPU), batch, seed=0, step=step)


def test_exchanging_loses_no_image_and_invents_none(data):
    older, shown = torch.arange(5.0).reshape(5, 1, 1, 1), []
    for step in range(40):
        fakes = torch.arange(3.0).reshape(3, 1, 1, 1) + 100 + 3 * step
        before = {*older.flatten().tolist(), *fakes.flatten().tolist()}
        seen = exchange(older, fakes, feed(data, 3, step))
        assert {*older.flatten().tolist(), *seen.flatten().tolist()} == before
        shown += (seen != fakes).flatten().tolist()
    assert 0.3 < np.mean(shown) < 0.7


def test_a_small_buffer_exchanges_the_first_images_alone(data):
    fakes = torch.arange(1.0, 5.0).reshape(4, 1, 1, 1)
    for step in range(10):
        assert torch.equal(
            exchange(torch.zeros(2, 1, 1, 1), fakes, feed(data, 4, step))[2:], fakes[2:]
        )
        assert torch.equal(exchange(torch.zeros(0, 1, 1, 1), fakes, feed(data, 4, step)), fakes)


def test_the_buffer_starts_with_the_untrained_generator_s_fakes(recipe, data):
    model = Trainer(recipe(CYCLE), *data, 4, device=CPU).model
    for older in (model.older, model.older_back):
        assert older.shape == (50, 1, 12, 12)
        assert all(0 < image.abs().max() <= 1 for image in older)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (lambda found: found, "there are no images of class 7: choose from 0, 1, 2, 3"),
        (lambda _: None, "images of class 7 are asked for, but these have no classes"),
    ],
)
def test_a_class_without_images_is_refused_at_the_start(tiny, data, labels, message):
    with pytest.raises(TrainingDataError, match=message):
        Trainer(tiny(CYCLE), data[0], labels(data[1]), 4)


def test_all_that_makes_images_is_kept(recipe):
    shape = ImageShape(12, 1)
    names = {name: set(kept(recipe(name), shape)) for name in NAMES}
    assert names == {EDGES: {"generator"}, ENLARGE: {"generator"}, CYCLE: {"generator", "back"}}
