"""Adam for each team of networks: rates that decay, moments that can be saved, gradients that are watched."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from generators.config import Config
from generators.distributed import average
from generators.feed import Share


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
        self._adams = {name: _adam(networks, betas) for name, (networks, _) in teams.items()}

    def set_rates(self, share: float) -> None:
        """The learning rates at a share of the budget."""
        factor = decay(share, self._decay_from)
        for name, adam in self._adams.items():
            group, rate = adam.param_groups[0], self._rates[name] * factor
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def descend(self, team: str, objective: Tensor) -> Tensor:
        """One step of a team down the gradient of a scalar, or of its mean over the processes.

        Returns the gradient's norm.
        """
        adam = self._adams[team]
        parameters = adam.param_groups[0]["params"]
        adam.zero_grad(set_to_none=True)
        objective.backward(inputs=parameters)  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in parameters if p.grad is not None]
        average(gradients, self._share)
        adam.step()
        norm: Tensor = torch.stack(torch._foreach_norm(gradients)).norm()
        return norm

    def moments(self) -> dict[str, Tensor]:
        """Adam's state: live tensors by name."""
        return {
            f"adam.{team}.{index}.{name}": value
            for team, adam in self._adams.items()
            for index, state in enumerate(adam.state.values())
            for name, value in state.items()
        }


def _adam(networks: Sequence[nn.Module], betas: tuple[float, float]) -> torch.optim.Adam:
    parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
    recorded = parameters[0].is_cuda  # into a CUDA graph, which reads the rate where it lies
    rate = torch.zeros((), device=parameters[0].device) if recorded else 0.0
    adam = torch.optim.Adam(parameters, rate, betas, fused=True, capturable=recorded)
    for parameter in parameters:
        adam.state[parameter] = {
            "step": torch.zeros((), device=parameter.device),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
    return adam


def decay(share: float, decay_from: float) -> float:
    """The factor of the learning rate at a share of the budget.

    >>> decay(0.25, 0.5), decay(0.75, 0.5), decay(0.9, 1.0)
    (1.0, 0.5, 1.0)
    """
    return 1.0 if share < decay_from else (1 - share) / (1 - decay_from)
