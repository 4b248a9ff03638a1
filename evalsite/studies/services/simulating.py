"""Letting simulated observers of known sensitivity take part; they are marked, and never mixed with people."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from django.db import transaction
from django.utils import timezone

from evalsite.studies.models import Block, Observer, Protocol, Response, Study, Trial
from evalsite.studies.services.laying_out import staircase_of
from evalsite.studies.services.taking_part import take_part
from scoring.dictionary import NONE
from scoring.simulate import (
    SimulatedObserver,
    image_effect,
    simulate_name,
    simulate_pair,
    simulate_response,
)

CATCH_RIGHT = 0.98
TIE_WITHIN = 0.25  # units of d′ between two images of which nobody can say which looks more real


@dataclass(frozen=True)
class Simulation:
    """One simulated observer of a study, and what the images look like to all of them.

    Attributes:
        dprime_of: another d′ for the images of single generators, by slug.
        image_sd: spread of the images' own effects, in units of d′.
    """

    study: Study
    observer: SimulatedObserver
    dprime_of: Mapping[str, float]
    image_sd: float
    seed: int
    rng: np.random.Generator

    def answer(self, screen: Sequence[Trial]) -> tuple[list[str], float]:
        """What is said of each image of a screen, and after how many ms."""
        if self.study.protocol == Protocol.PAIR:
            return self._choose(*screen)
        if self.study.protocol == Protocol.NAME:
            return self._name(*screen)
        judged = [self._judge(trial) for trial in screen]
        return [answer for answer, _ in judged], max(rt_ms for _, rt_ms in judged)

    def _judge(self, trial: Trial) -> tuple[str, float]:
        answer = simulate_response(
            self.observer,
            truth=trial.origin,
            exposure_ms=trial.exposure_ms,
            image_effect=self._effect(trial),
            rng=self.rng,
        )
        if trial.is_catch:
            return ("fake" if self._sees_catch() else "real"), answer.rt_ms
        return answer.response, answer.rt_ms

    def _choose(self, first: Trial, second: Trial) -> tuple[list[str], float]:
        choice = simulate_pair(
            self.observer,
            truths=(first.origin, second.origin),
            image_effects=(self._effect(first), self._effect(second)),
            tie_within=TIE_WITHIN if self.study.rules.allow_ties else 0.0,
            rng=self.rng,
        )
        if first.is_catch or second.is_catch:
            takes_second = first.is_catch == self._sees_catch()
            said = ["fake", "real"] if takes_second else ["real", "fake"]
        else:
            said = {"first": ["real", "fake"], "second": ["fake", "real"]}.get(
                choice.choice, ["tie", "tie"]
            )
        return said, choice.rt_ms

    def _name(self, trial: Trial) -> tuple[list[str], float]:
        """A class by its number; some class or other for a catch trial that is not seen."""
        numbers = list(map(str, range(len(self.study.class_names))))
        shift = 0.0 if trial.is_catch else self._dprime(trial) - self.observer.dprime
        answer = simulate_name(
            self.observer,
            truth=numbers[0] if trial.is_catch else trial.truth,
            names=numbers,
            image_effect=self._own_effect(trial) + shift,
            rng=self.rng,
        )
        if trial.is_catch and self._sees_catch():
            return [NONE], answer.rt_ms
        return [answer.response], answer.rt_ms

    def _sees_catch(self) -> bool:
        return bool(self.rng.random() < CATCH_RIGHT)

    def _effect(self, trial: Trial) -> float:
        """How much more real an image looks than the observer's d′ says, in units of d′."""
        shift = self._dprime(trial) - self.observer.dprime
        moved = replace(self.observer, dprime=shift).dprime_at(trial.exposure_ms) / 2
        return self._own_effect(trial) - moved

    def _own_effect(self, trial: Trial) -> float:
        name = f"{trial.pool_id}/{trial.image_index}"
        return image_effect(name, sd=self.image_sd, seed=self.seed)

    def _dprime(self, trial: Trial) -> float:
        """The observer's for the images of this trial's generator."""
        slug = trial.pool.generator.slug if trial.pool.generator else ""
        return self.dprime_of.get(slug, self.observer.dprime)


def simulate_observers(
    study: Study,
    observers: Sequence[SimulatedObserver],
    *,
    dprime_of: Mapping[str, float] | None = None,
    image_sd: float = 0.0,
    seed: int = 0,
) -> Iterator[Observer]:
    """Let simulated observers take part, one by one; all of them qualify.

    `dprime_of` replaces an observer's d′ for the images of single generators, by slug.
    """
    for simulated in observers:
        yield _simulate_one(study, simulated, dprime_of or {}, image_sd, seed)


@transaction.atomic
def _simulate_one(
    study: Study,
    simulated: SimulatedObserver,
    dprime_of: Mapping[str, float],
    image_sd: float,
    seed: int,
) -> Observer:
    observer = take_part(study, simulated=True)
    rng = np.random.default_rng([seed, observer.ordinal])
    simulation = Simulation(study, simulated, dprime_of, image_sd, seed, rng)
    trials = list(observer.trials.in_order().select_related("pool__generator", "block"))
    responses: list[Response] = []
    for _, block in groupby(trials, key=lambda trial: trial.block):
        responses += _answers(simulation, block)
    Trial.objects.bulk_update(trials, ["exposure_ms"], batch_size=500)
    Response.objects.bulk_create(responses)
    Observer.objects.filter(pk=observer.pk).update(finished_at=timezone.now())
    return observer


def _answers(simulation: Simulation, block: Iterator[Trial]) -> Iterator[Response]:
    """The answers to a block, whose exposures are set on the way."""
    rule, history = staircase_of(simulation.study), list[tuple[float, bool]]()
    for _, screen in groupby(block, key=lambda trial: trial.screen):
        trials = list(screen)
        if rule and trials[0].exposure_ms is None:
            trials[0].exposure_ms = int(rule.next_ms(history))
        said, rt_ms = simulation.answer(trials)
        for trial, answer in zip(trials, said, strict=True):
            if trial.exposure_ms and not trial.is_catch and trial.block.kind == Block.Kind.MAIN:
                history.append((trial.exposure_ms, answer == trial.truth))
            yield Response(
                trial=trial,
                answer=answer,
                rt_ms=rt_ms,
                shown_ms=trial.exposure_ms,
                answered_at=timezone.now(),
            )
