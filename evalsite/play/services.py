"""Trained networks are exported once, when somebody first wants to play with them."""

from pathlib import Path

from django.core.files import File
from django.core.files.storage import default_storage

from evalsite import jobs
from evalsite.catalog.models import Generator, random_key
from evalsite.play.models import Export
from generators.config import Translation

CYCLE = "classes"


def translation_of(generator: Generator) -> Translation:
    """What the generator turns into what; its task is `none` if it draws from noise."""
    return Translation(**generator.run.config.get("translation", {}))


def request_exports(generator: Generator) -> list[Export]:
    """All networks that its page needs; asked for now if they are new."""
    names = [Export.Network.GENERATOR]
    if translation_of(generator).task == CYCLE:
        names.append(Export.Network.BACK)
    return [_requested(generator, name) for name in names]


def _requested(generator: Generator, network: str) -> Export:
    """An export; one whose file is gone from the disk is made anew."""
    export, created = Export.jobs.get_or_create(generator=generator, network=network)
    if export.is_ready and not default_storage.exists(str(export.file)):
        export.delete()
        return _requested(generator, network)
    if created:
        jobs.submit(export)
    return export


def keep_export(export: Export, path: Path) -> None:
    """Keep the exported network; the caller marks the row ready."""
    with path.open("rb") as opened:
        export.file.save(f"{random_key()}.onnx", File(opened), save=False)
    export.save(update_fields=["file"])
