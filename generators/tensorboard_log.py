"""The curves and sample sheets of a run as TensorBoard reads them."""

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from generators.data import Images
from pools.stimulus import encode_grid


class TensorBoardLog:
    """A new event file in a folder; the step of every event is the number of images seen.

    What earlier files of the folder hold from after `images_seen` is forgotten by their readers: it
    was trained after the checkpoint that the run goes on from, and is trained again.
    """

    def __init__(self, folder: Path, images_seen: int) -> None:
        self._writer = EventFileWriter(str(folder))
        self._add(images_seen + 1, session_log=SessionLog(status=SessionLog.START))

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
        """One report: scalars by name, and the sheet uint8 (H, W, C), if any, as `samples`."""
        found = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        if sheet is not None:
            found.append(Summary.Value(tag="samples", image=_image(sheet)))
        self._add(images_seen, summary=Summary(value=found))
        self._writer.flush()

    def _add(self, step: int, **content: SessionLog | Summary) -> None:
        self._writer.add_event(Event(wall_time=time.time(), step=step, **content))


def _image(sheet: Images) -> Summary.Image:
    height, width, channels = sheet.shape
    return Summary.Image(
        height=height,
        width=width,
        colorspace=channels,
        encoded_image_string=encode_grid(sheet[None], 1),
    )
