"""Figures, and what they are called: the one place that decides which may bear a paper's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf, nan

from metrics.estimate import Estimate, Published
from metrics.extractors.catalog import INCEPTION

RESAMPLED = "generated images; the real ones are held fixed"
RESAMPLED_ALONE = "generated images"

STEMS: Mapping[str, str] = {
    "is": "IS",
    "fid": "FD",
    "fid_inf": "FD∞",
    "fid_inf15": "FD∞15",
    "kid": "KID",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "cmmd": "CMMD",
    "diversity": "diversity",
    "authenticity": "authenticity",
    "c_t": "C_T",
}
"""What is measured, and the stem of its figures' names."""

NOTHING = Estimate(nan, None, "none: the figure is refused")


@dataclass(frozen=True)
class Reference:
    """What a perfect generator would score: n real images of another part, measured as the fakes."""

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Figure:
    """One number with its 95 % interval, its n and all that tells it from another of its name.

    `value` is None where the figure is refused, for the reason in `note`, which else is empty or a
    caution in plain words. `low`, `high` and `se` are None where no interval can be had (`method`
    says why). `n_real` is None for a metric that looks at generated images alone, and both counts
    are where a statistics file does not tell. `published` is the variant that papers print, where
    it differs.
    """

    name: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    se: float | None
    n_real: int | None
    n_fake: int | None
    extractor: str
    resampled: str
    method: str
    published: Published | None
    note: str
    reference: Reference | None


def figure_name(metric: str, extractor: str) -> str:
    """Return the name of a metric's figure on an extractor; no two extractors share one.

    A Fréchet distance is a FID on Inception features alone, and then says which resize it had.

    >>> figure_name("fid", "lite0"), figure_name("fid_inf", "clean"), figure_name("kid", "tf1")
    ('FD-lite0', 'FID∞-clean', 'KID-tf1')
    """
    stem = STEMS[metric]
    if extractor in INCEPTION:
        stem = stem.replace("FD", "FID")
    return f"{stem}-{extractor}"


@dataclass(frozen=True)
class Compared:
    """What the figures of one comparison share: the extractor, by name and line, and both n."""

    name: str
    extractor: str
    n_real: int | None
    n_fake: int | None

    def figure(
        self,
        metric: str,
        estimate: Estimate,
        *,
        bounds: tuple[float, float] = (-inf, inf),
        alone: bool = False,
        note: str = "",
        reference: Reference | None = None,
    ) -> Figure:
        """Return the figure of an estimate whose values end at `bounds`.

        `alone` says that the metric looks at generated images alone.
        """
        low, high = estimate.interval(*bounds) or (None, None)
        return Figure(
            name=figure_name(metric, self.name),
            metric=metric,
            value=estimate.value,
            low=low,
            high=high,
            se=estimate.se,
            n_real=None if alone else self.n_real,
            n_fake=self.n_fake,
            extractor=self.extractor,
            resampled=RESAMPLED_ALONE if alone else RESAMPLED,
            method=estimate.method,
            published=estimate.published,
            note="; ".join(each for each in (note, estimate.note) if each),
            reference=reference,
        )

    def refused(self, metric: str, reason: str, *, alone: bool = False) -> Figure:
        """Return the figure that cannot be had, for a reason."""
        return replace(self.figure(metric, NOTHING, alone=alone, note=reason), value=None)
