"""Exported networks, opened: a few stay in the memory of the process."""

from functools import lru_cache

from django.core.files.storage import default_storage

from evalsite.catalog.models import Generator
from evalsite.play.models import Export
from generators.playing import Network

KEPT = 4


def network_of(generator: Generator, name: str = Export.Network.GENERATOR) -> Network:
    """A network of a generator; Export.DoesNotExist if it is not exported yet, or its file is gone."""
    export = Export.jobs.ready().get(generator=generator, network=name)
    try:
        return _opened(export.file.name)
    except FileNotFoundError as error:
        raise Export.DoesNotExist from error


@lru_cache(maxsize=KEPT)
def _opened(name: str) -> Network:
    """By the file's name, which is random: another file never has it."""
    with default_storage.open(name) as file:
        return Network(file.read())
