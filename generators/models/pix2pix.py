"""An image drawn from its own edges, or from a small copy of it, as it really was."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from generators.feed import Feed, RealImages
from generators.models.gan import Gan, Pictures
from generators.optimisers import Optimisers
from generators.pairs import as_picture, inputs_of

SHOWN, IN_A_ROW = 20, 10


class Pix2pix(Gan):
    """A GAN whose condition is an input image, in the place of a class (Isola et al. 2017).

    The generator minimises its adversarial loss plus λ ‖x − G(input)‖₁, equation 4, where λ is
    `translation.reconstruction`. Nothing but the order of the images is random: there is no dropout.
    """

    watched = (*Gan.watched, "reconstruction")

    def real(self, feed: Feed) -> Pictures:
        """Real images, and what the generator is given of them."""
        images, _ = feed.real()
        return Pictures(images, inputs_of(self.config.translation, images))

    def fake(self, feed: Feed, labels: Tensor | None) -> Pictures:
        """What the generator makes of the inputs."""
        with self.autocast():
            images: Tensor = self.generator(labels)
        return Pictures(images.float(), labels)

    def train_generator(
        self, real: Pictures, fake: Pictures, feed: Feed, optimisers: Optimisers, share: float
    ) -> dict[str, Tensor]:
        """One step on the fakes that the discriminator has just seen."""
        adversarial = self.generator_loss(real, self.judge(fake))
        costs = self.costs(real.images, fake.images)
        weighted = (getattr(self.config.translation, name) * cost for name, cost in costs.items())
        norm = optimisers.descend("generator", sum(weighted, adversarial))
        seen = {name: cost.detach() for name, cost in costs.items()}
        return {"g_loss": adversarial.detach(), "g_gradient": norm, **seen}

    def costs(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """How far fakes are from the images that they should be; each cost has its weight's name."""
        return {"reconstruction": l1_loss(fake, real)}

    def show(self, averages: Mapping[str, nn.Module], data: RealImages) -> tuple[Tensor, int]:
        """Rows of inputs, of the averaged generator's images, and of the real ones."""
        real = data.take(spread_over(np.arange(len(data)), SHOWN, data))
        inputs = inputs_of(self.config.translation, real)
        return in_rows(as_picture(inputs, real), averages["generator"](inputs), real), IN_A_ROW


def spread_over(rows: NDArray[np.int64], count: int, data: RealImages) -> Tensor:
    """`count` of these rows of the data from first to last, evenly; again if there are fewer."""
    places = np.linspace(0, len(rows) - 1, count).astype(np.int64)
    return torch.from_numpy(rows[places]).to(data.images.device)


def in_rows(*kinds: Tensor) -> Tensor:
    """Kinds of pictures, each (N, C, H, W), so that in rows of ten each stands above its next kind."""
    size = kinds[0].shape[1:]
    return torch.stack(kinds).reshape(len(kinds), -1, IN_A_ROW, *size).transpose(0, 1).flatten(0, 2)
