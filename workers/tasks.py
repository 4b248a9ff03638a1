"""The Celery tasks. The sciences that need torch are imported when a task runs, so that a worker that only
counts answers stays small."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from django.conf import settings

from evalsite import jobs
from evalsite.catalog import services as catalog
from evalsite.catalog.models import Dataset, Generator, Pool, TrainingRun
from evalsite.celery import app
from evalsite.jobs import Lease, Stopped
from evalsite.leaderboard import services as leaderboard
from evalsite.leaderboard.models import Measurement
from evalsite.studies import services as studies
from evalsite.studies.models import Study
from pools import sources, stimulus, store
from workers.base import completes

if TYPE_CHECKING:
    from generators.training import Progress, Trainer

Batch = npt.NDArray[np.uint8]

SEGMENT_S = 15.0


@completes(TrainingRun)
def train(lease: Lease[TrainingRun]) -> None:
    """Train one segment, keep its checkpoint, and queue the next."""
    run = lease.row
    with tempfile.TemporaryDirectory() as folder:
        trainer = _trainer(run, Path(folder))
        trainer.advance(
            seconds=SEGMENT_S,
            on_progress=lambda progress: _record(lease, progress),
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
    real = dataset.train_pool.open()
    images = real.read(0, len(real))
    if run.checkpoint:
        local = folder / "resume.safetensors"
        local.write_bytes(run.checkpoint.read())
        return Trainer.resume(local, images, real.labels)
    config = Config.from_dict({**run.config, "seed": run.seed})
    return Trainer(config, images, real.labels, class_count=len(dataset.class_names))


def _record(lease: Lease[TrainingRun], progress: "Progress") -> None:
    """Keep and report a moment; the trainer asks by itself whether to stop, so that no step is lost."""
    sheet = None if progress.grid is None else stimulus.encode_grid(progress.grid[np.newaxis], 1)
    catalog.record_progress(
        lease.row,
        images_seen=progress.images_seen,
        seconds=progress.seconds,
        d_loss=progress.d_loss,
        g_loss=progress.g_loss,
        sheet_png=sheet,
    )
    with suppress(Stopped):
        lease.report(progress.images_seen / progress.images_total, "training")


@completes(Pool)
def sample(lease: Lease[Pool]) -> None:
    """Draw the pool's images, then have them measured and open the studies that wait for them."""
    pool = lease.row
    generator = pool.generator
    if generator is None:
        raise ValueError("a data set's pool is imported, not sampled")
    draw = _read_archive if generator.kind == Generator.Kind.ARCHIVE else _draw
    catalog.finish_pool(pool, draw(lease, generator))
    lease.ready()
    leaderboard.request_measurement(pool)
    studies.open_studies_of(pool)


def _draw(lease: Lease[Pool], generator: Generator) -> store.Pool:
    pool, dataset = lease.row, generator.dataset
    written = store.create(
        pool.url,
        count=pool.count,
        resolution_px=dataset.resolution_px,
        channels=dataset.channels,
        overwrite=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        local = _fetched(generator, Path(folder))
        start = 0
        report = _reporter(lease, "sampled")
        for batch in _batches(local, pool, dataset):
            written.write(start, batch)
            start += len(batch)
            report(start, pool.count)
    return written


def _batches(path: Path, pool: Pool, dataset: Dataset) -> Iterator[Batch]:
    if pool.generator and pool.generator.kind == Generator.Kind.TRAINED:
        from generators.sampling import sample as draw

        return draw(path, pool.count, seed=pool.seed)
    from generators.sandbox.onnx_sampling import sample_onnx

    return sample_onnx(
        path,
        pool.count,
        seed=pool.seed,
        resolution_px=dataset.resolution_px,
        channels=dataset.channels,
        class_count=len(dataset.class_names) or None,
        timeout_s=settings.ONNX_TIMEOUT_S,
        memory_mb=settings.ONNX_MEMORY_MB,
        largest_mb=settings.ONNX_MAX_MB,
        allow_insecure=settings.INSECURE_SANDBOX,
    )


def _read_archive(lease: Lease[Pool], generator: Generator) -> store.Pool:
    dataset = generator.dataset
    store.remove(lease.row.url)  # what a worker that died may have left
    with tempfile.TemporaryDirectory() as folder:
        local = _fetched(generator, Path(folder))
        return sources.import_images(
            sources.open_source(local),
            lease.row.url,
            resolution_px=dataset.resolution_px,
            channels=dataset.channels,
            progress=_reporter(lease, "reading"),
        )


def _fetched(generator: Generator, folder: Path) -> Path:
    """A local copy of the generator's file, wherever it is stored."""
    local = folder / Path(generator.file.name or "upload").name
    with generator.file.open() as stored, local.open("wb") as copy:
        shutil.copyfileobj(stored, copy)
    return local


def _reporter(lease: Lease[Pool], note: str) -> Callable[[int, int], None]:
    def report(done: int, total: int) -> None:
        lease.report(done / total, f"{note} {done:,} of {total:,} images")

    return report


@completes(Measurement)
def measure(lease: Lease[Measurement]) -> None:
    """Measure a pool against the real images that people see."""
    from metrics.features import FeatureCache
    from metrics.measure import measure as measure_pools

    pool = lease.row.pool
    measured = measure_pools(
        pool.imitates.held_out_pool.open(),
        pool.open(),
        extractor=lease.row.extractor,
        cache=FeatureCache(settings.DATA_DIR / "features"),
        progress=lambda done, total: lease.report(done / total, "computing features"),
    )
    leaderboard.record_measurement(lease.row, json.loads(json.dumps(measured.as_dict())))


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
    leaderboard.catch_up()
