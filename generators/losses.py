"""What generator and discriminator minimise, each a function that reads like its equation.

Logits are `D(x)` before the sigmoid σ, float tensors of shape (N,); every loss is a scalar tensor.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

GeneratorLoss = Callable[[Tensor], Tensor]


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """−E log σ(D(x)) − E log(1 − σ(D(G(z)))), Goodfellow et al. 2014, equation 1.

    >>> discriminator_loss(torch.zeros(4), torch.zeros(4))  # 2 log 2
    tensor(1.3863)
    """
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def minimax_generator_loss(fake_logits: Tensor) -> Tensor:
    """E log(1 − σ(D(G(z)))), Goodfellow et al. 2014, equation 1: its gradient vanishes as D wins.

    >>> minimax_generator_loss(torch.zeros(4))  # −log 2
    tensor(-0.6931)
    """
    return -softplus(fake_logits).mean()


def non_saturating_generator_loss(fake_logits: Tensor) -> Tensor:
    """−E log σ(D(G(z))), Goodfellow et al. 2014, section 3: its gradient is largest as D wins.

    >>> non_saturating_generator_loss(torch.zeros(4))  # log 2
    tensor(0.6931)
    """
    return softplus(-fake_logits).mean()


def r1_penalty(real: Tensor, real_logits: Tensor) -> Tensor:
    """½ E ‖∇ₓ D(x)‖² over real images x, Mescheder, Geiger, Nowozin 2018, equation 9.

    `real` (N, ...) must require a gradient and `real_logits` (N,) be computed from it.

    >>> x = torch.ones(2, 3, requires_grad=True)
    >>> float(r1_penalty(x, 2 * x.sum(1)))  # ½ · 3 · 2²
    6.0
    """
    (gradient,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
    return 0.5 * gradient.float().square().flatten(1).sum(1).mean()


GENERATOR_LOSSES: dict[str, GeneratorLoss] = {
    "minimax": minimax_generator_loss,
    "non-saturating": non_saturating_generator_loss,
}
PENALTIES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"r1": r1_penalty}
