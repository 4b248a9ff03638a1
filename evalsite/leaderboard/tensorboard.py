"""Trainings as TensorBoard's event files: settings, curves, samples, and the quality of their checkpoints."""

import io
import zipfile
from collections import defaultdict
from collections.abc import Iterable

from django.core.files.storage import default_storage

from evalsite.catalog.models import Sweep, TrainingRun
from evalsite.catalog.training import config_of, history
from evalsite.leaderboard.models import Score
from generators.tensorboard_log import FILE_NAME, Report, event_file


def events_of(run: TrainingRun) -> bytes:
    """One event file. The site keeps no time of each moment: they are spread evenly over the training."""
    config = config_of(run)
    return event_file(config.settings() if config else {}, _reports(run))


def file_name(run: TrainingRun) -> str:
    """What TensorBoard takes for an event file."""
    return f"{FILE_NAME}.{_started_s(run):.0f}.{run.generator.slug}"


def archive_of(sweep: Sweep) -> bytes:
    """A zip with a folder for each training, so that TensorBoard shows them side by side."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for run in sweep.runs.select_related("generator").order_by("pk"):
            archive.writestr(f"{run.generator.slug}/{file_name(run)}", events_of(run))
    return file.getvalue()


def _reports(run: TrainingRun) -> Iterable[Report]:
    values: defaultdict[int, dict[str, float]] = defaultdict(dict)
    for moment in history(run):
        values[moment.images_seen] |= moment.values
    for score in Score.objects.of_checkpoints(run.generator):
        if score.pool and score.pool.images_seen:
            values[score.pool.images_seen][score.name] = score.value
    sheets = {sheet.images_seen: str(sheet.image.name) for sheet in run.sheets.all()}
    for images_seen in sorted(values.keys() | sheets.keys()):
        time_s = _started_s(run) + run.seconds * images_seen / max(run.images_seen, 1)
        sheet = _content(sheets[images_seen]) if images_seen in sheets else None
        yield Report(images_seen, time_s, values.get(images_seen, {}), sheet)


def _started_s(run: TrainingRun) -> float:
    return (run.started_at or run.queued_at).timestamp()


def _content(name: str) -> bytes:
    with default_storage.open(name) as file:
        return bytes(file.read())
