"""How far observers agree, and whom to trust, from their answers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import krippendorff
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import softmax

from scoring.columns import factorise, joint_codes
from scoring.figure import Figure
from scoring.intervals import check_draws, percentile_interval, tail_probability, too_few
from scoring.selection import select
from scoring.table import TrialTable
from scoring.weights import Keys, draw_weights, unit_keys

Floats = NDArray[np.float64]

CHUNK_DRAWS = 100
MOST_ROUNDS = 200
SETTLED = 1e-4
TINY = 1e-300


@dataclass(frozen=True)
class Reliability:
    """One observer as the others' answers show them.

    Attributes:
        sensitivity: chance of "fake" said to an image that is fake by common opinion.
        specificity: chance of "real" said to an image that is real by common opinion.
    """

    sensitivity: float
    specificity: float

    @property
    def weight(self) -> float:
        """Youden's J: 0 for guessing or always answering alike, 1 for never differing."""
        return self.sensitivity + self.specificity - 1


@dataclass(frozen=True)
class Opinions:
    """A fit of Dawid and Skene.

    Attributes:
        prevalence: (K,) how frequent each class is.
        confusion: (observers, K, K) the chance that an observer says column to class row.
        image: (images, K) the chance that an image is of each class.
    """

    prevalence: Floats
    confusion: Floats
    image: Floats


def agreement(
    table: TrialTable, *, draws: int = 1_000, seed: int = 0, confidence: float = 0.95
) -> Figure:
    """Krippendorff's α of the answers, nominal, with its interval over images.

    1 is perfect agreement, 0 is that of chance (Krippendorff, Content Analysis, 2004, chapter 11).
    Images judged once do not count, nor do answers to pairs, catch trials and observers left out.

    Raises:
        ValueError: an argument is out of its range.
    """
    check_draws(draws, seed, confidence)
    images, counts = _answers_by_image(_judged_alone(table))
    few = too_few("images judged by two observers", len(counts))
    if few or counts.shape[1] < 2:
        reason = few[0] if few else "not defined: all answers are the same"
        return Figure(None, None, None, len(counts), "images", reason)
    value = float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))
    drawn = resampled_alpha(counts, unit_keys(seed, "image", images), draws)
    ends = percentile_interval(drawn, tail_probability(confidence, len(counts) - 1))
    low, high = ends or (None, None)
    alike = None if ends else "the answers are too alike to resample"
    return Figure(value, low, high, len(counts), "images", alike)


def resampled_alpha(counts: NDArray[np.integer[Any]], keys: Keys, draws: int) -> Floats:
    """Nominal α (draws,) of resampled images; NaN where all answers of a draw are alike.

    Args:
        counts: (images, K) how many said each answer, at least 2 to an image.
        keys: (images,) each image's stream of weights (`unit_keys`).
    """
    size = counts.sum(axis=1)
    apart = (size**2 - (counts**2).sum(axis=1)) / (size - 1)
    of_images = np.vstack([counts.T, apart])
    sums = np.concatenate(
        [
            of_images @ draw_weights(keys, start, min(start + CHUNK_DRAWS, draws))
            for start in range(0, draws, CHUNK_DRAWS)
        ],
        axis=1,
    )
    answers, observed = sums[:-1], sums[-1]
    total = answers.sum(axis=0)
    expected = total**2 - (answers**2).sum(axis=0)
    disagreement: Floats = np.full(draws, np.nan)
    np.divide((total - 1) * observed, expected, out=disagreement, where=expected > 0)
    return 1 - disagreement


def reliabilities(table: TrialTable) -> dict[str, Reliability]:
    """Every observer's sensitivity and specificity by `dawid_skene`; the truth is not looked at.

    What "fake" means here is what most take for fake: where people cannot tell, an observer who is
    right may look unreliable. So these numbers stand beside the true accuracy, not in its place.
    """
    table = _judged_alone(table)
    if not len(table):
        return {}
    observers, observer = factorise(table.observer)
    images, image = joint_codes(table.generator, table.stimulus)
    fake = table.response == "fake"
    answers = [
        sparse.csr_array(
            (np.ones(int(said.sum())), (observer[said], image[said])),
            shape=(len(observers), images),
        )
        for said in (fake, ~fake)
    ]
    fit = dawid_skene(answers)
    return {
        name: Reliability(float(own[0, 0]), float(own[1, 1]))
        for name, own in zip(observers, fit.confusion, strict=True)
    }


def dawid_skene(answers: Sequence[Any]) -> Opinions:
    """What each image is by common opinion, and how each observer errs, by maximum likelihood.

    Dawid and Skene, Applied Statistics 28 (1979): EM from the shares of votes, until no image's
    chance moves by more than 0.0001. An observer who never met a class answers it evenly.

    Args:
        answers: for each of K answers a sparse (observers, images) matrix of how often an observer
            gave it to an image; every image has an answer.
    """
    votes = np.column_stack([own.sum(axis=0) for own in answers]).astype(np.float64)
    image = votes / votes.sum(axis=1, keepdims=True)
    for _ in range(MOST_ROUNDS):
        prevalence = image.mean(axis=0)
        given = np.stack([own @ image for own in answers], axis=2) + TINY
        confusion = given / given.sum(axis=2, keepdims=True)
        likelihood = sum(own.T @ np.log(confusion[:, :, n]) for n, own in enumerate(answers))
        before, image = image, softmax(likelihood + np.log(prevalence + TINY), axis=1)
        if np.abs(image - before).max() < SETTLED:
            break
    return Opinions(prevalence, confusion, image)


def _judged_alone(table: TrialTable) -> TrialTable:
    """Answers to single images; of a pair each answer is about both."""
    selected, _ = select(table)
    _, screen, size = np.unique(selected.screens, return_inverse=True, return_counts=True)
    return selected.where(size[screen] != 2)


def _answers_by_image(table: TrialTable) -> tuple[list[str], NDArray[np.int64]]:
    """Names of the images that two or more judged, and how many (images, answers) said what."""
    images, image = joint_codes(table.generator, table.stimulus)
    words, word = factorise(table.response)
    cells = np.bincount(len(words) * image + word, minlength=len(words) * images)
    counts = cells.reshape(images, len(words))
    first = np.unique(image, return_index=True)[1]
    shared = counts.sum(axis=1) > 1
    names = table.generator[first] + "/" + table.stimulus[first]
    kept = counts[shared]
    return names[shared].tolist(), kept[:, kept.any(axis=0)]
