"""The lab's attacks: images forged rung by rung into pools, and tried on other classifiers."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from evalsite.catalog.models import Dataset
from evalsite.jobs import Lease
from evalsite.lab import services as lab
from evalsite.lab.models import Attack, Rung, Transfer
from evalsite.lab.words import FLIPPED, FORGED
from evalsite.leaderboard import measuring
from evalsite.studies import services as studies
from pools import store
from workers.classifying import Given, opened
from workers.detecting import detected

if TYPE_CHECKING:
    from classifiers.victim import Victim
    from generators.adversarial.campaign import Campaign
    from generators.adversarial.forged import Forged
    from generators.adversarial.plan import Plan

SEGMENT_S = 15.0
KEPT = ("predictions", "clean_predictions", "fooled", "counted", "queries")
"""What is kept of each image of a rung."""


def forge(lease: Lease[Attack]) -> None:
    """Make the rungs that are not made yet, and give way to other jobs from time to time.

    Each becomes a generator with a pool as soon as it is whole.
    """
    from generators.adversarial.campaign import Campaign

    attack, plan = lease.row, lease.row.plan
    rungs = list(attack.rungs.all())
    with opened(attack.classifier) as victim:
        given = _chosen(attack.dataset, attack.indices)
        labels = _as_numbered(victim, given, attack.dataset, plan)
        work = _Work(lease, Campaign(victim, given.images, labels, plan), given, rungs)
        began = time.monotonic()
        for rung in [rung for rung in rungs if rung.pool is None]:
            work.forge(rung)
            if time.monotonic() - began > SEGMENT_S:
                lease.requeue()
                return
        work.film()


def _chosen(dataset: Dataset, indices: list[int]) -> Given:
    """Some held-out images with their true classes."""
    pool = dataset.held_out_pool.open()
    assert pool.labels is not None  # noqa: S101  # refused before
    return Given(np.stack([pool.image(index) for index in indices]), pool.labels[indices])


def _as_numbered(
    victim: "Victim", given: Given, dataset: Dataset, plan: "Plan"
) -> npt.NDArray[np.int64] | None:
    """The true classes as the network numbers them; None if it has others, and only a target counts."""
    from classifiers.errors import ClassifierError
    from classifiers.measuring import labels_for

    try:
        return labels_for(victim, given.labels, tuple(dataset.class_names))
    except ClassifierError:
        if plan.target is None:
            raise
        return None


@dataclass(frozen=True)
class _Work:
    """An attack at work: its images are forged in blocks, each of which is kept at once."""

    lease: Lease[Attack]
    campaign: "Campaign"
    given: Given
    rungs: list[Rung]

    def forge(self, rung: Rung) -> None:
        """Forge what is missing of a rung, and hand its pool on."""
        from generators.noise import BLOCK_IMAGES

        images = self._place(rung)
        while rung.done < len(self.campaign):
            start = rung.done
            self._report(rung)
            rows = range(start, min(start + BLOCK_IMAGES, len(self.campaign)))
            made = self._made(rung, rows)
            self.lease.require()
            images.write(start, made.images, self._labels(rows))
            lab.keep_chunk(rung, _outcomes(made))
            self.lease.check()
        self._detect(rung)
        pool = lab.finish_rung(rung)
        measuring.request_measurements(pool)
        studies.open_studies_of(pool)

    def film(self) -> None:
        """Keep the first images while they are optimised, of an attack that forges a class."""
        from generators.adversarial.film import film

        attack = self.lease.row
        if self.campaign.plan.about.targeted_only and not attack.film:
            self.lease.report(1.0, "filming")
            lab.keep_film(attack, film(self.campaign))

    def _detect(self, rung: Rung) -> None:
        if rung.kind != FORGED or self._labels(range(1)) is None:
            return
        forged = rung.open().read(0, rung.done)
        lab.keep_detector(
            rung, detected(self.campaign.originals, forged, seed=self.campaign.plan.seed)
        )

    def _report(self, rung: Rung) -> None:
        count = len(self.campaign)
        done = rung.position * count + rung.done
        note = f"{rung.words}, {rung.done:,} of {count:,} images"
        self.lease.report(done / (len(self.rungs) * count), note)

    def _labels(self, rows: range) -> npt.NDArray[np.int64] | None:
        """What the images show, as the data set numbers it; None where they are made of noise."""
        if self.campaign.plan.about.starts_from != "images":
            return None
        return self.given.labels[rows.start : rows.stop]

    def _place(self, rung: Rung) -> store.Pool:
        """Where the rung's images are kept, from the first on if there are none yet."""
        if rung.done:
            return store.open_pool(rung.url, writable=True)
        count, resolution_px, _, channels = self.campaign.originals.shape
        return store.create(
            rung.url,
            count=count,
            resolution_px=resolution_px,
            channels=channels,
            labelled=self._labels(range(1)) is not None,
            overwrite=True,
        )

    def _made(self, rung: Rung, rows: range) -> "Forged":
        """Some images of a rung; a control mirrors what another rung has made already."""
        from generators.adversarial.plan import Rung as Asked

        asked = Asked(rung.kind, rung.epsilon)  # type: ignore[arg-type]  # text in the table
        forged = self._forged(rung.epsilon) if rung.kind == FLIPPED else None
        return self.campaign.forge(asked, rows=rows, forged=forged)

    def _forged(self, epsilon: float | None) -> store.Images | None:
        """All images of the forged rung of this ε, if they are made."""
        for rung in self.rungs:
            if (rung.kind, rung.epsilon, rung.done) == (FORGED, epsilon, len(self.campaign)):
                return rung.open().read(0, rung.done)
        return None


def _outcomes(made: "Forged") -> dict[str, list[Any]]:
    own = {name: getattr(made, name).tolist() for name in KEPT}
    return {**own, "shared_queries": [made.shared_queries] * len(made)}


def transfer(lease: Lease[Transfer]) -> None:
    """Forge on each classifier that can be attacked so, and try the images on all."""
    from classifiers.measuring import labels_for
    from generators.adversarial.transfer import transfer as tried

    asked, plan = lease.row, lease.row.plan
    given = _chosen(asked.dataset, lab.chosen_images(asked.dataset, plan))
    names = tuple(asked.dataset.class_names)
    with ExitStack() as stack:
        victims = [stack.enter_context(opened(row)) for row in asked.classifiers.order_by("pk")]
        found = tried(
            victims,
            given.images,
            [labels_for(victim, given.labels, names) for victim in victims],
            plan,
            progress=lambda done, total: lease.report(
                done / total, f"{done:,} of {total:,} images"
            ),
        )
    known = found.of * found.attacked[:, np.newaxis]
    rows = np.stack([found.counts, known], axis=-1).tolist()
    lease.require()
    lab.keep_transfer(asked, {"names": list(found.names), "rows": rows})
