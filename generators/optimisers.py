"""Adam for each team of networks: rates that decay, moments that can be saved, gradients that are watched."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim import adam as functional

from generators.config import Config
from generators.distributed import average
from generators.feed import Share

EPSILON = 1e-8


class Optimisers:
    """One fused Adam a team, with moments that exist from the start so that a resumed run fills them."""

    def __init__(
        self,
        teams: Mapping[str, tuple[Sequence[nn.Module], float]],
        config: Config,
        share: Share | None = None,
    ) -> None:
        """`teams` maps a name to its networks and their learning rate."""
        self._share = share or Share()
        self._decay_from = config.adam.decay_from
        betas = (config.adam.beta1, config.adam.beta2)
        self._rates = {name: rate for name, (_, rate) in teams.items()}
        self._adams = {name: Adam(networks, betas) for name, (networks, _) in teams.items()}

    def set_rates(self, share: float) -> None:
        """The learning rates at a share of the budget."""
        factor = decay(share, self._decay_from)
        for name, adam in self._adams.items():
            adam.set_rate(self._rates[name] * factor)

    def descend(self, team: str, objective: Tensor) -> Tensor:
        """One step of a team down the gradient of a scalar, or of its mean over the processes.

        Returns the gradient's norm.
        """
        adam = self._adams[team]
        gradients = adam.gradients(objective)
        average(gradients, self._share)
        adam.step()
        norm: Tensor = torch.stack(torch._foreach_norm(gradients)).norm()
        return norm

    def moments(self) -> dict[str, Tensor]:
        """Adam's state: live tensors by name."""
        return {
            f"adam.{team}.{index}.{name}": value
            for team, adam in self._adams.items()
            for name, values in adam.moments.items()
            for index, value in enumerate(values)
        }


class Adam:
    """Adam (Kingma and Ba 2015) in torch's fused form.

    torch.optim.Adam would import torch's compiler, longer than the rest of torch takes, at its first step.
    """

    def __init__(self, networks: Sequence[nn.Module], betas: tuple[float, float]) -> None:
        self.parameters: list[Tensor] = [
            p for each in networks for p in each.parameters() if p.requires_grad
        ]
        self._betas, device = betas, self.parameters[0].device
        is_recorded = device.type == "cuda"  # into a graph, which reads the rate where it lies
        self._rate: Tensor | float = torch.zeros((), device=device) if is_recorded else 0.0
        self.moments = {
            "step": [torch.zeros((), device=p.device) for p in self.parameters],
            "exp_avg": [torch.zeros_like(p) for p in self.parameters],
            "exp_avg_sq": [torch.zeros_like(p) for p in self.parameters],
        }

    def set_rate(self, rate: float) -> None:
        """The learning rate from now on."""
        if isinstance(self._rate, Tensor):
            self._rate.fill_(rate)
        else:
            self._rate = rate

    def gradients(self, objective: Tensor) -> list[Tensor]:
        """Those of a scalar, live: what is written into them is what the step goes by."""
        for parameter in self.parameters:
            parameter.grad = None
        objective.backward(inputs=self.parameters)  # type: ignore[no-untyped-call]
        return [p.grad for p in self.parameters if p.grad is not None]

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters that have gradients."""
        moved = [index for index, p in enumerate(self.parameters) if p.grad is not None]
        parameters = [self.parameters[index] for index in moved]
        steps, first, second = ([own[index] for index in moved] for own in self.moments.values())
        beta1, beta2 = self._betas
        functional.adam(
            parameters,
            [p.grad for p in parameters if p.grad is not None],
            first,
            second,
            [],
            steps,
            fused=True,
            capturable=isinstance(self._rate, Tensor),
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=self._rate,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )


def decay(share: float, decay_from: float) -> float:
    """The factor of the learning rate at a share of the budget.

    >>> decay(0.25, 0.5), decay(0.75, 0.5), decay(0.9, 1.0)
    (1.0, 0.5, 1.0)
    """
    return 1.0 if share < decay_from else (1 - share) / (1 - decay_from)
