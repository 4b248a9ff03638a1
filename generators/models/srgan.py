"""A small image enlarged: its details are drawn so that they cannot be told from real ones."""

from typing import cast

from torch import Tensor
from torch.nn.functional import l1_loss

from generators.models.pix2pix import Pix2pix
from generators.networks.patch import PatchDiscriminator


class SrGan(Pix2pix):
    """Ledig et al. 2017, equations 2 and 3, with costs of our own in two places.

    The content cost is ‖x − G(small x)‖₁, weighed by `translation.reconstruction`. The perceptual
    cost, weighed by `translation.perceptual`, is not taken in the features of a VGG network but in
    the discriminator's own (feature matching, Larsen et al. 2016), so that nothing must be loaded.
    The discriminator sees the large images alone.
    """

    watched = (*Pix2pix.watched, "perceptual")

    def costs(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        return {**super().costs(real, fake), "perceptual": self._apart_in_features(real, fake)}

    def _apart_in_features(self, real: Tensor, fake: Tensor) -> Tensor:
        """The mean distance of the discriminator's maps, over its blocks."""
        discriminator = cast(PatchDiscriminator, self.discriminator)
        with self.autocast():
            pairs = zip(discriminator.features(fake), discriminator.features(real), strict=True)
        apart = [l1_loss(ours.float(), theirs.detach().float()) for ours, theirs in pairs]
        return sum(apart[1:], apart[0]) / len(apart)
