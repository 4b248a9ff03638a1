"""What the networks are made of: norms, conditions, heads, and the first weights."""

from collections.abc import Callable
from dataclasses import dataclass
from math import gcd

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)
REFERENCE_ROWS = 32
KERNEL_DIMENSIONS = 5


class VirtualNorm(nn.Module):
    """Each image normalised by the statistics of a fixed reference batch and of itself.

    Virtual batch normalisation (Salimans et al. 2016, section 3.5): mean and variance of a channel
    are taken over batch and space, the image counting as one more in the batch, so that no image
    depends on the others beside it. In training the first REFERENCE_ROWS of a batch are the
    reference (see `Reference`), whose statistics are kept for evaluation, where all rows are images.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, features: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("variance", torch.ones(features))

    def forward(self, maps: Tensor) -> Tensor:
        values = maps.float()
        own_mean = values.mean((2, 3))
        own_variance = values.var((2, 3), correction=0)
        if self.training:
            mean, variance = self._of_reference(own_mean, own_variance)
            share = _share_of_images(maps)
        else:
            mean, variance = self.mean, self.variance
            share = torch.full_like(own_mean[:, :1], 1 / (REFERENCE_ROWS + 1))
        joint_mean = torch.lerp(mean.expand_as(own_mean), own_mean, share)
        joint_variance = torch.lerp(
            variance + (mean - joint_mean).square(),
            own_variance + (own_mean - joint_mean).square(),
            share,
        )
        scale = self.weight * torch.rsqrt(joint_variance + self.epsilon)
        shift = self.bias - joint_mean * scale
        return (values * scale[..., None, None] + shift[..., None, None]).to(maps.dtype)

    def _of_reference(self, means: Tensor, variances: Tensor) -> tuple[Tensor, Tensor]:
        means, variances = means[:REFERENCE_ROWS], variances[:REFERENCE_ROWS]
        mean = means.mean(0)
        variance = (variances + (means - mean).square()).mean(0)
        self.mean.copy_(mean.detach())
        self.variance.copy_(variance.detach())
        return mean, variance


def _share_of_images(maps: Tensor) -> Tensor:
    """(N, 1): how much each row's own statistics count; not at all in the reference."""
    rows = torch.arange(len(maps), device=maps.device)
    return (rows >= REFERENCE_ROWS).float()[:, None] / (REFERENCE_ROWS + 1)


@dataclass(frozen=True)
class Reference:
    """A fixed batch (REFERENCE_ROWS, …), and its labels, for a network's virtual norms in training."""

    inputs: Tensor
    labels: Tensor | None

    def beside(self, network: nn.Module, inputs: Tensor, labels: Tensor | None) -> Tensor:
        """What the network, in training, makes of inputs (N, …) with the reference before them."""
        if labels is not None and self.labels is not None:
            labels = torch.cat([self.labels, labels])
        outputs: Tensor = network(torch.cat([self.inputs, inputs]), labels)
        return outputs[len(self.inputs) :]


NORMALISATIONS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "layer": lambda features: nn.GroupNorm(1, features),
    "group": lambda features: nn.GroupNorm(gcd(features, 8), features),
    "instance": lambda features: nn.InstanceNorm2d(features, affine=True),
    "virtual": VirtualNorm,
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
    """Puts the divided weights in place of the parametrization, for sampling and export.

    By hand: torch's `remove_parametrizations` takes the weight from the module's class, which copies
    of the module share, so that the network that is still trained would lose its own.
    """
    for module in list(network.modules()):
        if isinstance(module, WEIGHTED) and is_parametrized(module):
            weight = nn.Parameter(module.weight.detach())
            del module.parametrizations
            module.__class__ = type(module).__bases__[0]
            module.weight = weight


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


class Closeness(nn.Module):
    """Minibatch discrimination: how close each row is to the rows of its batch, by B learnt kernels.

    o_b(x_i) = E_j exp(−‖M_ib − M_jb‖₁) with M_i = f(x_i) T, Salimans et al. 2016, section 3.2; the
    mean over the batch, where they take the sum, so that its size does not matter. Features (N, A)
    become (N, B), in (0, 1].
    """

    def __init__(self, features: int, kernels: int) -> None:
        super().__init__()
        self.kernels = nn.Linear(features, kernels * KERNEL_DIMENSIONS, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        places = self.kernels(features).unflatten(1, (-1, KERNEL_DIMENSIONS))
        distances = (places[:, None] - places[None]).abs().sum(3)
        return torch.exp(-distances).mean(1)


class ProjectionHead(nn.Module):
    """A linear logit plus, with classes, the inner product of features and class (Miyato 2018).

    With `code_size` > 0 it judges features together with a code (N, code_size), through one hidden
    layer, as BiGAN's discriminator does. `kernels` is the number of kernels of minibatch
    discrimination, whose outcome is appended to the features.
    """

    def __init__(
        self, features: int, class_count: int, code_size: int = 0, kernels: int = 0
    ) -> None:
        super().__init__()
        self.features = features
        self.joint = (
            nn.Sequential(nn.Linear(features + code_size, 256), nn.LeakyReLU(0.2))
            if code_size
            else None
        )
        width = 256 if code_size else features
        self.closeness = Closeness(width, kernels) if kernels else None
        self.logit = nn.Linear(width + kernels, 1)
        self.classes = nn.Embedding(class_count, width + kernels) if class_count else None

    def forward(
        self, features: Tensor, label: Tensor | None = None, code: Tensor | None = None
    ) -> Tensor:
        if self.joint is not None and code is not None:
            features = self.joint(torch.cat([features, code.to(features.dtype)], dim=1))
        if self.closeness is not None:
            features = torch.cat([features, self.closeness(features)], dim=1)
        logit: Tensor = self.logit(features).squeeze(1)
        if self.classes is None:
            return logit
        projection: Tensor = (features * self.classes(label)).sum(1)
        return logit + projection


class Headless(nn.Module):
    """A discriminator up to its features (N, width): images are its only input.

    Takes the discriminator, which must end with its `head`, apart.
    """

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.width = int(discriminator.head.features)  # type: ignore[union-attr, arg-type]
        discriminator.head = _Passing()
        self.network = discriminator

    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = self.network(image)
        return features


class _Passing(nn.Module):
    """In the place of a head: the features as they are."""

    def forward(self, features: Tensor, label: Tensor | None = None) -> Tensor:
        return features
