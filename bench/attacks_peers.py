"""What the peers do, in their own environment: `python -m bench.attacks_peers` of that interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.attacks_case import Case, fooled, loaded
from bench.metrics_process import Prepare, Run, serve

PEERS = ("foolbox", "torchattacks")


def versions() -> Run:
    """Which peers can be used, and why the others cannot."""
    found: dict[str, str] = {}
    absent: dict[str, str] = {}
    for name in PEERS:
        try:
            import_module(name)
            found[name] = version(name)
        except Exception as error:
            absent[name] = f"{type(error).__name__}: {error}"
    for library in ("torch", "numpy"):
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return lambda: {"versions": found, "absent": absent}


def foolbox(case: Mapping[str, Any], weights: str, images: str, labels: str) -> Run:
    """Foolbox says itself which images fool; what it never fooled comes back black, and is no success."""
    import foolbox as fb

    asked, (made, pictures, classes) = Case(**case), _given(weights, images, labels)
    steps = {"steps": asked.steps, "abs_stepsize": asked.step, "random_start": False}
    smallest = {"steps": asked.steps, "stepsize": asked.step, "initial_const": asked.epsilon}
    attack, epsilon = {
        "fgsm": lambda: (fb.attacks.LinfFastGradientAttack(), asked.epsilon),
        "pgd": lambda: (fb.attacks.LinfPGD(**steps), asked.epsilon),
        "pgd-l2": lambda: (fb.attacks.L2PGD(**steps), asked.epsilon),
        "carlini-wagner": lambda: (
            fb.attacks.L2CarliniWagnerAttack(binary_search_steps=1, abort_early=False, **smallest),
            None,
        ),
    }[asked.name]()
    model = fb.PyTorchModel(made, bounds=(0, 1), device="cpu")

    def run() -> float:
        found, _, success = attack(model, pictures, classes, epsilons=epsilon)
        is_made = found.flatten(1).any(1)
        return float((success & is_made).float().mean())

    return run


def torchattacks(case: Mapping[str, Any], weights: str, images: str, labels: str) -> Run:
    """torchattacks returns images alone: which fool is looked at afterwards, as anybody has to."""
    import torchattacks as ta

    asked, (made, pictures, classes) = Case(**case), _given(weights, images, labels)
    steps = {"eps": asked.epsilon, "alpha": asked.step, "steps": asked.steps}
    attack = {
        "fgsm": lambda: ta.FGSM(made, eps=asked.epsilon),
        "pgd": lambda: ta.PGD(made, random_start=False, **steps),
        "pgd-l2": lambda: ta.PGDL2(made, random_start=False, **steps),
        "carlini-wagner": lambda: ta.CW(made, c=asked.epsilon, steps=asked.steps, lr=asked.step),
    }[asked.name]()
    return lambda: fooled(made, attack(pictures, classes), classes)


def _given(weights: str, images: str, labels: str) -> tuple[nn.Module, Tensor, Tensor]:
    torch.set_num_threads(1)
    return (
        loaded(weights),
        torch.from_numpy(np.load(images)),
        torch.from_numpy(np.load(labels)),
    )


TASKS: Mapping[str, Prepare] = {
    "versions": versions,
    "foolbox": foolbox,
    "torchattacks": torchattacks,
}

if __name__ == "__main__":
    serve(TASKS)
