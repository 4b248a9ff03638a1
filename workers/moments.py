"""What is done for a training on its way: small pools are drawn, whose metrics tell how its images got
better, and what goes wrong is written into the worker's log."""

import logging
from typing import TYPE_CHECKING

import numpy as np

from evalsite.catalog import services as catalog
from evalsite.catalog.models import Pool, TrainingRun
from evalsite.catalog.training import history, verdicts
from evalsite.leaderboard import measuring
from workers.drawing import drawn_by

if TYPE_CHECKING:
    from generators.health import Verdict
    from generators.training import Progress, Trainer

log = logging.getLogger(__name__)

MOMENTS = 8
FIRST_S = 15.0
REST_S = 5.0
IMAGES, SEED = 500, 0


def is_passed(images_seen: int, before: int, total: int) -> bool:
    """Whether a training has passed one of MOMENTS evenly spaced moments since `before`.

    >>> is_passed(130, 0, 800), is_passed(190, 130, 800), is_passed(800, 790, 800)
    (True, False, True)
    """
    return MOMENTS * images_seen // total > MOMENTS * before // total


def is_due(progress: "Progress", *, before: int, rested_at_s: float) -> bool:
    """Whether a pool is to be drawn now, the last having been drawn `before`, in images seen."""
    if progress.images_seen == progress.images_total:
        return progress.images_seen > before
    if progress.seconds < rested_at_s:
        return False
    is_first = not before and progress.seconds >= FIRST_S
    return is_first or is_passed(progress.images_seen, before, progress.images_total)


class Moments:
    """The moments of one segment of a run: pools are drawn at most every REST_S seconds, and last."""

    def __init__(self, run: TrainingRun, trainer: "Trainer") -> None:
        drawn = Pool.jobs.of_checkpoints().filter(generator=run.generator).order_by("images_seen")
        last = drawn.last()
        self._run, self._trainer = run, trainer
        self._before = (last.images_seen if last else None) or 0
        self._rested_at_s = 0.0

    def pass_by(self, progress: "Progress") -> None:
        """Draw and keep a pool if it is time."""
        if is_due(progress, before=self._before, rested_at_s=self._rested_at_s):
            self._before = progress.images_seen
            self._rested_at_s = progress.seconds + REST_S
            self._draw(progress.images_seen)

    def _draw(self, images_seen: int) -> None:
        from generators.sampling import TrainedGenerator

        trainer, generator = self._trainer, self._run.generator
        network = TrainedGenerator(
            trainer.ema.averages["generator"], trainer.config, trainer.shape, trainer.images_seen
        )
        drawn = drawn_by(network, generator.dataset, IMAGES, seed=SEED, fewer=True)
        pool = catalog.keep_checkpoint_pool(
            generator,
            np.concatenate(list(drawn.batches)),
            drawn.labels,
            images_seen=images_seen,
            seed=SEED,
        )
        measuring.request_measurements(pool)


class Watch:
    """Tells the log of each verdict on a run when it is first passed, and when it is taken back."""

    def __init__(self, run: TrainingRun) -> None:
        self._run = run
        self._told = {verdict.name for verdict in self._verdicts()}

    def _verdicts(self) -> "list[Verdict]":
        return verdicts(self._run, history(self._run))

    def pass_by(self) -> None:
        """Look at what has been recorded so far."""
        found = {verdict.name: verdict for verdict in self._verdicts()}
        for name in found.keys() - self._told:
            verdict = found[name]
            log.warning(
                "%s: %s since %s images. %s",
                self._run,
                name,
                f"{verdict.since_images:,}",
                verdict.evidence,
            )
        for name in self._told - found.keys():
            log.info("%s: %s no more", self._run, name)
        self._told = set(found)
