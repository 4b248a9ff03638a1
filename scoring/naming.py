"""Whether images that fool a network still look to people like what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from scoring.columns import factorise
from scoring.figure import Figure
from scoring.intervals import check_draws
from scoring.selection import select
from scoring.table import TrialTable
from scoring.votes import Draws, Votes

LEAST = 5
"""Fewer answers to an image than Song et al. (NeurIPS 2018) asked for say nothing of a majority."""


@dataclass(frozen=True)
class Verdict:
    """What is known of one image besides people's answers: its rung, and if the network is wrong."""

    rung: str
    wrong: bool


@dataclass(frozen=True)
class RungFigure:
    """How an attack fares at one rung (one ε, a control); all four shares are of the same images.

    Attributes:
        n_images: those with enough answers. n_left_out: those with fewer.
        n_answers, n_observers: to these images, and who gave them.
        plain: share of images that the network gets wrong.
        valid: human-valid attack success: the network is wrong, and more than half of the answers
            are the true class.
        unanimous: the network is wrong, and all answers are the true class (Brown et al. 2018).
        difference: plain - valid.
    """

    rung: str
    n_images: int
    n_left_out: int
    n_answers: int
    n_observers: int
    plain: Figure
    valid: Figure
    unanimous: Figure
    difference: Figure


@dataclass(frozen=True)
class Opinion:
    """What people said of one image.

    Attributes:
        generator: "" for a real image. said: what more than half of the answers are, else "".
    """

    stimulus: str
    generator: str
    truth: str
    n_answers: int
    n_right: int
    said: str

    @property
    def is_right(self) -> bool:
        """Whether the majority names the true class."""
        return self.said == self.truth

    @property
    def is_unanimous(self) -> bool:
        return self.n_right == self.n_answers


@dataclass(frozen=True)
class Regions:
    """How many of n images lie where: what the network calls the target, and what looks real.

    Attributes:
        both: adversarial in earnest. target_only, real_only, neither: the rest.
    """

    n: int
    both: int
    target_only: int
    real_only: int
    neither: int


def human_valid(
    table: TrialTable,
    verdicts: Mapping[str, Verdict],
    *,
    least: int = LEAST,
    draws: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[RungFigure, ...]:
    """Attack success that people confirm, rung by rung, in the order in which `verdicts` has them.

    A majority is more than half of an image's answers, so that a tie is none; "none of them" is an
    answer. Intervals resample observers and images together with the Poisson weights of all other
    scores; a share of 0 or 1 has Wilson's interval over images.

    The variance is I + max(O - T, 0): I over images, each with the majority that it got, has the
    luck of single answers in it; O, over observers, has that luck again, and T, over answers as if
    each were another observer's, takes it away. What is left is what the observers share.

    Args:
        table: of the task "name"; catch trials, excluded observers and skipped trials are left out.
        verdicts: by stimulus; images that are not in it are left out. least: answers to an image.

    Raises:
        ValueError: an argument is out of its range.
    """
    check_draws(draws, seed, confidence)
    if least < 1:
        raise ValueError(f"an image needs at least 1 answer, got least = {least}")
    resampling = Draws(draws, seed, confidence)
    used, _ = select(table)
    rungs = dict.fromkeys(verdict.rung for verdict in verdicts.values())
    return tuple(_rung(rung, used, verdicts, least, resampling) for rung in rungs)


def opinions(table: TrialTable) -> tuple[Opinion, ...]:
    """What people said of every image, in the order of generator and id.

    >>> table = TrialTable.from_columns({
    ...     "observer": ["ann", "bob", "eve"], "stimulus": ["s1"] * 3, "generator": ["fgsm"] * 3,
    ...     "truth": ["7"] * 3, "response": ["7", "1", "7"]}, task="name")
    >>> opinions(table)[0].said, opinions(table)[0].is_right, opinions(table)[0].is_unanimous
    ('7', True, False)
    """
    used, _ = select(table)
    rows = zip(used.generator, used.stimulus, used.truth, used.response, strict=True)
    answers: dict[tuple[str, str, str], list[str]] = {}
    for generator, stimulus, truth, response in rows:
        answers.setdefault((generator, stimulus, truth), []).append(response)
    return tuple(_opinion(*image, said) for image, said in sorted(answers.items()))


def _opinion(generator: str, stimulus: str, truth: str, said: list[str]) -> Opinion:
    most = max(sorted(set(said)), key=said.count)
    agreed = most if 2 * said.count(most) > len(said) else ""
    return Opinion(stimulus, generator, truth, len(said), said.count(truth), agreed)


def three_sets(is_target: ArrayLike, looks_real: ArrayLike) -> Regions:
    """The sizes of the regions that two sets of images cut from all images.

    Args:
        is_target: (n,) booleans: the network calls the image the target. looks_real: (n,) people say so.

    Raises:
        ValueError: they are not of one length.

    >>> three_sets([True, True, False], [True, False, False])
    Regions(n=3, both=1, target_only=1, real_only=0, neither=1)
    """
    target, real = np.asarray(is_target, dtype=np.bool_), np.asarray(looks_real, dtype=np.bool_)
    if target.ndim != 1 or target.shape != real.shape:
        raise ValueError(
            f"both sets must be of the same images, got shapes {target.shape} and {real.shape}"
        )
    parts = (target & real, target & ~real, ~target & real, ~target & ~real)
    return Regions(len(target), *(int(part.sum()) for part in parts))


def _rung(
    rung: str,
    used: TrialTable,
    verdicts: Mapping[str, Verdict],
    least: int,
    draws: Draws,
) -> RungFigure:
    wrong = {name: own.wrong for name, own in verdicts.items() if own.rung == rung}
    own = used.where(np.array([name in wrong for name in used.stimulus], dtype=np.bool_))
    images, image = factorise(own.stimulus)
    enough = np.bincount(image, minlength=len(images)) >= least
    kept = own.where(enough[image])
    votes = Votes.of(kept, wrong)
    return RungFigure(
        rung,
        n_images=len(votes.images),
        n_left_out=len(wrong) - len(votes.images),
        n_answers=len(kept),
        n_observers=len(votes.observers),
        **votes.shares(draws),
    )
