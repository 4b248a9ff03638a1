"""Makes defences of one source of images in a folder, and measures them: each part once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from classifiers.file import About
from classifiers.network import Network
from classifiers.training import as_input, steps_within
from generators.adversarial.defences.asking import Asked, Source
from generators.adversarial.defences.fitting import Progress
from generators.adversarial.defences.keeping import Folder, Measured, Trained
from generators.adversarial.defences.objectives import plain
from generators.adversarial.defences.recipes import (
    DEFENCES,
    NONE,
    SAFETY_NET,
    Defence,
    Lesson,
    Scores,
    defended,
)
from generators.adversarial.defences.report import Finished
from generators.adversarial.defences.suite import (
    MANY_STEPS,
    QUERIES,
    STEPS,
    UNBOUNDED,
    Defended,
    attacks_on,
    made_by,
)
from generators.adversarial.defences.worth import Worth, clean, under_attack

Bar = Callable[[str], AbstractContextManager[Progress]]
"""Shows, under a name, how far something is while the context lasts."""
OTHER = Defence(
    "other",
    "The classifier that images are made on to be tried on the others",
    lambda lesson: [lesson.fit(plain, lesson.seed + 1_000)],
    meets_attacks=False,
)
TOLD_APART = ("clean", "forged")
PART = 500


@dataclass(frozen=True)
class Workshop:
    """Where defences are made: what is asked, of which images, kept in which folder."""

    asked: Asked
    source: Source
    folder: Folder
    bar: Bar

    def finish(self, name: str) -> None:
        """Trains and measures a defence as far as it was not yet; what is done is kept at once."""
        trained = self._trained(DEFENCES[name])
        settings = self._measures(trained)
        guarded, (images, labels) = self._defended(name, trained), self._held_out
        worth = self.folder.measured(name, settings) or Worth(clean(guarded, images, labels))
        for attack_name, attack in self._attacks(guarded).items():
            if attack_name not in worth.under:
                with self.bar(f"{name}: {attack_name}") as progress:
                    found = under_attack(guarded, images, labels, attack, progress)
                worth = worth.also(attack_name, found)
                self.folder.keep_measured(name, Measured(settings, worth))

    def finished(self) -> dict[str, Finished]:
        """Every defence of the folder that was trained and measured as is asked now."""
        found = {}
        for name, defence in DEFENCES.items():
            trained = self.folder.trained(name, self._trains(defence))
            worth = trained and self.folder.measured(name, self._measures(trained))
            if trained and worth and UNBOUNDED in worth.under:  # the last of the attacks
                found[name] = Finished(trained, worth)
        return found

    def _undefended(self) -> Network:
        """The network without a defence, trained if it was not yet."""
        return self.folder.networks(self._trained(DEFENCES[NONE]))[0]

    @cached_property
    def steps(self) -> int:
        """How long everything is trained: as asked, as the folder's undefended network, or as timed."""
        if self.asked.steps is not None:
            return self.asked.steps
        known = self.folder.last_trained(NONE)
        if known and known.settings == self._trained_for(known.settings.get("steps")):
            return int(known.settings["steps"])
        return steps_within(
            self.asked.seconds, *self.source.train, classes=len(self.source.class_names)
        )

    def _trained_for(self, steps: Any) -> dict[str, Any]:
        seconds = None if self.asked.steps is not None else self.asked.seconds
        return {
            "data": self.source.name,
            "content": self.source.content,
            "seed": self.asked.seed,
            "seconds": seconds,
            "steps": steps,
        }

    def _trains(self, defence: Defence) -> dict[str, Any]:
        """The settings of a training."""
        settings = self._trained_for(self.steps)
        return settings | ({"epsilon": self.asked.epsilon} if defence.meets_attacks else {})

    def _measures(self, trained: Trained) -> dict[str, Any]:
        """The settings of a measurement."""
        return {
            "trained": trained.settings,
            "epsilon": self.asked.epsilon,
            "images": self.asked.images,
            "attack_steps": STEPS,
            "queries": QUERIES,
        }

    @cached_property
    def _held_out(self) -> tuple[Tensor, Tensor]:
        return self.source.some(self.asked.images, self.asked.seed)

    @cached_property
    def _other(self) -> nn.Module:
        return Scores(self.folder.networks(self._trained(OTHER))[0])

    def _attacks(self, guarded: Defended) -> Mapping[str, Any]:
        asked = self.asked
        return attacks_on(guarded, self._other, epsilon=asked.epsilon, seed=asked.seed)

    def _defended(self, name: str, trained: Trained) -> Defended:
        return defended(name, self.folder.networks(trained), self._undefended())

    def _trained(self, defence: Defence) -> Trained:
        settings = self._trains(defence)
        if known := self.folder.trained(defence.name, settings):
            return known
        undefended = None if defence.name in (NONE, OTHER.name) else self._undefended()
        with self.bar(f"{defence.name}: training") as progress:
            started = time.process_time()
            networks = defence.train(self._lesson(undefended, progress))
            seconds = time.process_time() - started
        files = self.folder.save(defence.name, networks, self._abouts(defence, networks))
        trained = Trained(settings, tuple(files), seconds)
        self.folder.keep_trained(defence.name, trained)
        return trained

    def _lesson(self, undefended: Network | None, progress: Progress) -> Lesson:
        asked, (images, labels) = self.asked, self.source.train
        return Lesson(
            self.source.form, as_input(images), torch.from_numpy(labels), asked.epsilon,
            self.steps, asked.seed, undefended, progress,
        )  # fmt: skip

    def _abouts(self, defence: Defence, networks: Sequence[Network]) -> list[About]:
        """What the files say of themselves."""
        images, labels = as_input(self.source.test[0]), torch.from_numpy(self.source.test[1])
        names = self.source.class_names
        if defence.name == SAFETY_NET:
            images, labels = self._clean_and_forged()
            names = TOLD_APART
        form = self.source.form
        return [
            About(
                self.source.name, names, form.resolution_px, form.channels, self.steps,
                self.asked.seed, _accuracy(network, images, labels), len(images),
            )
            for network in networks
        ]  # fmt: skip

    def _clean_and_forged(self) -> tuple[Tensor, Tensor]:
        """Held-out images and their forgeries, by which a detector is judged."""
        undefended, (images, labels) = Defended(Scores(self._undefended())), self._held_out
        attack = self._attacks(undefended)[MANY_STEPS]
        forged = made_by(attack, undefended.classifier, images, labels)
        return torch.cat([images, forged]), torch.arange(2).repeat_interleave(len(images))


def _accuracy(network: Network, images: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        told = torch.cat([Scores(network)(part).argmax(1) for part in torch.split(images, PART)])
    return float((told == labels).float().mean())
