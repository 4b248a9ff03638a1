"""What the networks are made of: norms, conditions, heads, and the first weights."""

from collections.abc import Callable
from math import gcd

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations

WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)
NORMALISATIONS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "layer": lambda features: nn.GroupNorm(1, features),
    "group": lambda features: nn.GroupNorm(gcd(features, 8), features),
    "instance": lambda features: nn.InstanceNorm2d(features, affine=True),
    "none": lambda _: nn.Identity(),
}


def initialise(module: nn.Module) -> None:
    """Weights from N(0, 0.02) cut at two deviations, biases 0; norms keep their 1 and 0."""
    if isinstance(module, WEIGHTED):
        nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04)
        if isinstance(bias := getattr(module, "bias", None), Tensor):
            nn.init.zeros_(bias)


def bound_spectrally(network: nn.Module) -> None:
    """Divides every weight matrix by its largest singular value (Miyato et al. 2018)."""
    for module in list(network.modules()):
        if isinstance(module, WEIGHTED):
            spectral_norm(module)


def release_spectrally(network: nn.Module) -> None:
    """Puts the divided weights in place of the parametrization, for sampling and export."""
    for module in list(network.modules()):
        if isinstance(module, WEIGHTED) and is_parametrized(module):
            remove_parametrizations(module, "weight")


def as_condition(label: Tensor, class_count: int) -> Tensor:
    """Class numbers int64 (N,) as one-hot rows; rows float (N, class_count), such as mixtures, as they are."""
    return label if label.is_floating_point() else one_hot(label, class_count).float()


class Conditioned(nn.Module):
    """Appends the condition, if the network has classes, to the noise."""

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.class_count = class_count

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        if label is None:
            return z
        return torch.cat([z, as_condition(label, self.class_count).to(z.dtype)], dim=1)


class ProjectionHead(nn.Module):
    """A linear logit plus, with classes, the inner product of features and class (Miyato 2018).

    With `code_size` > 0 it judges features together with a code (N, code_size), through one hidden
    layer, as BiGAN's discriminator does.
    """

    def __init__(self, features: int, class_count: int, code_size: int = 0) -> None:
        super().__init__()
        self.joint = (
            nn.Sequential(nn.Linear(features + code_size, 256), nn.LeakyReLU(0.2))
            if code_size
            else None
        )
        width = 256 if code_size else features
        self.logit = nn.Linear(width, 1)
        self.classes = nn.Embedding(class_count, width) if class_count else None

    def forward(
        self, features: Tensor, label: Tensor | None = None, code: Tensor | None = None
    ) -> Tensor:
        if self.joint is not None and code is not None:
            features = self.joint(torch.cat([features, code], dim=1))
        logit: Tensor = self.logit(features).squeeze(1)
        if self.classes is None:
            return logit
        projection: Tensor = (features * self.classes(label)).sum(1)
        return logit + projection
