import pytest
import torch

from generators.config import load_config
from generators.losses import LOSSES
from generators.models import create_model, kept
from generators.models.gan import Pictures
from generators.networks import ImageShape
from generators.training import Trainer

CPU = torch.device("cpu")
BEGAN = {"loss": "began", "discriminator.architecture": "autoencoder", "conditional": False}
FREE = {"penalty.name": "none"}


@pytest.fixture
def run(tiny, data):
    """Makes a run of the demo recipe, cut down, with any override."""

    def make(**overrides):
        return Trainer(tiny(**overrides), *data, 4, device=CPU)

    return make


def values_of(trainer, **advance):
    seen = []
    trainer.advance(on_progress=lambda progress: seen.append(progress.values), **advance)
    return seen


@pytest.mark.parametrize(
    "overrides",
    [
        {"loss": "minimax"},
        {"loss": "least-squares"},
        {"loss": "hinge", "discriminator.spectral": True},
        {"loss": "wasserstein", "penalty.name": "gradient-penalty"},
        {"penalty.name": "dragan"},
        {"loss": "relativistic"},
        {"generator.normalisation": "virtual", "discriminator.normalisation": "virtual"},
        {"generator.normalisation": "group", "discriminator.normalisation": "instance"},
        {**FREE, "discriminator.minibatch_kernels": 3, "discriminator.normalisation": "batch"},
        {**FREE, **BEGAN},
    ],
    ids=lambda overrides: "-".join(str(value) for value in overrides.values()),
)
def test_a_gan_of_any_parts_moves_both_players_in_bf16(run, overrides):
    trainer = run(precision="bf16", **overrides)
    before = [value.clone() for value in trainer.model.parameters()]
    (values,) = values_of(trainer, images=4)
    assert all(
        not torch.equal(old, new)
        for old, new in zip(before, trainer.model.parameters(), strict=True)
        if new.grad is not None and new.grad.abs().max() > 1e-6
    )
    assert min(values["d_gradient"], values["g_gradient"]) > 0


def test_only_what_a_generator_draws_is_kept_in_its_file():
    config, shape = load_config("bigan"), ImageShape(28, 1)
    assert set(kept(config, shape)) == {"generator", "encoder"}
    assert set(kept(load_config("demo-15"), shape)) == {"generator"}


def test_a_sure_discriminator_calls_real_images_real_and_fakes_fake(run):
    trainer = run(**FREE)
    with torch.no_grad():
        trainer.model.discriminator.head.logit.bias.fill_(9.0)
    (values,) = values_of(trainer, images=4)
    assert values["d_real"] == values["d_fake"] == 1


@pytest.mark.parametrize(
    "bound", [{"penalty.name": "gradient-penalty"}, {"discriminator.clip": 0.01}]
)
def test_a_critic_is_not_said_to_call_images_real(run, bound):
    trainer = run(**{**FREE, "loss": "wasserstein", **bound})
    (values,) = values_of(trainer, images=4)
    assert values.keys() >= {"d_loss", "g_loss", "d_gradient", "g_gradient"}
    assert not {"d_real", "d_fake"} & values.keys()


def test_a_relativistic_generator_is_shown_real_images_too(run, monkeypatch):
    judged = []
    trainer = run(loss="relativistic")
    judge = trainer.model.judge
    monkeypatch.setattr(trainer.model, "judge", lambda p: judged.append(p) or judge(p))
    trainer.advance(images=4)
    assert len(judged) == 4  # real, fake; real, fake
    assert torch.equal(judged[0].images, judged[3].images)


class TestBegan:
    def test_the_logit_is_the_error_of_the_reconstruction(self, run):
        discriminator, images = run(**FREE, **BEGAN).model.discriminator, torch.randn(3, 1, 12, 12)
        again = discriminator.reconstruct(images)
        assert again.shape == images.shape
        by_hand = [(image - copy).abs().mean() for image, copy in zip(images, again, strict=True)]
        torch.testing.assert_close(discriminator(images), torch.stack(by_hand))

    def test_the_balance_starts_at_0_follows_its_equation_and_survives_a_resume(
        self, run, data, tmp_path
    ):
        trainer = run(**FREE, **BEGAN)
        first, second = values_of(trainer, images=8)
        assert 0 < first["balance"] < second["balance"] < 0.01
        # At the first step k is 0: the discriminator's loss is the error on real images.
        rise = 0.001 * (0.5 * first["d_loss"] - first["g_loss"])
        assert first["balance"] == pytest.approx(rise, rel=1e-4)
        distance = abs(0.5 * first["d_loss"] - first["g_loss"])
        assert first["convergence"] == pytest.approx(first["d_loss"] + distance, rel=1e-5)
        trainer.save(tmp_path / "run")
        resumed = Trainer.resume(tmp_path / "run", *data, device=CPU)
        assert resumed.model.balance.item() == pytest.approx(second["balance"])

    def test_the_autoencoder_learns_to_draw_real_images(self, run, data):
        settings = {"images": 50 * 8, "batch": 8, "generator.features": 2}
        trainer = run(**FREE, **BEGAN, **settings)
        real = trainer.data.take(torch.arange(40))
        before = trainer.model.discriminator(real).mean()
        trainer.advance()
        assert trainer.model.discriminator(real).mean() < 0.7 * before


def test_a_relativistic_discriminator_calls_real_what_is_more_real_than_the_other_kind(run):
    on_real, on_fake = torch.tensor([9.0, 7.0, 1.0, 8.0]), torch.tensor([4.0, 8.0])
    relative = run(loss="relativistic").model.called_real(on_real, on_fake)  # means 6.25 and 6
    assert {name: share.item() for name, share in relative.items()} == {
        "d_real": 0.75,
        "d_fake": 0.5,
    }
    plain = run().model.called_real(on_real - 5, on_fake)
    assert {name: share.item() for name, share in plain.items()} == {"d_real": 0.75, "d_fake": 1}


def test_under_least_squares_an_image_is_called_real_above_a_half(run):
    model = run(loss="least-squares", **FREE).model
    called = model.called_real(torch.tensor([0.9, 0.4]), torch.tensor([0.1, 0.2, 0.3, 0.7]))
    assert {name: share.item() for name, share in called.items()} == {"d_real": 0.5, "d_fake": 0.25}


class TestPictures:
    def test_detached_they_are_cut_from_their_networks(self):
        leaf = torch.ones(2, 3, requires_grad=True)
        detached = Pictures(leaf * 2, torch.arange(2), leaf * 3).detached()
        assert not detached.images.requires_grad
        assert not detached.code.requires_grad
        assert detached.labels.tolist() == [0, 1]


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_generator_learns_what_any_loss_calls_real(name):
    """Against a fixed judge of brightness the generator's images become bright."""
    from generators.models.gan import Gan

    class Bright(Gan):
        def judge(self, pictures):
            return 4 * pictures.images.mean((1, 2, 3))

    overrides = {"generator.features": 4, "discriminator.features": 4, "z_dim": 4, "batch": 8}
    config = load_config("hinge-sn", **overrides)
    config = type(config).from_dict({**config.as_dict(), "loss": name})
    torch.manual_seed(0)
    model = Bright(config, ImageShape(8, 1))
    adam = torch.optim.Adam(model.generator.parameters(), 0.01)
    before = model.generator(torch.zeros(8, 4)).mean().item()
    for _ in range(15):
        fake = Pictures(model.generator(torch.randn(8, 4)), None)
        adam.zero_grad()
        model.generator_loss(Pictures(-torch.ones(8, 1, 8, 8), None), model.judge(fake)).backward()
        adam.step()
    assert model.generator(torch.randn(8, 4)).mean().item() > before + 0.2


def test_models_are_made_by_the_name_and_began_by_its_loss():
    made = {
        name: type(create_model(load_config(name), ImageShape(12, 1))).__name__
        for name in ("non-saturating", "began", "vae", "bigan")
    }
    assert list(made.values()) == ["Gan", "Began", "Vae", "BiGan"]
