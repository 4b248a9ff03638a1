"""The Celery tasks. The sciences that need torch are imported when a task runs, so that a worker that only
counts answers stays small."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evalsite import jobs
from evalsite.catalog import services as catalog
from evalsite.catalog.models import Pool, TrainingRun
from evalsite.celery import app
from evalsite.jobs import Lease, Stopped
from evalsite.lab.models import Attack, Classifier, Transfer
from evalsite.leaderboard import measuring
from evalsite.leaderboard import services as leaderboard
from evalsite.leaderboard.models import SharingReport
from evalsite.play.models import Export
from evalsite.studies import services as studies
from evalsite.studies.models import Study
from pools import stimulus
from workers import classifying, drawing, forging, playing, sharing
from workers.base import completes
from workers.moments import Moments, Watch

if TYPE_CHECKING:
    from generators.training import Progress, Trainer

SEGMENT_S = 15.0


@completes(TrainingRun)
def train(lease: Lease[TrainingRun]) -> None:
    """Train one segment, keep its checkpoint, and queue the next."""
    run = lease.row
    watch = Watch(run)
    with tempfile.TemporaryDirectory() as folder:
        trainer = _trainer(run, Path(folder))
        moments = Moments(run, trainer)
        with _kept_divergence(run, trainer):
            trainer.advance(
                seconds=SEGMENT_S,
                on_progress=lambda progress: _record(lease, progress, moments, watch),
                should_stop=lease.should_stop,
            )
            checkpoint = Path(folder) / "checkpoint.safetensors"
            trainer.save(checkpoint)
        lease.require()
        catalog.keep_checkpoint(
            run, checkpoint, images_seen=trainer.images_seen, seconds=trainer.seconds
        )
        lease.check()
        if not trainer.done:
            lease.requeue()
            return
        weights = Path(folder) / "generator.safetensors"
        trainer.save_generator(weights)
        catalog.finish_training(run, weights)


def _trainer(run: TrainingRun, folder: Path) -> "Trainer":
    from generators.config import Config
    from generators.training import Trainer

    dataset = run.generator.dataset
    names, real = dataset.class_names, dataset.train_pool.open_whole()
    images = real.read(0, len(real))
    if run.checkpoint:
        local = folder / "resume.safetensors"
        local.write_bytes(run.checkpoint.read())
        trainer = Trainer.resume(local, images, real.labels, class_names=names)
        local.unlink()  # or each worker that is killed as it trains would leave a checkpoint behind
        return trainer
    config = Config.from_dict({**run.config, "seed": run.seed})
    return Trainer(config, images, real.labels, class_count=len(names), class_names=names)


@contextmanager
def _kept_divergence(run: TrainingRun, trainer: "Trainer") -> Iterator[None]:
    """Keep where values became no numbers, before the run fails by it."""
    from generators.training import TrainingDiverged

    try:
        yield
    except TrainingDiverged as error:
        catalog.record_divergence(run, images_seen=trainer.images_seen, error=str(error))
        raise


def _record(
    lease: Lease[TrainingRun], progress: "Progress", moments: Moments, watch: Watch
) -> None:
    """Keep and report a moment; the trainer asks by itself whether to stop, so that no step is lost."""
    sheet = None if progress.grid is None else stimulus.encode_grid(progress.grid[np.newaxis], 1)
    catalog.record_progress(
        lease.row,
        images_seen=progress.images_seen,
        seconds=progress.seconds,
        values=progress.values,
        sheet_png=sheet,
    )
    watch.pass_by()
    with suppress(Stopped):
        lease.report(progress.images_seen / progress.images_total, "training")
        moments.pass_by(progress)


@completes(Pool)
def sample(lease: Lease[Pool]) -> None:
    """Draw the pool's images, then have them measured and open the studies that wait for them."""
    pool = lease.row
    generator = pool.generator
    if generator is None:
        raise ValueError("a data set's pool is imported, not sampled")
    catalog.finish_pool(pool, drawing.draw(lease, generator))
    lease.ready()
    measuring.request_measurements(pool)
    studies.open_studies_of(pool)


completes(Export)(playing.export)
completes(SharingReport)(sharing.share)
completes(Classifier)(classifying.classify)
completes(Attack)(forging.forge)
completes(Transfer)(forging.transfer)


@app.task(name="workers.tasks.score")  # type: ignore[untyped-decorator]
def score(pk: int) -> None:
    """Score a study, and the leaderboard it belongs to, from all answers so far."""
    leaderboard.score_if_due(Study.objects.get(pk=pk))


@app.task(name="workers.tasks.report")  # type: ignore[untyped-decorator]
def report(pk: int) -> None:
    """Write all that a study's answers tell, for its page of results."""
    leaderboard.report_if_due(Study.objects.get(pk=pk))


@app.task(name="workers.tasks.sweep")  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Put right what a dead worker, broker or machine has left behind."""
    jobs.sweep()
    studies.open_waiting()
    measuring.catch_up()
    leaderboard.catch_up()
