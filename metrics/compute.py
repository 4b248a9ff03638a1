"""Each metric of two sets: how it is computed, what it needs, and what bounds its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

from metrics import compare
from metrics.cmmd import cmmd
from metrics.diversity import PAIRS, ActivationExtractor, diversity
from metrics.errors import MetricError, Unavailable
from metrics.estimate import Estimate
from metrics.extractors.base import Extractor, identity
from metrics.features import PoolFeatures
from metrics.frechet import frechet_estimate
from metrics.frechet_infinity import extrapolated, half_split
from metrics.inception_score import inception_score
from metrics.kid import kid
from metrics.prdc import Prdc, prdc
from metrics.statistics_file import Statistics

PAIRWISE_IMAGES = 50_000
"""Images a side at most for metrics of all pairs, whose time grows as its square."""

SHARE, POSITIVE, AT_LEAST_1 = (0.0, 1.0), (0.0, inf), (1.0, inf)
"""Where values end, and so their intervals."""


@dataclass(frozen=True)
class Sides:
    """Real and generated images as metrics see them, and the seed of what they draw.

    `network` is the extractor, for metrics that look at pixels once more; None spares its loading.
    """

    real: PoolFeatures | Statistics
    fake: PoolFeatures | Statistics
    seed: int
    network: Extractor | None

    @cached_property
    def fewer(self) -> Sides:
        """The same with at most PAIRWISE_IMAGES a side, the first in the order of digests."""
        real, fake = (
            side if isinstance(side, Statistics) else side.first(PAIRWISE_IMAGES)
            for side in (self.real, self.fake)
        )
        same = real is self.real and fake is self.fake
        return self if same else replace(self, real=real, fake=fake)

    @cached_property
    def prdc(self) -> Prdc:
        return prdc(self.reals.features, self.fakes.features)

    @property
    def extractor(self) -> tuple[str, str]:
        """The extractor's name, and the line that tells it apart."""
        for side in (self.fake, self.real):
            if isinstance(side, PoolFeatures):
                return side.name, side.extractor
        if self.network is None:
            raise MetricError("two statistics files need an extractor to go by")
        return self.network.name, identity(self.network)

    @property
    def dimensions(self) -> int:
        """Features an image."""
        return compare.dimensions(self.real)

    @property
    def least(self) -> int | None:
        """Images on the smaller side, as far as that is known."""
        return min(
            (n for side in (self.real, self.fake) if (n := compare.count(side))), default=None
        )

    @property
    def too_few_for_frechet(self) -> bool:
        """Whether a covariance is not of full rank for want of images."""
        return self.least is not None and self.least <= self.dimensions

    @property
    def reals(self) -> PoolFeatures:
        """The real images; raises Unavailable if there are only their statistics."""
        return _with_features(self.real, "REAL")

    @property
    def fakes(self) -> PoolFeatures:
        """The generated images; raises Unavailable if there are only their statistics."""
        return _with_features(self.fake, "FAKE")


@dataclass(frozen=True)
class Metric:
    """How a metric is computed, and the bounds of its values.

    `alone`: it looks at generated images alone; `pairwise`: at fewer of large sets.
    """

    estimate: Callable[[Sides], Estimate]
    bounds: tuple[float, float] = (-inf, inf)
    alone: bool = False
    pairwise: bool = False


def _with_features(side: PoolFeatures | Statistics, name: str) -> PoolFeatures:
    if isinstance(side, Statistics):
        raise Unavailable(f"needs the images of {name}, of which there are only statistics")
    return side


def _kid(sides: Sides) -> Estimate:
    return kid(sides.reals.features, sides.fakes.features, seed=sides.seed)


def _is(sides: Sides) -> Estimate:
    if sides.fakes.probabilities is None:
        raise Unavailable(f"needs an extractor with classes, and {sides.fakes.name} has none")
    return inception_score(sides.fakes.probabilities, seed=sides.seed)


def _cmmd(sides: Sides) -> Estimate:
    if not sides.fakes.name.startswith("clip"):
        raise Unavailable(f"is defined on the extractor clip, got {sides.fakes.name}")
    return cmmd(sides.reals.features, sides.fakes.features)


def _diversity(sides: Sides) -> Estimate:
    network: object = sides.network
    if not isinstance(network, ActivationExtractor):
        raise Unavailable("needs an extractor whose activations can be seen, as lite0's can")
    return diversity(sides.fakes.pixels(PAIRS + 1), network, seed=sides.seed)


def _fid(sides: Sides) -> Estimate:
    fake = sides.fake
    sample = fake.gaussian if isinstance(fake, Statistics) else fake.features
    return frechet_estimate(sides.real.gaussian, sample)


def _fid_inf(sides: Sides) -> Estimate:
    return half_split(sides.real.gaussian, sides.fakes.features, seed=sides.seed)


def _fid_inf15(sides: Sides) -> Estimate:
    return extrapolated(sides.real.gaussian, sides.fakes.features, seed=sides.seed)


METRICS: Mapping[str, Metric] = {
    "is": Metric(_is, AT_LEAST_1, alone=True),
    "fid": Metric(_fid, POSITIVE),
    "fid_inf": Metric(_fid_inf),
    "fid_inf15": Metric(_fid_inf15),
    "kid": Metric(_kid, pairwise=True),
    "precision": Metric(lambda sides: sides.prdc.precision, SHARE, pairwise=True),
    "recall": Metric(lambda sides: sides.prdc.recall, SHARE, pairwise=True),
    "density": Metric(lambda sides: sides.prdc.density, POSITIVE, pairwise=True),
    "coverage": Metric(lambda sides: sides.prdc.coverage, SHARE, pairwise=True),
    "cmmd": Metric(_cmmd, pairwise=True),
    "diversity": Metric(_diversity, POSITIVE, alone=True),
}
"""What is computed of two sets; memorisation, which takes three, is metrics/judgement.py."""
