"""The verb that starts a sweep: a training for every point, all sent to workers at once."""

from collections.abc import Sequence

from django.db import transaction

from evalsite.accounts.models import User
from evalsite.catalog import sweeps
from evalsite.catalog.models import Dataset, Sweep, TrainingRun
from evalsite.catalog.services import queue_training, unique_slug
from evalsite.celery import enqueue_group
from generators.config import Config

LONGEST_NAME = 70


@transaction.atomic
def start_sweep(
    trainings: Sequence[tuple[sweeps.Point, Config]],
    *,
    owner: User,
    name: str,
    dataset: Dataset,
    config: Config,
    search: str,
    space: str,
    draw_seed: int = 0,
    pool_size: int = 0,
) -> Sweep:
    """Queue a training for each point and its configuration, of which `config` is the base."""
    sweep = Sweep.objects.create(
        name=name,
        slug=unique_slug(Sweep, name),
        dataset=dataset,
        owner=owner,
        config=config.as_dict(),
        search=search,
        space=space.splitlines(),
        count=len(trainings),
        seed=draw_seed,
    )
    runs = [
        _run(sweep, number, point, own, pool_size)
        for number, (point, own) in enumerate(trainings, 1)
    ]
    enqueue_group(TrainingRun.task, [run.pk for run in runs])
    return sweep


def _run(
    sweep: Sweep, number: int, point: sweeps.Point, config: Config, pool_size: int
) -> TrainingRun:
    return queue_training(
        owner=sweep.owner,
        name=f"{sweep.name[:LONGEST_NAME]} {number}",
        dataset=sweep.dataset,
        description=f"{config.title} with {sweeps.words(point)}.",
        pool_size=pool_size,
        config=config.as_dict(),
        images_total=config.images_total,
        seed=config.seed,
        sweep=sweep,
        point=point,
    )
