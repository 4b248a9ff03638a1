import pytest
import torch

from generators import config as names
from generators.config import load_config
from generators.networks import (
    DISCRIMINATORS,
    GENERATORS,
    ImageShape,
    ShapeError,
    build_discriminator,
    build_generator,
)
from generators.networks.layers import NORMALISATIONS


def test_every_name_a_config_may_choose_is_built_here():
    assert set(GENERATORS) == set(names.GENERATORS)
    assert set(DISCRIMINATORS) == set(names.DISCRIMINATORS)
    assert set(NORMALISATIONS) == set(names.NORMALISATIONS)


@pytest.mark.parametrize("name", ["demo-15", "lecture-dcgan"])
@pytest.mark.parametrize("resolution_px", [8, 12, 28, 30, 32, 36, 60, 64])
@pytest.mark.parametrize(("channels", "classes"), [(1, 0), (3, 5)])
def test_shapes_fit_at_any_size(name, resolution_px, channels, classes):
    config = load_config(name, **{"generator.features": 4, "discriminator.features": 4})
    shape = ImageShape(resolution_px, channels, classes)
    labels = (torch.arange(2),) if classes else ()
    images = build_generator(config, shape)(torch.randn(2, config.z_dim), *labels)
    assert images.shape == (2, channels, resolution_px, resolution_px)
    assert images.abs().max() <= 1
    assert build_discriminator(config, shape)(images, *labels).shape == (2,)


def test_the_demo_recipe_has_the_published_size():
    config, shape = load_config("demo-15"), ImageShape(28, 1, 10)
    sizes = [
        sum(parameter.numel() for parameter in build(config, shape).parameters())
        for build in (build_generator, build_discriminator)
    ]
    assert [round(size / 1000) for size in sizes] == [269, 68]


def test_the_lecture_networks_are_the_lecture_s():
    config, shape = load_config("lecture-dcgan"), ImageShape(28, 1)
    shapes = {
        tuple(parameter.shape)
        for build in (build_generator, build_discriminator)
        for parameter in build(config, shape).parameters()
    }
    assert {(3136, 100), (50, 1, 3, 3), (25, 50, 3, 3), (1, 25, 1, 1)} <= shapes
    assert {(32, 1, 5, 5), (64, 32, 5, 5), (1024, 3136), (1, 1024)} <= shapes


@pytest.mark.parametrize("name", ["demo-15", "lecture-dcgan"])
def test_the_label_changes_image_and_logit(name):
    config, shape = load_config(name), ImageShape(12, 1, 3)
    torch.manual_seed(0)
    generator, discriminator = build_generator(config, shape), build_discriminator(config, shape)
    z, labels = torch.randn(1, config.z_dim).repeat(3, 1), torch.arange(3)
    images = generator.eval()(z, labels)
    assert not torch.equal(images[0], images[1])
    logits = discriminator(images[:1].repeat(3, 1, 1, 1), labels)
    assert logits.unique().numel() == 3


def test_one_image_s_logit_does_not_depend_on_the_others():
    config, shape = load_config("demo-15"), ImageShape(12, 1)
    discriminator, images = build_discriminator(config, shape), torch.randn(4, 1, 12, 12)
    torch.testing.assert_close(discriminator(images)[:1], discriminator(images[:1]))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 1, 0), "resolution must be from 8 to 64 px, got 4"),
        ((65, 1, 0), "got 65"),
        ((28, 2, 0), "1 or 3 channels, got 2"),
        ((28, 1, -1), "number of classes is from 0 to 10000, got -1"),
    ],
)
def test_an_impossible_shape_is_refused(shape, message):
    with pytest.raises(ShapeError, match=message):
        ImageShape(*shape)
