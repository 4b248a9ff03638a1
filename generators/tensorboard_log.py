"""The settings, curves and sample sheets of a run as TensorBoard reads them."""

import io
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.summary.writer.record_writer import RecordWriter

from generators.config import Setting
from generators.data import Images
from pools.stimulus import encode_grid

FILE_VERSION = "brain.Event:2"
FILE_NAME = "events.out.tfevents"


@dataclass(frozen=True)
class Report:
    """What is told at one moment: scalars by name, and the sheet, if any, as PNG."""

    images_seen: int
    time_s: float
    values: Mapping[str, float]
    sheet: bytes | None = None

    def event(self) -> Event:
        """The step is the number of images seen; the sheet is called `samples`."""
        found = [Summary.Value(tag=name, simple_value=value) for name, value in self.values.items()]
        if self.sheet is not None:
            found.append(Summary.Value(tag="samples", image=_image(self.sheet)))
        return Event(wall_time=self.time_s, step=self.images_seen, summary=Summary(value=found))


class TensorBoardLog:
    """A new event file in a folder, which begins with the settings of the run by name.

    What earlier files of the folder hold from after `images_seen` is forgotten by their readers: it
    was trained after the checkpoint that the run goes on from, and is trained again.
    """

    def __init__(self, folder: Path, images_seen: int, settings: Mapping[str, Setting]) -> None:
        self._writer = EventFileWriter(str(folder))
        start = SessionLog(status=SessionLog.START)
        self._writer.add_event(
            Event(wall_time=time.time(), step=images_seen + 1, session_log=start)
        )
        self._writer.add_event(_settings_event(settings, time.time()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    def write(self, images_seen: int, values: Mapping[str, float], sheet: Images | None) -> None:
        """One report, with the sheet uint8 (H, W, C), if any."""
        picture = None if sheet is None else encode_grid(sheet[None], 1)
        self._writer.add_event(Report(images_seen, time.time(), values, picture).event())
        self._writer.flush()


def event_file(settings: Mapping[str, Setting], reports: Iterable[Report]) -> bytes:
    """A whole run as one event file, to be kept under a name with FILE_NAME in it."""
    told = [report.event() for report in reports]
    started_s = told[0].wall_time if told else time.time()
    version = Event(wall_time=started_s, file_version=FILE_VERSION)
    file = io.BytesIO()
    writer = RecordWriter(file)
    for event in (version, _settings_event(settings, started_s), *told):
        writer.write(event.SerializeToString())
    return file.getvalue()


def _settings_event(settings: Mapping[str, Setting], time_s: float) -> Event:
    """What TensorBoard's table of hyperparameters reads."""
    start = SessionStartInfo(start_time_secs=time_s)
    for name, value in settings.items():
        if isinstance(value, bool):
            start.hparams[name].bool_value = value
        elif isinstance(value, str):
            start.hparams[name].string_value = value
        else:
            start.hparams[name].number_value = value
    plugin = metadata.create_summary_metadata(HParamsPluginData(session_start_info=start))
    told = Summary.Value(
        tag=metadata.SESSION_START_INFO_TAG, metadata=plugin, tensor=metadata.NULL_TENSOR
    )
    return Event(wall_time=time_s, summary=Summary(value=[told]))


def _image(sheet: bytes) -> Summary.Image:
    with Image.open(io.BytesIO(sheet)) as picture:
        return Summary.Image(
            height=picture.height,
            width=picture.width,
            colorspace=len(picture.getbands()),
            encoded_image_string=sheet,
        )
