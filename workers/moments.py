"""What a training draws on its way: small pools, whose metrics tell how its images got better."""

from typing import TYPE_CHECKING

import numpy as np

from evalsite.catalog import services as catalog
from evalsite.catalog.models import Pool, TrainingRun
from evalsite.leaderboard import measuring

if TYPE_CHECKING:
    from generators.training import Progress, Trainer

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
        from generators.sampling import TrainedGenerator, sample

        trainer = self._trainer
        network = TrainedGenerator(
            trainer.ema.averages["generator"], trainer.config, trainer.shape, trainer.images_seen
        )
        pool = catalog.keep_checkpoint_pool(
            self._run.generator,
            np.concatenate(list(sample(network, IMAGES, seed=SEED))),
            network.labels(0, IMAGES),
            images_seen=images_seen,
            seed=SEED,
        )
        measuring.request_measurements(pool)
