import pytest
import torch
from torch import nn

from generators.checkpoint import fill
from generators.config import load_config
from generators.ema import Ema
from generators.networks import DISCRIMINATORS, ImageShape, build_discriminator, build_generator
from generators.networks.layers import (
    NORMALISATIONS,
    REFERENCE_ROWS,
    Closeness,
    Headless,
    ProjectionHead,
    Reference,
    VirtualNorm,
)
from generators.sampling import load_generator, released
from generators.training import Trainer

BOTH_VIRTUAL = {"generator.normalisation": "virtual", "discriminator.normalisation": "virtual"}


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def maps(count, features=3):
    return 2 * torch.randn(count, features, 4, 5) + torch.arange(1.0, features + 1)[:, None, None]


def moments(values):
    return values.mean((0, 2, 3)), values.var((0, 2, 3), correction=0)


@pytest.mark.parametrize(
    ("name", "axes"),
    [("batch", (0, 2, 3)), ("layer", (1, 2, 3)), ("instance", (2, 3)), ("virtual", (0, 2, 3))],
)
def test_each_norm_takes_its_statistics_over_its_own_axes(name, axes):
    normalised = NORMALISATIONS[name](3)(maps(REFERENCE_ROWS))
    torch.testing.assert_close(
        normalised.mean(axes), torch.zeros_like(normalised.mean(axes)), atol=1e-5, rtol=0
    )
    spread = normalised.var(axes, correction=0)
    torch.testing.assert_close(spread, torch.ones_like(spread), atol=1e-3, rtol=0)


def test_a_group_norm_has_groups_of_an_eighth_of_the_features():
    assert NORMALISATIONS["group"](32).num_groups == 8
    assert NORMALISATIONS["group"](12).num_groups == 4


class TestVirtualNorm:
    def test_an_image_counts_as_one_more_beside_the_reference(self):
        norm, reference, image = VirtualNorm(3), maps(REFERENCE_ROWS), 5 * maps(1) - 2
        mean, variance = moments(torch.cat([reference, image]))
        by_hand = (image - mean[:, None, None]) / (variance[:, None, None] + norm.epsilon).sqrt()
        found = norm(torch.cat([reference, image]))[REFERENCE_ROWS:]
        torch.testing.assert_close(found, by_hand)

    def test_the_reference_is_normalised_by_itself_alone(self):
        norm, reference = VirtualNorm(3), maps(REFERENCE_ROWS)
        mean, variance = moments(reference)
        by_hand = (reference - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
        torch.testing.assert_close(norm(torch.cat([reference, maps(4)]))[:REFERENCE_ROWS], by_hand)

    def test_one_location_has_no_statistics_of_its_own(self):
        bright_left = maps(REFERENCE_ROWS)
        bright_left[..., 0] += 10
        assert (VirtualNorm(3)(bright_left)[..., 0].mean((0, 2)) > 1).all()

    @pytest.mark.parametrize("training", [True, False])
    def test_an_image_alone_gives_the_same_as_within_any_batch(self, training):
        norm, reference, images = VirtualNorm(3), maps(REFERENCE_ROWS), maps(9)
        norm(reference)
        norm.train(training)
        before = [reference] if training else []
        rows = REFERENCE_ROWS * training
        together = norm(torch.cat([*before, images]))[rows:]
        alone = [norm(torch.cat([*before, image[None]]))[rows:] for image in images]
        torch.testing.assert_close(together, torch.cat(alone))

    def test_evaluation_needs_no_reference(self):
        norm, reference, images = VirtualNorm(3), maps(REFERENCE_ROWS), maps(9)
        in_training = norm(torch.cat([reference, images]))[REFERENCE_ROWS:]
        torch.testing.assert_close(norm.eval()(images), in_training)

    def test_gradients_flow_through_the_reference_too(self):
        reference, images = maps(REFERENCE_ROWS).requires_grad_(), maps(2)
        VirtualNorm(3)(torch.cat([reference, images]))[REFERENCE_ROWS:].square().sum().backward()
        assert (reference.grad != 0).any()

    def test_what_stands_far_from_zero_keeps_its_variance(self):
        far = maps(REFERENCE_ROWS) + 1e4
        assert VirtualNorm(3)(far).var().item() == pytest.approx(1, abs=0.05)

    def test_it_computes_in_float32_and_answers_in_the_precision_it_was_asked_in(self):
        values = maps(40).bfloat16()
        assert VirtualNorm(3)(values).dtype == torch.bfloat16
        torch.testing.assert_close(
            VirtualNorm(3)(values), VirtualNorm(3)(values.float()).bfloat16()
        )


def test_a_reference_goes_before_and_is_dropped_after():
    class Noting(nn.Module):
        def forward(self, rows, label):
            self.label = label
            return rows * 10

    network = Noting()
    reference = Reference(torch.tensor([[1.0], [2.0]]), torch.tensor([7, 8]))
    assert reference.beside(network, torch.tensor([[3.0]]), torch.tensor([9])).tolist() == [[30]]
    assert network.label.tolist() == [7, 8, 9]
    Reference(torch.ones(2, 1), None).beside(network, torch.ones(1, 1), None)
    assert network.label is None


def trained(config, data):
    trainer = Trainer(config, *data, 4, device=torch.device("cpu"))
    trainer.advance()
    return trainer


@pytest.mark.parametrize("conditional", [True, False])
def test_a_virtual_gan_draws_and_judges_each_image_alone(tiny, data, conditional):
    gan = trained(tiny(conditional=conditional, **BOTH_VIRTUAL), data).model
    z, labels = torch.randn(5, 8), torch.tensor([0, 1, 2, 3, 0]) if conditional else None
    drawn = gan._pass("generator", z, labels)
    judged = gan._pass("discriminator", drawn, labels)
    for row in range(5):
        one = slice(row, row + 1)
        label = labels[one] if conditional else None
        torch.testing.assert_close(gan._pass("generator", z[one], label), drawn[one])
        torch.testing.assert_close(gan._pass("discriminator", drawn[one], label), judged[one])


def test_a_virtual_generator_samples_from_its_file_as_it_was_averaged(tiny, data, tmp_path):
    trainer = trained(tiny(ema=0.0, **BOTH_VIRTUAL), data)
    trainer.save_generator(tmp_path / "g")
    loaded, z, labels = (
        load_generator(tmp_path / "g").network,
        torch.randn(5, 8),
        torch.arange(5) % 4,
    )
    with torch.no_grad():
        last = trainer.model._pass("generator", z, labels)
    torch.testing.assert_close(loaded(z, labels), last, atol=0.02, rtol=0.02)
    torch.testing.assert_close(loaded(z[:1], labels[:1]), loaded(z, labels)[:1])


def test_a_virtual_generator_is_exported_whole(make_generator, tmp_path, monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")  # read when ONNX Runtime is first imported
    import onnxruntime

    from generators.onnx_export import export

    path, out = make_generator(5, conditional=False, **BOTH_VIRTUAL), tmp_path / "model.onnx"
    export(path, out)
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    z = torch.randn(7, 8)
    (images,) = session.run(None, {"noise": z.numpy()})
    with torch.no_grad():
        expected = load_generator(path).network(z)
    torch.testing.assert_close(torch.from_numpy(images), expected, atol=1e-5, rtol=0)
    assert expected.std() > 0.01


def test_every_process_of_a_run_has_the_same_reference(tiny, data):
    config = tiny(**BOTH_VIRTUAL)
    one, other = (Trainer(config, *data, 4).model._references for _ in range(2))
    assert set(one) == {"generator", "discriminator"}
    for name, reference in one.items():
        assert len(reference.inputs) == len(reference.labels) == REFERENCE_ROWS
        assert torch.equal(reference.inputs, other[name].inputs)


class TestCloseness:
    def test_by_hand(self):
        layer = Closeness(2, 1)
        with torch.no_grad():
            layer.kernels.weight.copy_(torch.tensor([[1.0, 0], [0, 1], [0, 0], [0, 0], [0, 0]]))
        features = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
        e = torch.exp(-torch.tensor([0.0, 1.0, 2.0, 3.0]))
        by_hand = [e[0] + e[1] + e[2], e[0] + e[1] + e[3], e[0] + e[2] + e[3]]
        torch.testing.assert_close(layer(features)[:, 0], torch.stack(by_hand) / 3)

    def test_copies_are_told_from_a_varied_batch(self):
        layer, varied = Closeness(6, 10), 50 * torch.randn(8, 6)
        copies = varied[:1].repeat(8, 1)
        assert torch.equal(layer(copies), torch.ones(8, 10))
        assert (layer(varied).mean(0) < 1).all()

    def test_the_size_of_the_batch_does_not_matter(self):
        layer, rows = Closeness(6, 4), torch.randn(3, 6)
        torch.testing.assert_close(layer(rows.repeat(5, 1))[:3], layer(rows))

    @pytest.mark.parametrize("code_size", [0, 5])
    def test_a_head_counts_it_as_so_many_features_more(self, code_size):
        head = ProjectionHead(6, 3, code_size, kernels=4)
        features, label, code = torch.randn(2, 6), torch.arange(2), torch.randn(2, code_size)
        assert head(features, label, code if code_size else None).shape == (2,)
        assert head.logit.in_features == (256 if code_size else 6) + 4

    @pytest.mark.parametrize("name", sorted({*DISCRIMINATORS} - {"autoencoder", "patch"}))
    def test_every_discriminator_of_a_gan_has_it(self, name):
        settings = {"discriminator.architecture": name, "discriminator.features": 4}
        config = load_config(
            "demo-15", **settings, **{"penalty.name": "none", "discriminator.minibatch_kernels": 7}
        )
        discriminator = build_discriminator(config, ImageShape(16, 1))
        (found,) = (module for module in discriminator.modules() if isinstance(module, Closeness))
        assert found.kernels.out_features == 7 * 5


@pytest.mark.parametrize("name", sorted({*DISCRIMINATORS} - {"autoencoder", "patch"}))
def test_every_discriminator_can_be_taken_apart_at_its_head(name):
    config = load_config(
        "demo-15", **{"discriminator.architecture": name, "discriminator.features": 4}
    )
    whole = build_discriminator(config, ImageShape(16, 1))
    head, images = whole.head, torch.randn(3, 1, 16, 16)
    logits = whole(images)
    features = Headless(whole)
    assert features(images).shape == (3, features.width)
    torch.testing.assert_close(head(features(images)), logits)


def test_a_spectral_norm_bounds_every_layer_and_leaves_with_its_weights(tiny):
    config, shape = (
        tiny(**{"discriminator.spectral": True, "generator.spectral": True}),
        ImageShape(12, 1, 4),
    )
    for network in (build_discriminator(config, shape), build_generator(config, shape)):
        for _ in range(20):
            network.train()
            _ = [module.weight for module in network.modules() if hasattr(module, "weight")]
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                assert torch.linalg.matrix_norm(module.weight.flatten(1), 2) < 1.1
    released = build_generator(config, shape, for_sampling=True)
    assert not any("parametrizations" in name for name in released.state_dict())
    fill(released, released.state_dict(), "here")


def test_a_spectral_generator_goes_on_after_it_was_saved(tiny, data, tmp_path):
    trainer = Trainer(tiny(**{"generator.spectral": True}), *data, 4, device=torch.device("cpu"))
    for _ in range(2):
        trainer.save_generator(tmp_path / "generator.safetensors")
        trainer.advance(images=4)
    assert load_generator(tmp_path / "generator.safetensors").images_seen == 4


def test_the_average_of_a_spectral_generator_is_bounded_like_the_generator(tiny):
    network = build_generator(tiny(**{"generator.spectral": True}), ImageShape(12, 1)).train()
    ema = Ema({"generator": network}, 0.99)
    for step in range(100):
        for weight in network.parameters():
            weight.data.mul_(0.9).add_(torch.randn_like(weight))
        network(torch.randn(2, 8))
        ema.update(step)
    average = released(ema.averages["generator"])
    assert torch.linalg.matrix_norm(average.project.weight.detach(), 2) < 1.6
