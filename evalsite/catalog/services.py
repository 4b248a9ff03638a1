"""What researchers do with data sets and generators: import, train, upload, sample."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models.fields.files import FieldFile
from django.utils import timezone
from django.utils.text import slugify

from evalsite import jobs
from evalsite.accounts.models import User
from evalsite.catalog.models import (
    Dataset,
    Generator,
    LossPoint,
    Pool,
    SampleSheet,
    Sweep,
    TrainingRun,
    random_key,
    store_url,
)
from pools import sources, store

ImportProgress = Callable[[int, int], None]
FEWEST_RUNGS = 2


class Refused(ValueError):
    """What was asked cannot be done; the message says why, and what can."""


def unique_slug(model: type[Dataset | Generator | Sweep], name: str) -> str:
    """A slug for `name` that no row of `model` has."""
    base = slugify(name)[:70] or "unnamed"
    taken = set(model._default_manager.filter(slug__startswith=base).values_list("slug", flat=True))
    taken |= {"train", "upload", "new"}  # pages of their own
    if model is Generator:
        taken |= {"real", "catch"}  # what tables of trials call other images
    numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
    return next(slug for slug in (base, *numbered) if slug not in taken)


def import_dataset(
    name: str,
    splits: Mapping[str, sources.Source],
    *,
    resolution_px: int,
    channels: int,
    description: str = "",
    licence: str = "",
    origin: str = "",
    class_names: Sequence[str] = (),
    progress: ImportProgress | None = None,
) -> Dataset:
    """Copy every split into a pool of its own: all of them, or nothing is kept.

    Raises `pools.sources.BadImages` naming each rejected file, Refused for a name that is none.
    """
    _require_words(name=name, licence=licence, source=origin)
    if Dataset.objects.filter(name__iexact=name).exists():
        raise Refused(f"there is a data set called {name!r} already: choose another name")
    keys = {split: random_key() for split in splits}
    try:
        written = {
            split: sources.import_images(
                source,
                store_url(keys[split]),
                resolution_px=resolution_px,
                channels=channels,
                progress=progress,
            )
            for split, source in splits.items()
        }
        with transaction.atomic():
            dataset = Dataset.objects.create(
                name=name,
                slug=unique_slug(Dataset, name),
                description=description,
                resolution_px=resolution_px,
                channels=channels,
                class_names=list(class_names)
                or _class_names(next(iter(splits.values())), next(iter(written.values()))),
                licence=licence,
                source=origin,
            )
            for split, pool in written.items():
                _add_real_pool(dataset, split, keys[split], pool)
    except BaseException:
        for key in keys.values():
            with suppress(store.PoolError):
                store.remove(store_url(key))
        raise
    return dataset


def _require_words(**words: str) -> None:
    """Before images are read for nothing: not every database refuses what is too long."""
    try:
        Dataset(**words).clean_fields(exclude={"slug", "resolution_px", "channels"})
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise Refused(f"{field}: {reasons[0]}") from error
    for field, text in words.items():
        if not text.isprintable() or text != text.strip():
            raise Refused(
                f"{field}: only signs that can be seen, without blanks around, got {text!r}"
            )


@transaction.atomic
def remove_dataset(dataset: Dataset) -> None:
    """Delete a data set with its images; the database refuses if anything imitates or studies it."""
    urls = [pool.url for pool in dataset.pools.all()]
    dataset.delete()
    transaction.on_commit(partial(_remove_images, urls))


def _remove_images(urls: Sequence[str]) -> None:
    """What a store will not give up now is only room lost: no row asks for it any more."""
    for url in urls:
        with suppress(store.PoolError):
            store.remove(url)


def _class_names(source: sources.Source, pool: store.Pool) -> list[str]:
    """The source's own; numbers where its images have labels without names; none without labels."""
    if source.class_names is not None or pool.labels is None:
        return list(source.class_names or [])
    return [str(label) for label in range(int(pool.labels.max()) + 1)]


def _add_real_pool(dataset: Dataset, split: str, key: str, pool: store.Pool) -> None:
    Pool.jobs.create(dataset=dataset, split=split, **_ready(key, pool))


def start_training(
    *,
    owner: User | None,
    name: str,
    dataset: Dataset,
    config: dict[str, Any],
    images_total: int,
    seed: int = 0,
    pool_size: int = 0,
    description: str = "",
) -> Generator:
    """Queue a training, and a pool of `pool_size` images that waits for it (0 for none)."""
    run = queue_training(
        owner=owner,
        name=name,
        dataset=dataset,
        description=description,
        pool_size=pool_size,
        config=config,
        images_total=images_total,
        seed=seed,
    )
    jobs.submit(run)
    return run.generator


@transaction.atomic
def queue_training(
    *,
    owner: User | None,
    name: str,
    dataset: Dataset,
    description: str,
    pool_size: int,
    seed: int,
    **of_run: Any,
) -> TrainingRun:
    """The rows of a training; no worker is told of them yet."""
    generator = Generator.objects.create(
        name=name,
        slug=unique_slug(Generator, name),
        description=description,
        kind=Generator.Kind.TRAINED,
        dataset=dataset,
        owner=owner,
    )
    if pool_size:
        Pool.jobs.create(
            generator=generator, count=pool_size, seed=seed, state=jobs.JobState.WAITING
        )
    return TrainingRun.jobs.create(generator=generator, seed=seed, **of_run)


@transaction.atomic
def upload_generator(
    *,
    owner: User | None,
    name: str,
    dataset: Dataset,
    kind: str,
    file: "File[bytes]",
    count: int = 0,
    seed: int = 0,
    description: str = "",
) -> Generator:
    """Keep an uploaded archive or network, and ask for its first pool."""
    generator = Generator(
        name=name,
        slug=unique_slug(Generator, name),
        description=description,
        kind=kind,
        dataset=dataset,
        owner=owner,
    )
    with kept_whole(generator.file, file):
        generator.save()
        request_pool(generator, count=count, seed=seed)
    return generator


@contextmanager
def kept_whole(field: FieldFile, file: "File[bytes]") -> Iterator[None]:
    """Keep an uploaded file under a name of its own; nothing of it, if that or what follows fails."""
    name = f"{random_key()}{Path(file.name or '').suffix.lower()}"
    try:
        field.save(name, file, save=False)
        yield
    except BaseException:
        with suppress(OSError):
            field.storage.delete(field.field.generate_filename(field.instance, name))
        raise


@transaction.atomic
def request_pool(
    generator: Generator, *, count: int, seed: int = 0, classes: Sequence[int] = ()
) -> Pool:
    """The pool of this seed and size, of some classes or of all; asked for now if it is new."""
    pool, created = Pool.jobs.get_or_create(
        generator=generator, count=count, seed=seed, classes=sorted(classes)
    )
    if created:
        jobs.submit(pool)
    return pool


def record_progress(
    run: TrainingRun,
    *,
    images_seen: int,
    seconds: float,
    values: Mapping[str, float],
    sheet_png: bytes | None,
) -> None:
    """Keep one moment of a run: its losses and what else was watched, and its samples where there are any."""
    LossPoint.objects.update_or_create(
        run=run, images_seen=images_seen, defaults={"values": dict(values)}
    )
    TrainingRun.jobs.filter(pk=run.pk).update(images_seen=images_seen, seconds=seconds)
    if sheet_png is None or SampleSheet.objects.filter(run=run, images_seen=images_seen).exists():
        return
    sheet = SampleSheet(run=run, images_seen=images_seen)
    sheet.image.save(f"{run.pk}-{images_seen}.png", ContentFile(sheet_png))


def record_divergence(run: TrainingRun, *, images_seen: int, error: str) -> None:
    """Keep where a run's values became no numbers, and what was said of it."""
    point, _ = LossPoint.objects.get_or_create(
        run=run, images_seen=images_seen, defaults={"values": {}}
    )
    point.values = {**point.values, "error": error}
    point.save(update_fields=["values"])


def keep_checkpoint(run: TrainingRun, path: Path, *, images_seen: int, seconds: float) -> None:
    """Replace the run's checkpoint; it goes on from there."""
    old = run.checkpoint.name
    with path.open("rb") as opened:
        run.checkpoint.save(f"{run.pk}-{images_seen}.safetensors", File(opened), save=False)
    run.images_seen, run.seconds = images_seen, seconds
    run.save(update_fields=["checkpoint", "images_seen", "seconds"])
    if old and old != run.checkpoint.name:
        run.checkpoint.storage.delete(old)


def finish_training(run: TrainingRun, weights: Path) -> None:
    """Keep the trained generator's weights and let the pools that waited for them be sampled."""
    generator = run.generator
    with weights.open("rb") as opened:
        generator.file.save(f"{generator.slug}.safetensors", File(opened))
    for pool in Pool.jobs.filter(generator=generator, state=jobs.JobState.WAITING):
        jobs.release(pool)


def keep_checkpoint_pool(
    generator: Generator,
    images: store.Images,
    labels: store.Labels | None,
    *,
    images_seen: int,
    seed: int,
) -> Pool:
    """Keep what a network in training has drawn; what a worker that died has kept of it stands."""
    drawn = Pool.jobs.filter(generator=generator, images_seen=images_seen).first()
    return drawn or Pool.jobs.create(
        generator=generator, images_seen=images_seen, seed=seed, **_stored(images, labels)
    )


@transaction.atomic
def put_to_people(run: TrainingRun, pools: Sequence[Pool]) -> list[Pool]:
    """A generator with one ready pool for each of at least two pools that the run has left on its way.

    Whatever has been put to people before is not copied again. Raises Refused.
    """
    if len(pools) < FEWEST_RUNGS:
        raise Refused(f"a ladder needs at least {FEWEST_RUNGS} checkpoints, got {len(pools)}")
    return [_rung(run.generator, pool) for pool in pools]


def _rung(generator: Generator, drawn: Pool) -> Pool:
    if drawn.generator_id != generator.pk or drawn.images_seen is None or not drawn.is_ready:
        raise Refused(f"{drawn} is no checkpoint of {generator}")
    before = Generator.objects.filter(drawn_on_the_way=drawn).first()
    if before:
        return before.pools.get()
    after = f" after {drawn.images_seen:,} images"
    name = generator.name[: 80 - len(after)] + after
    rung = Generator.objects.create(
        name=name,
        slug=unique_slug(Generator, name),
        description=f"What {generator} drew in the middle of its training.",
        kind=Generator.Kind.ARCHIVE,
        dataset=generator.dataset,
        owner=generator.owner,
        drawn_on_the_way=drawn,
    )
    images = drawn.open()
    kept = _stored(images.read(0, len(images)), images.labels)
    return Pool.jobs.create(generator=rung, seed=drawn.seed, **kept)


@transaction.atomic
def keep_forged(
    name: str,
    *,
    dataset: Dataset,
    owner: User | None,
    description: str,
    key: str,
    images: store.Pool,
    seed: int,
) -> Pool:
    """A generator of one ready pool: images that a worker has forged and put in the store under `key`."""
    forger = Generator.objects.create(
        name=name,
        slug=unique_slug(Generator, name),
        description=description,
        kind=Generator.Kind.FORGED,
        dataset=dataset,
        owner=owner,
    )
    return Pool.jobs.create(generator=forger, seed=seed, **_ready(key, images))


def _stored(images: store.Images, labels: store.Labels | None) -> dict[str, Any]:
    """Put images in a new pool; what its row says of it."""
    key = random_key()
    count, resolution_px, _, channels = images.shape
    pool = store.create(
        store_url(key),
        count=count,
        resolution_px=resolution_px,
        channels=channels,
        labelled=labels is not None,
    )
    pool.write(0, images, labels)
    return _ready(key, pool)


def _ready(key: str, pool: store.Pool) -> dict[str, Any]:
    """What the row of a finished pool says."""
    return {
        "key": key,
        "count": len(pool),
        "content_hash": pool.content_hash(),
        "state": jobs.JobState.READY,
        "progress": 1.0,
        "finished_at": timezone.now(),
    }


def finish_pool(pool: Pool, images: store.Pool) -> None:
    """Record what was sampled; the caller marks the row ready."""
    pool.count = len(images)
    pool.content_hash = images.content_hash()
    pool.save(update_fields=["count", "content_hash"])
