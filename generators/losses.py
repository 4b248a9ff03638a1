"""What generator and discriminator minimise, each a function that reads like its equation.

Logits are `D(x)` before the sigmoid σ, float tensors of shape (N,); every loss is a scalar tensor. A
discriminator's loss comes in two parts, on real and on fake images, whose sum it minimises.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

Parts = tuple[Tensor, Tensor]


def cross_entropy(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Parts:
    """−E log σ(D(x)) and −E log(1 − σ(D(G(z)))), Goodfellow et al. 2014, equation 1.

    With one-sided label smoothing s (Salimans et al. 2016, section 3.4) real images are to be called
    real with probability 1 − s: −E [(1 − s) log σ(D(x)) + s log(1 − σ(D(x)))].

    >>> sum(cross_entropy(torch.zeros(4), torch.zeros(4)))  # 2 log 2
    tensor(1.3863)
    """
    on_real = softplus(-real).mean()
    if smoothing:
        on_real = (1 - smoothing) * on_real + smoothing * softplus(real).mean()
    return on_real, softplus(fake).mean()


def minimax_generator(real: Tensor | None, fake: Tensor) -> Tensor:
    """E log(1 − σ(D(G(z)))), Goodfellow et al. 2014, equation 1: its gradient vanishes as D wins.

    >>> minimax_generator(None, torch.zeros(4))  # −log 2
    tensor(-0.6931)
    """
    return -softplus(fake).mean()


def non_saturating_generator(real: Tensor | None, fake: Tensor) -> Tensor:
    """−E log σ(D(G(z))), Goodfellow et al. 2014, section 3: its gradient is largest as D wins.

    >>> non_saturating_generator(None, torch.zeros(4))  # log 2
    tensor(0.6931)
    """
    return softplus(-fake).mean()


def least_squares(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Parts:
    """½ E (D(x) − 1)² and ½ E D(G(z))², Mao et al. 2017, equation 9; the 1 is 1 − s if smoothed.

    >>> least_squares(torch.tensor([3.0]), torch.tensor([1.0]))
    (tensor(2.), tensor(0.5000))
    """
    return 0.5 * (real - (1 - smoothing)).square().mean(), 0.5 * fake.square().mean()


def least_squares_generator(real: Tensor | None, fake: Tensor) -> Tensor:
    """½ E (D(G(z)) − 1)², Mao et al. 2017, equation 9.

    >>> least_squares_generator(None, torch.tensor([3.0]))
    tensor(2.)
    """
    return 0.5 * (fake - 1).square().mean()


def wasserstein(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Parts:
    """−E D(x) and E D(G(z)), Arjovsky, Chintala, Bottou 2017, algorithm 1.

    >>> wasserstein(torch.tensor([3.0]), torch.tensor([1.0]))
    (tensor(-3.), tensor(1.))
    """
    return -real.mean(), fake.mean()


def wasserstein_generator(real: Tensor | None, fake: Tensor) -> Tensor:
    """−E D(G(z)), Arjovsky, Chintala, Bottou 2017, algorithm 1; the hinge's generator too.

    >>> wasserstein_generator(None, torch.tensor([3.0]))
    tensor(-3.)
    """
    return -fake.mean()


def hinge(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Parts:
    """E max(0, 1 − D(x)) and E max(0, 1 + D(G(z))), Lim and Ye 2017; Miyato et al. 2018, equation 17.

    >>> hinge(torch.tensor([0.5, 2.0]), torch.tensor([0.5, -2.0]))
    (tensor(0.2500), tensor(0.7500))
    """
    return relu(1 - real).mean(), relu(1 + fake).mean()


def relativistic(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Parts:
    """−E log σ(D(x) − E D(G(z))) and −E log(1 − σ(D(G(z)) − E D(x))).

    The relativistic average loss, Jolicoeur-Martineau 2018, equations 9 and 10.

    >>> sum(relativistic(torch.ones(2), torch.ones(2)))  # 2 log 2: neither is the more real
    tensor(1.3863)
    """
    return softplus(fake.mean() - real).mean(), softplus(fake - real.mean()).mean()


def relativistic_generator(real: Tensor | None, fake: Tensor) -> Tensor:
    """The discriminator's loss with real and fake exchanged, Jolicoeur-Martineau 2018, equation 11.

    >>> relativistic_generator(torch.ones(2), torch.ones(2))
    tensor(1.3863)
    """
    assert real is not None  # noqa: S101  # `sees_real` promises it
    return sum(relativistic(fake, real), torch.zeros_like(fake[0]))


def began(real: Tensor, fake: Tensor, balance: Tensor) -> Parts:
    """E L(x) and −k E L(G(z)), Berthelot, Schumm, Metz 2017, section 3.4.

    L is the error of an autoencoder's reconstruction (N,), `balance` is k in [0, 1].

    >>> began(torch.tensor([3.0]), torch.tensor([1.0]), torch.tensor(0.5))
    (tensor(3.), tensor(-0.5000))
    """
    return real.mean(), -balance * fake.mean()


def began_generator(real: Tensor | None, fake: Tensor) -> Tensor:
    """E L(G(z)), Berthelot, Schumm, Metz 2017, section 3.4.

    >>> began_generator(None, torch.tensor([1.0, 2.0]))
    tensor(1.5000)
    """
    return fake.mean()


def began_balance(
    balance: Tensor, real: Tensor, fake: Tensor, diversity: float, rate: float = 0.001
) -> Tensor:
    """k + λ (γ E L(x) − E L(G(z))) within [0, 1], Berthelot, Schumm, Metz 2017, section 3.4.

    `real` and `fake` are the mean errors, `diversity` is γ and `rate` λ, in the paper 0.001.

    >>> began_balance(torch.tensor(0.5), torch.tensor(8.0), torch.tensor(2.0), 0.5)
    tensor(0.5020)
    """
    return (balance + rate * (diversity * real - fake)).clamp(0, 1)


def began_convergence(real: Tensor, fake: Tensor, diversity: float) -> Tensor:
    """E L(x) + |γ E L(x) − E L(G(z))|, Berthelot, Schumm, Metz 2017, section 3.4.1.

    >>> began_convergence(torch.tensor(8.0), torch.tensor(2.0), 0.5)
    tensor(10.)
    """
    return real + (diversity * real - fake).abs()


def reconstruction(images: Tensor, again: Tensor) -> Tensor:
    """‖x − x̂‖² of images (N, …) and what is drawn for their codes: (N,).

    It is −log p(x | z) but for a constant where p is normal around x̂ with a variance of ½ (Kingma,
    Welling 2014, appendix C.2).

    >>> reconstruction(torch.tensor([[1.0, -1.0]]), torch.tensor([[0.0, 1.0]]))
    tensor([5.])
    """
    return (images - again).square().flatten(1).sum(1)


def code_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) of codes (N, z), summed over z: (N,); Kingma, Welling 2014, appendix B.

    >>> code_divergence(torch.tensor([[2.0, 0.0]]), torch.zeros(1, 2))
    tensor([2.])
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)


@dataclass(frozen=True)
class AdversarialLoss:
    """Both players' losses; `sees_real` says that the generator's needs D on real images too.

    Above `middle` D calls an image real: half way between what real and fake images are to get. It is
    None where only differences of D mean something.
    """

    discriminator: Callable[[Tensor, Tensor, float], Parts]
    generator: Callable[[Tensor | None, Tensor], Tensor]
    sees_real: bool = False
    middle: float | None = 0.0

    def called_real(self, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
        """The shares of either kind that D calls real, or more real than the other's average.

        Both are 0 where D says neither yes nor no.
        """
        if self.middle is None:
            none = torch.zeros_like(on_real.mean())
            return {"d_real": none, "d_fake": none}
        real = on_real > (on_fake.mean() if self.sees_real else self.middle)
        fake = on_fake > (on_real.mean() if self.sees_real else self.middle)
        return {"d_real": real.float().mean(), "d_fake": fake.float().mean()}


LOSSES = {
    "minimax": AdversarialLoss(cross_entropy, minimax_generator),
    "non-saturating": AdversarialLoss(cross_entropy, non_saturating_generator),
    "least-squares": AdversarialLoss(least_squares, least_squares_generator, middle=0.5),
    "wasserstein": AdversarialLoss(wasserstein, wasserstein_generator, middle=None),
    "hinge": AdversarialLoss(hinge, wasserstein_generator),
    "relativistic": AdversarialLoss(relativistic, relativistic_generator, sees_real=True),
}
