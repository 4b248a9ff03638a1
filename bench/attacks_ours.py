"""What we do: `python -m bench.attacks_ours`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from bench.attacks_case import Case, loaded
from bench.metrics_process import Prepare, Run, serve
from generators.adversarial.carlini_wagner import carlini_wagner
from generators.adversarial.goal import Attempt, Goal
from generators.adversarial.gradient import fgsm, pgd


def ours(case: Mapping[str, Any], weights: str, images: str, labels: str) -> Run:
    """The same attack of generators.adversarial, which looks itself at which images fool."""
    torch.set_num_threads(1)
    asked, made, pictures = Case(**case), loaded(weights), torch.from_numpy(np.load(images))
    goal = Goal(torch.from_numpy(np.load(labels)))
    steps = {"epsilon": asked.epsilon, "steps": asked.steps, "step": asked.step}
    smallest = {"steps": asked.steps, "rate": asked.step, "first_weight": asked.epsilon}

    def attempt() -> Attempt:
        if asked.name == "fgsm":
            return fgsm(made, pictures, goal, epsilon=asked.epsilon)
        if asked.name == "carlini-wagner":
            return carlini_wagner(made, pictures, goal, searches=1, **smallest)
        norm = "l2" if asked.name == "pgd-l2" else "linf"
        return pgd(made, pictures, goal, norm=norm, **steps)

    return lambda: attempt().success_rate


TASKS: Mapping[str, Prepare] = {"ours": ours}

if __name__ == "__main__":
    serve(TASKS)
