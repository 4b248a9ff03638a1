"""The defences by name: what each is, and how it is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from classifiers.network import Form, Network
from generators.adversarial.defences.detector import train_detector
from generators.adversarial.defences.ensemble import Ensemble
from generators.adversarial.defences.fitting import Progress, fit
from generators.adversarial.defences.objectives import (
    AdversarialLogitPairing,
    CleanLogitPairing,
    MinMax,
    Objective,
    Online,
    plain,
)
from generators.adversarial.defences.perturbing import Push
from generators.adversarial.defences.suite import STEPS, Defended, Following, made_by
from generators.adversarial.errors import AttackError

NONE = "none"
SAFETY_NET = "safety-net"
MEMBERS = 3
TRAINING_STEPS = 5
"""Of the attack inside a training that looks for the worst images: fewer than those it is measured under."""
MOST_FORGED = 3_000
"""Images forged beforehand, where a defence learns from such."""


class Scores(nn.Module):
    """A network that says no more than its scores: images (N, C, H, W) -> (N, K)."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.network(images)[1]
        return scores


@dataclass(frozen=True)
class Lesson:
    """What a defence learns from: images (N, C, H, H) in [0, 1], labels (N,), and for how long.

    `undefended` is the network that a safety net stands before and that offline examples fool;
    the defence `none` has none.
    """

    form: Form
    images: Tensor
    labels: Tensor
    epsilon: float
    steps: int
    seed: int
    undefended: Network | None = None
    progress: Progress | None = None

    def network(self, seed: int, form: Form | None = None) -> Network:
        """A new one with weights by seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Network(form or self.form)

    def fit(self, objective: Objective, seed: int | None = None) -> Network:
        """A new network, trained."""
        seed = self.seed if seed is None else seed
        network = self.network(seed)
        fit(
            Scores(network), objective, self.images, self.labels,
            steps=self.steps, seed=seed, progress=self.progress,
        )  # fmt: skip
        return network

    def push(self, steps: int, length: float) -> Push:
        """The attack of a training; `length` of a step is in ε."""
        random = torch.Generator().manual_seed(self.seed)
        return Push(self.epsilon, steps, length * self.epsilon, random)

    def forged(self) -> tuple[Tensor, Tensor, Tensor]:
        """Clean images, their forgeries that are to fool the undefended network, and the human labels."""
        if self.undefended is None:
            raise AttackError("examples are forged on an undefended network, and there is none")
        random = torch.Generator().manual_seed(self.seed)
        rows = torch.randperm(len(self.images), generator=random)[:MOST_FORGED]
        images, labels = self.images[rows], self.labels[rows]
        attack = Following(self.epsilon, STEPS)
        return images, made_by(attack, Scores(self.undefended), images, labels), labels


Train = Callable[[Lesson], Sequence[Network]]


@dataclass(frozen=True)
class Defence:
    """A defence by name; `meets_attacks` says whether ε matters to its training."""

    name: str
    label: str
    train: Train = field(repr=False)
    meets_attacks: bool = True


def _none(lesson: Lesson) -> list[Network]:
    return [lesson.fit(plain)]


def _safety_net(lesson: Lesson) -> list[Network]:
    """The detector alone: the classifier behind it is the undefended one."""
    form = Form(lesson.form.resolution_px, lesson.form.channels, 2)
    network, (images, forged, _) = lesson.network(lesson.seed, form), lesson.forged()
    train_detector(
        Scores(network), images, forged,
        steps=lesson.steps, seed=lesson.seed, progress=lesson.progress,
    )  # fmt: skip
    return [network]


def _offline(lesson: Lesson) -> list[Network]:
    """Beside all clean images some that were forged once and for all, with what people see in them."""
    _, forged, labels = lesson.forged()
    images, labels = torch.cat([lesson.images, forged]), torch.cat([lesson.labels, labels])
    return [replace(lesson, images=images, labels=labels).fit(plain)]


def _online(lesson: Lesson) -> list[Network]:
    return [lesson.fit(Online(lesson.push(1, 1.25)))]


def _madry(lesson: Lesson) -> list[Network]:
    return [lesson.fit(MinMax(lesson.push(TRAINING_STEPS, 2.5 / TRAINING_STEPS)))]


def _logit_pairing(lesson: Lesson) -> list[Network]:
    push = lesson.push(TRAINING_STEPS, 2.5 / TRAINING_STEPS)
    return [lesson.fit(AdversarialLogitPairing(push))]


def _clean_logit_pairing(lesson: Lesson) -> list[Network]:
    return [lesson.fit(CleanLogitPairing())]


def _ensemble(lesson: Lesson) -> list[Network]:
    return [lesson.fit(plain, lesson.seed + member) for member in range(MEMBERS)]


DEFENCES: Mapping[str, Defence] = {
    each.name: each
    for each in (
        Defence(NONE, "No defence", _none, meets_attacks=False),
        Defence(SAFETY_NET, "Safety net: a detector before the classifier", _safety_net),
        Defence("adversarial-offline", "Adversarial training, examples made once", _offline),
        Defence("adversarial-online", "Adversarial training, two-term cost", _online),
        Defence("madry", "Adversarial training, worst case (Madry)", _madry),
        Defence("logit-pairing", "Adversarial logit pairing", _logit_pairing),
        Defence("clean-logit-pairing", "Clean logit pairing", _clean_logit_pairing, False),
        Defence("ensemble", f"Ensemble of {MEMBERS}", _ensemble, meets_attacks=False),
    )
}
"""By name, in the order of the table."""


def defended(name: str, networks: Sequence[Network], undefended: Network) -> Defended:
    """The networks of a defence put together, ready to be attacked."""
    if name == SAFETY_NET:
        return Defended(Scores(undefended), Scores(networks[0]))
    if len(networks) > 1:
        return Defended(Ensemble([Scores(network) for network in networks]))
    return Defended(Scores(networks[0]))
