"""One run on several processes: each trains on its share of every batch, and all keep the same weights."""

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor, distributed, nn

from generators.config import Config, ConfigError
from generators.feed import Share


@contextmanager
def processes() -> Iterator[Share]:
    """This process's share of the run that `torchrun` started, joined to the others; else all of it.

    Their group is over at the end. On CUDA each process has the card of its LOCAL_RANK.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Share()
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    importlib.import_module("torch.distributed.nn")  # its defaults would hold a group for ever
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Share(distributed.get_rank(), world)
    finally:
        distributed.destroy_process_group()


def check_shared(config: Config, share: Share) -> None:
    """ConfigError if shares of a batch would not train as the whole batch does."""
    if share.world == 1:
        return
    if config.batch % share.world:
        raise ConfigError(
            f"batch must be a multiple of the {share.world} processes, got {config.batch}"
        )
    refused = {
        "loss": (config.loss, config.loss in ("relativistic", "began")),
        "penalty.name": (config.penalty.name, config.penalty.name == "dragan"),
        "discriminator.minibatch_kernels": (
            config.discriminator.minibatch_kernels,
            config.discriminator.minibatch_kernels > 0,
        ),
        "tricks.gate_real, gate_fake or gate_generator": ("above 0", config.tricks.gated),
    }
    for key, (value, needs_all) in refused.items():
        if needs_all:
            raise ConfigError(
                f"{key} {value!r} needs a whole batch, and each of {share.world} processes sees a "
                "part of it: train it in one process"
            )


@torch.no_grad()
def average(tensors: Sequence[Tensor], share: Share) -> None:
    """Puts the mean over all processes in the place of each tensor, in one exchange."""
    if share.world == 1:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    distributed.all_reduce(flat)
    parts = torch.split(flat / share.world, [tensor.numel() for tensor in tensors])
    shaped = [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]
    torch._foreach_copy_(list(tensors), shaped)


@torch.no_grad()
def whole(part: Tensor, share: Share) -> Tensor:
    """The rows of all processes' equal parts of a batch, in order."""
    if share.world == 1:
        return part
    parts = [torch.empty_like(part) for _ in range(share.world)]
    distributed.all_gather(parts, part.contiguous())
    return torch.cat(parts)


def share_batch_norms(network: nn.Module, share: Share) -> None:
    """Lets all batch norms in a network see the batches of all processes."""
    if share.world == 1:
        return
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(network, name, SharedBatchNorm2d.of(child, share))
        else:
            share_batch_norms(child, share)


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation by the statistics of all processes' parts of a batch, which are as large.

    In evaluation it is its parent, and its state has the same keys.
    """

    share = Share()

    @classmethod
    def of(cls, norm: nn.BatchNorm2d, share: Share) -> Self:
        """In the place of an affine norm that keeps its statistics."""
        shared = cls(norm.num_features, norm.eps, norm.momentum)
        shared.load_state_dict(norm.state_dict())
        shared.share = share
        return shared

    def forward(self, maps: Tensor) -> Tensor:
        if not self.training:
            return super().forward(maps)
        values = maps.float()
        mean = self._over_all(values.mean((0, 2, 3)))
        deviations = values - mean[:, None, None]
        variance = self._over_all(deviations.square().mean((0, 2, 3)))
        self._follow(mean, variance, self.share.world * maps.numel() // maps.shape[1])
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normed = deviations * scale[:, None, None] + self.bias[:, None, None]
        return normed.to(maps.dtype)

    def _over_all(self, part: Tensor) -> Tensor:
        summed: Tensor = _Sum.apply(part)  # type: ignore[no-untyped-call]
        return summed / self.share.world

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Moves the kept statistics; their variance is the unbiased one, as the parent's is."""
        assert self.running_mean is not None and self.running_var is not None  # noqa: S101, PT018
        assert self.num_batches_tracked is not None and self.momentum is not None  # noqa: S101, PT018
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        self.num_batches_tracked += 1


class _Sum(torch.autograd.Function):
    """The sum over all processes; what comes back to any of them, all get the sum of."""

    @staticmethod
    def forward(context: Any, part: Tensor) -> Tensor:
        summed = part.clone()
        distributed.all_reduce(summed)
        return summed

    @staticmethod
    def backward(context: Any, *slopes: Tensor) -> Any:
        return _Sum.apply(slopes[0].contiguous())  # type: ignore[no-untyped-call]
