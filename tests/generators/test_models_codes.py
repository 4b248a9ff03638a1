"""The models that know the code of an image: VAE and BiGAN."""

import numpy as np
import pytest
import torch

from generators.models.gan import Pictures
from generators.sampling import encode, load_generator, render
from generators.training import Trainer

CPU = torch.device("cpu")
VAE = {"model": "vae", "loss": "least-squares", "penalty.name": "none"}
BIGAN = {"model": "bigan"}


def trained(config, data, **advance):
    trainer = Trainer(config, *data, 4, device=CPU)
    seen = []
    trainer.advance(on_progress=lambda progress: seen.append(progress.values), **advance)
    return trainer, seen


def saved(trainer, tmp_path):
    trainer.save_generator(tmp_path / "g")
    return load_generator(tmp_path / "g", device=CPU)


def drawn_again(generator, data):
    images, labels = data
    codes = torch.from_numpy(encode(generator, images))
    return render(
        generator.network, codes, torch.from_numpy(labels) if generator.has_classes else None
    )


def error(generator, data):
    return np.abs(drawn_again(generator, data).astype(float) - data[0]).mean()


class TestVae:
    def test_the_loss_is_reconstruction_and_divergence(self, tiny, data):
        _, (values,) = trained(tiny(**VAE), data, images=4)
        assert values["g_loss"] == pytest.approx(values["reconstruction"] + values["divergence"])
        assert "d_loss" not in values

    def test_the_divergence_is_0_while_the_encoder_says_nothing(self, tiny, data):
        trainer = Trainer(tiny(**VAE), *data, 4, device=CPU)
        with torch.no_grad():
            trainer.model.encoder.code.weight.zero_()
        values = []
        trainer.advance(images=4, on_progress=values.append)
        assert values[0].values["divergence"] == 0

    def test_it_learns_to_draw_what_it_reads(self, tiny, data, tmp_path):
        longer = {"images": 1_600, "batch": 16, "ema": 0.0, "generator.features": 8}
        trainer, seen = trained(tiny(**VAE, **longer, conditional=False), data)
        assert seen[-1]["reconstruction"] < seen[0]["reconstruction"] / 2
        assert error(saved(trainer, tmp_path), data) < 45

    def test_its_codes_are_the_means(self, tiny, data, tmp_path):
        trainer, _ = trained(tiny(**VAE, ema=0.0), data)
        generator = saved(trainer, tmp_path)
        real = trainer.data.take(torch.arange(40))
        with torch.no_grad():
            means = trainer.model.encoder.eval()(real)[:, :8].numpy()
        assert encode(generator, data[0]) == pytest.approx(means, abs=1e-5)


class TestBiGan:
    def test_the_discriminator_judges_an_image_with_its_code(self, tiny, data):
        model = Trainer(tiny(**BIGAN, conditional=False), *data, 4, device=CPU).model
        images, codes = torch.randn(3, 1, 12, 12), 9 * torch.randn(3, 8)
        logits = model.judge(Pictures(images, None, codes))
        assert not torch.equal(logits, model.judge(Pictures(images, None, -codes)))
        assert not torch.equal(logits, model.judge(Pictures(-images, None, codes)))

    def test_the_encoder_learns_against_the_discriminator(self, tiny, data):
        trainer = Trainer(tiny(**BIGAN), *data, 4, device=CPU)
        before = trainer.model.encoder.code.weight.clone()
        trainer.advance(images=4)
        assert not torch.equal(before, trainer.model.encoder.code.weight)

    def test_generator_and_encoder_want_the_opposite_of_the_discriminator(self, tiny, data):
        model = Trainer(tiny(**BIGAN), *data, 4, device=CPU).model
        model.judge = lambda _: torch.tensor([2.0])  # of real images with their codes
        loss = model.generator_loss(None, torch.tensor([-1.0]))
        by_hand = np.log1p(np.exp(1)) + np.log1p(np.exp(2))
        assert loss.item() == pytest.approx(by_hand)

    @pytest.mark.parametrize(
        "overrides",
        [
            {"conditional": False},
            {"loss": "hinge", "discriminator.spectral": True, "penalty.name": "none"},
            {
                "discriminator.minibatch_kernels": 3,
                "penalty.name": "none",
                "discriminator.steps": 2,
            },
            {"precision": "bf16"},
        ],
    )
    def test_it_goes_with_the_parts_of_a_gan(self, tiny, data, tmp_path, overrides):
        trainer, seen = trained(tiny(**BIGAN, **overrides), data)
        assert seen[-1]["g_gradient"] > 0
        assert encode(saved(trainer, tmp_path), data[0]).shape == (40, 8)

    def test_it_learns_codes_from_which_images_can_be_drawn_again(self, tiny, tmp_path):
        grey = np.broadcast_to(np.arange(0, 256, 4, np.uint8)[:, None, None, None], (64, 8, 8, 1))
        rates = {"generator.learning_rate": 5e-3, "discriminator.learning_rate": 5e-3}
        settings = {"conditional": False, "z_dim": 1, "batch": 16, "images": 16 * 150, "ema": 0.0}
        config = tiny(**BIGAN, **rates, **settings, precision="float32")
        trainer = Trainer(config, grey.copy(), None, device=CPU)
        before = error(saved(trainer, tmp_path), (grey, None))
        trainer.advance()
        after = saved(trainer, tmp_path)
        assert error(after, (grey, None)) < 0.85 * before
        assert 0.5 < encode(after, grey.copy()).std() < 2  # as the noise, which has 1


def test_codes_are_refused_where_there_are_none(make_generator, data):
    with pytest.raises(
        ValueError, match="'Demo GAN, 15 seconds' has no encoder: train a model 'vae'"
    ):
        encode(load_generator(make_generator()), data[0])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x.astype(float), r"must be uint8 \(N, 12, 12, 1\), got float64"),
        (lambda x: x[:, :8], r"got uint8 \(40, 8, 12, 1\)"),
    ],
)
def test_images_of_another_kind_are_not_encoded(make_generator, data, spoil, message):
    with pytest.raises(ValueError, match=message):
        encode(load_generator(make_generator(**VAE)), spoil(data[0]))


def test_no_images_have_no_codes(make_generator, data):
    assert encode(load_generator(make_generator(**VAE)), data[0][:0]).shape == (0, 8)


def test_codes_do_not_depend_on_how_many_are_asked_for(make_generator, make_data):
    generator, (images, _) = load_generator(make_generator(**VAE)), make_data(100)
    assert encode(generator, images)[70:71] == pytest.approx(
        encode(generator, images[70:71]), abs=1e-5
    )
