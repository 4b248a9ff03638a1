import pytest
import torch
from torch.nn.functional import avg_pool2d, conv2d, interpolate
from torch.utils.flop_counter import FlopCounterMode

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
from generators.networks.resizing import DoublingConv2d, HalvingConv2d
from generators.onnx_export import export
from generators.sampling import load_generator

FROM_NOISE = ["demo-15", "lecture-dcgan", "dcgan-64", "sngan-32"]


def small(name, **overrides):
    return load_config(name, **{"generator.features": 4, "discriminator.features": 4, **overrides})


def built(name, shape):
    """Both networks of a shipped config, plain: neither initialised nor bound."""
    config = load_config(name)
    generator = GENERATORS[config.generator.architecture](config, shape)
    return generator, DISCRIMINATORS[config.discriminator.architecture](config, shape), config


def built_on_paper(name, shape):
    """The same, without storage."""
    with torch.device("meta"):
        return built(name, shape)


def multiplications(*passes):
    """Multiply-accumulates, in convolutions and linear layers, of calls without arguments."""
    with FlopCounterMode(display=False) as counter:
        for each in passes:
            each()
    return counter.get_total_flops() // 2


def size(network):
    return sum(parameter.numel() for parameter in network.parameters())


def convolved(side_px, inputs, outputs, kernel):
    return side_px**2 * inputs * outputs * kernel**2


def plain(filters, maps):
    return conv2d(maps, filters.weight, filters.bias, padding=1)


def test_every_name_a_config_may_choose_is_built_here():
    assert set(GENERATORS) == set(names.GENERATORS)
    assert set(DISCRIMINATORS) == set(names.DISCRIMINATORS)
    assert set(NORMALISATIONS) == set(names.NORMALISATIONS)


@pytest.mark.parametrize("name", FROM_NOISE)
@pytest.mark.parametrize("resolution_px", [8, 12, 28, 30, 32, 36, 60, 64])
@pytest.mark.parametrize(("channels", "classes"), [(1, 0), (3, 5)])
def test_shapes_fit_at_any_size(name, resolution_px, channels, classes):
    config = small(name, **{"generator.features": 2, "discriminator.features": 2})
    shape = ImageShape(resolution_px, channels, classes)
    labels = (torch.arange(2),) if classes else ()
    images = build_generator(config, shape)(torch.randn(2, config.z_dim), *labels)
    assert images.shape == (2, channels, resolution_px, resolution_px)
    assert images.abs().max() <= 1
    assert build_discriminator(config, shape)(images, *labels).shape == (2,)


@pytest.mark.parametrize("name", ["dcgan-64", "sngan-32"])
def test_the_largest_size_fits(name):
    config, shape = (
        small(name, **{"generator.features": 1, "discriminator.features": 1}),
        ImageShape(128, 3),
    )
    images = build_generator(config, shape)(torch.randn(2, config.z_dim))
    assert images.shape == (2, 3, 128, 128)
    assert build_discriminator(config, shape)(images).shape == (2,)


def test_the_demo_recipe_has_the_published_size():
    config, shape = load_config("demo-15"), ImageShape(28, 1, 10)
    sizes = [size(build(config, shape)) for build in (build_generator, build_discriminator)]
    assert [round(each / 1000) for each in sizes] == [269, 68]


def test_the_lecture_networks_are_the_lecture_s():
    config, shape = load_config("lecture-dcgan"), ImageShape(28, 1)
    shapes = {
        tuple(parameter.shape)
        for build in (build_generator, build_discriminator)
        for parameter in build(config, shape).parameters()
    }
    assert {(3136, 100), (50, 1, 3, 3), (25, 50, 3, 3), (1, 25, 1, 1)} <= shapes
    assert {(32, 1, 5, 5), (64, 32, 5, 5), (1024, 3136), (1, 1024)} <= shapes


def test_dcgan_64_has_the_parameters_counted_by_hand():
    generator, discriminator, _ = built_on_paper("dcgan-64", ImageShape(64, 3))
    pairs = [(512, 256), (256, 128), (128, 64)]
    filters = sum(16 * before * after for before, after in pairs)
    biases = sum(after for _, after in pairs)
    norms = 2 * (512 + 256 + 128 + 64)
    assert size(generator) == 101 * 8192 + filters + biases + 16 * 64 * 3 + 3 + norms
    norms = 2 * (512 + 256 + 128)
    biases = 512 + 256 + 128 + 64
    assert size(discriminator) == 16 * 64 * 3 + filters + biases + 8192 + 1 + norms


def test_dcgan_64_costs_what_is_counted_by_hand_and_2_69_gflop_a_training_image():
    generator, discriminator, config = built("dcgan-64", ImageShape(64, 3))
    z, real = torch.randn(1, config.z_dim), torch.randn(1, 3, 64, 64)
    wide = sum(
        convolved(side, inputs, inputs // 2, 4) for side, inputs in ((4, 512), (8, 256), (16, 128))
    )
    drawn = 100 * 8192 + wide + convolved(32, 64, 3, 4)
    read = convolved(32, 3, 64, 4) + wide + 8192
    assert multiplications(lambda: generator(z)) == drawn
    assert multiplications(lambda: discriminator(real)) == read

    def train_discriminator():
        (discriminator(real) + discriminator(generator(z).detach())).sum().backward()

    def train_generator():
        discriminator(generator(z)).sum().backward()

    flop = 2 * multiplications(train_discriminator, train_generator)
    assert flop / 1e9 == pytest.approx(2.69, abs=0.005)


def test_sngan_32_has_the_published_size():
    generator, discriminator, _ = built_on_paper("sngan-32", ImageShape(32, 3))
    assert (size(generator), size(discriminator)) == (4_276_739, 1_053_825)


def test_sngan_32_costs_the_published_44_8_gflop_less_what_its_shortcuts_save():
    generator, discriminator, config = built("sngan-32", ImageShape(32, 3))
    z, real = torch.randn(1, config.z_dim), torch.randn(1, 3, 32, 32)

    def train_discriminator():
        with torch.no_grad():
            fake = generator(z)
        (discriminator(real) + discriminator(fake)).sum().backward()

    def train_generator():
        discriminator(generator(z)).sum().backward()

    flop = 2 * (5 * multiplications(train_discriminator) + multiplications(train_generator))
    # Papers' 1×1 shortcuts work on the larger map: three of the generator, one of the discriminator.
    # So do their 3×3 where a map is doubled or halved: with 9 / 4 of the products of a folded one.
    saved_drawing = sum(
        convolved(2 * side, 256, 256, 1)
        - convolved(side, 256, 256, 1)
        + convolved(2 * side, 256, 256, 3)
        - convolved(2 * side, 256, 256, 2)
        for side in (4, 8, 16)
    )
    saved_reading = (
        convolved(16, 128, 128, 1)
        - convolved(8, 128, 128, 1)
        + sum(convolved(side, 128, 128, 3) - convolved(side, 128, 128, 2) for side in (32, 16))
    )
    drawings, readings = 5 + 3, 3 * (5 * 2 + 1)
    published = flop + 2 * (drawings * saved_drawing + readings * saved_reading)
    assert published / 1e9 == pytest.approx(44.8, abs=0.05)
    assert flop < published / 1.45


@pytest.mark.parametrize(
    ("resolution_px", "widths"),
    [(64, [1024, 512, 256, 128, 64]), (128, [1024, 1024, 512, 256, 128, 64])],
)
def test_large_sngans_have_the_published_widths(resolution_px, widths):
    generator, discriminator, _ = built_on_paper("sngan-64", ImageShape(resolution_px, 3))
    assert [block.first.in_channels for block in generator.blocks] == widths[:-1]
    assert [block.first.out_channels for block in discriminator.blocks] == widths[::-1]
    assert generator.project.out_features == 16 * widths[0]


def test_a_shortcut_taken_on_the_small_map_is_the_one_on_the_large():
    torch.manual_seed(0)
    block = build_generator(small("sngan-32"), ImageShape(32, 3)).eval().blocks[0]
    maps = torch.randn(2, 4, 4, 4)
    doubled = interpolate(maps, scale_factor=2.0)
    residual = block.second(block.between(block.first(block.before(maps))))
    torch.testing.assert_close(block(maps), residual + block.shortcut(doubled))


@pytest.mark.parametrize("side_px", [1, 2, 5, 8])
def test_a_map_doubled_within_the_filters_is_one_doubled_before_them(side_px):
    torch.manual_seed(0)
    filters, maps = DoublingConv2d(3, 5), torch.randn(2, 3, side_px, side_px)
    doubled = interpolate(maps, scale_factor=2.0)
    torch.testing.assert_close(filters(maps), plain(filters, doubled))


@pytest.mark.parametrize("side_px", [2, 3, 5, 8])
def test_a_map_halved_within_the_filters_is_one_halved_after_them(side_px):
    torch.manual_seed(0)
    filters, maps = HalvingConv2d(3, 5), torch.randn(2, 3, side_px, side_px)
    torch.testing.assert_close(filters(maps), avg_pool2d(plain(filters, maps), 2))


@pytest.mark.parametrize("kind", [DoublingConv2d, HalvingConv2d])
def test_filters_with_a_step_have_the_gradients_of_theirs_and_a_penalty_s(kind):
    torch.manual_seed(0)
    filters = kind(2, 3).double()
    maps = torch.randn(1, 2, 4, 4, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(filters, maps)
    assert torch.autograd.gradgradcheck(filters, maps)

    def of_filters(weight):
        return torch.func.functional_call(filters, {"weight": weight}, maps)

    assert torch.autograd.gradcheck(of_filters, filters.weight)
    assert torch.autograd.gradgradcheck(of_filters, filters.weight)


@pytest.mark.parametrize("name", FROM_NOISE)
def test_the_label_changes_image_and_logit(name):
    config, shape = small(name, **{"discriminator.features": 32}), ImageShape(12, 1, 3)
    torch.manual_seed(0)
    generator, discriminator = build_generator(config, shape), build_discriminator(config, shape)
    z, labels = torch.randn(1, config.z_dim).repeat(3, 1), torch.arange(3)
    images = generator.eval()(z, labels)
    assert not torch.equal(images[0], images[1])
    logits = discriminator.eval()(images[:1].repeat(3, 1, 1, 1), labels)
    assert logits.unique().numel() == 3


@pytest.mark.parametrize("name", ["dcgan-64", "sngan-32"])
def test_a_mixture_of_classes_lies_between_them(name):
    config, shape = small(name), ImageShape(12, 1, 2)
    torch.manual_seed(0)
    generator, z = build_generator(config, shape).eval(), torch.randn(1, config.z_dim)
    one, other, half = (
        generator(z, torch.tensor([row])) for row in ([1.0, 0], [0, 1.0], [0.5, 0.5])
    )
    torch.testing.assert_close(generator(z, torch.tensor([0])), one)
    assert (half - one).norm() < (other - one).norm()


@pytest.mark.parametrize("name", ["demo-15", "sngan-32"])
def test_one_image_s_logit_does_not_depend_on_the_others(name):
    config, shape = load_config(name), ImageShape(12, 1)
    discriminator = build_discriminator(config, shape).eval()
    images = torch.randn(4, 1, 12, 12)
    torch.testing.assert_close(discriminator(images)[:1], discriminator(images[:1]))


def test_an_exported_residual_network_draws_the_same(make_generator, tmp_path):
    import onnxruntime

    path = make_generator(2, name="sngan-32", conditional=True)
    export(path, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    z, labels = torch.randn(3, 8), torch.tensor([0, 3, 1])
    (images,) = session.run(None, {"noise": z.numpy(), "label": labels.numpy()})
    with torch.no_grad():
        expected = load_generator(path, device=torch.device("cpu")).network(z, labels)
    torch.testing.assert_close(torch.from_numpy(images), expected, atol=1e-5, rtol=0)
    assert expected.std() > 1e-3


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 1, 0), "resolution must be from 8 to 128 px, got 4"),
        ((129, 1, 0), "got 129"),
        ((28, 2, 0), "1 or 3 channels, got 2"),
        ((28, 1, -1), "number of classes is from 0 to 10000, got -1"),
    ],
)
def test_an_impossible_shape_is_refused(shape, message):
    with pytest.raises(ShapeError, match=message):
        ImageShape(*shape)
