"""Taking a generator or a pool away for good: only where nobody has been asked about its images."""

from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from django.core.files.storage import default_storage
from django.db import transaction

from evalsite.catalog.models import Generator, Pool
from evalsite.catalog.services import Refused
from evalsite.studies.models import Study
from evalsite.studies.transfer import imports_about
from pools import store

ANSWERS = "what people answer stays, and so does what they were shown"


def delete_generator(generator: Generator) -> None:
    """Delete a generator with its training, its pools and its files. Raises Refused."""
    with transaction.atomic():
        pools = list(Pool.jobs.select_for_update().filter(generator=generator))
        _require_none(why_generator_stays(generator))
        transaction.on_commit(partial(remove, _files(generator), [each.url for each in pools]))
        generator.delete()


def delete_pool(pool: Pool) -> None:
    """Delete a pool that a network has drawn, with what metrics say of it. Raises Refused."""
    with transaction.atomic():
        locked = Pool.jobs.select_for_update().get(pk=pool.pk)
        _require_none(why_pool_stays(locked))
        transaction.on_commit(partial(remove, [], [locked.url]))
        locked.delete()


def why_generator_stays(generator: Generator) -> str:
    """Why a generator cannot be deleted, and what can be done; empty if it can."""
    if answers := why_answers_stay(generator):
        return answers
    run = getattr(generator, "run", None)
    if run and run in type(run).jobs.running():
        return "It is in training: cancel that first, and delete it a few seconds later."
    return next(filter(None, map(_why_images_stay, Pool.jobs.filter(generator=generator))), "")


def why_answers_stay(generator: Generator) -> str:
    """Which studies ask about a generator, in words; empty if nobody was asked or will be."""
    about_pools = Study.objects.filter(pools__generator=generator).distinct()
    if studies := [*about_pools, *imports_about(generator)]:
        return _asked(studies)
    if generator.scores.filter(pool=None).exists():
        return f"People’s answers about it are on the leaderboard: {ANSWERS}."
    return ""


def why_pool_stays(pool: Pool) -> str:
    """The same of a pool."""
    if pool.generator is None:
        return "These are images of a data set: delete that."
    if not pool.generator.draws_by_seed:
        return "These images are all that there is of the generator: delete the generator."
    studies = list(Study.objects.filter(pools=pool))
    return _asked(studies) if studies else _why_images_stay(pool)


def _asked(studies: Iterable[Study]) -> str:
    waiting = [study for study in studies if study.state == Study.State.WAITING]
    names = ", ".join(f"“{study}”" for study in waiting or studies)
    if waiting:
        return f"Studies that wait for images will ask about these ({names}): delete those first."
    return f"Studies ask people about its images ({names}): {ANSWERS}."


def _why_images_stay(pool: Pool) -> str:
    if rung := getattr(pool, "rung", None):
        return f"The attack “{rung.attack}” has made its images: delete that, and they go with it."
    if pool in Pool.jobs.running():
        return (
            "A worker is drawing its images: cancel that first, and delete it a few seconds later."
        )
    return ""


def _require_none(reason: str) -> None:
    if reason:
        raise Refused(reason)


def _files(generator: Generator) -> list[str]:
    """The names of all files that are a generator's own."""
    files = [generator.file, *(export.file for export in generator.exports.all())]
    if run := getattr(generator, "run", None):
        files += [run.checkpoint, *(sheet.image for sheet in run.sheets.all())]
    return [file.name for file in files if file.name]


def remove(files: Iterable[str], pools: Iterable[str]) -> None:
    """Nobody can ask for these any more: what a store will not give up now is only room lost."""
    for name in files:
        with suppress(OSError):
            default_storage.delete(name)
    for url in pools:
        with suppress(store.PoolError):
            store.remove(url)
