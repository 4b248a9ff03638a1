"""How a training goes: what was watched, what is wrong, and what the network drew on the way."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from django.core.files.storage import default_storage
from PIL import Image

from evalsite.catalog.models import LossPoint, SampleSheet, TrainingRun
from evalsite.jobs import JobState
from generators.animation import MOST_FRAMES, animate
from generators.config import Config, ConfigError
from generators.data import Images
from generators.health import Moment, Verdict, diagnose, is_told
from generators.health import is_judged as is_long_enough


def history(run: TrainingRun) -> list[Moment]:
    """Every moment of a run in order; that it diverged is told of a run that has failed alone."""
    points = run.losses.all()
    moments = [Moment.of(_told(run, point)) for point in points]
    has_failed = run.state == JobState.FAILED
    return [moment for moment in moments if has_failed or not moment.error]


def _told(run: TrainingRun, point: LossPoint) -> dict[str, Any]:
    """What a report says: runs of another time also watched what means nothing under their loss."""
    loss = run.config.get("loss", "")
    values = {name: value for name, value in point.values.items() if is_told(name, loss)}
    return {**values, "images_seen": point.images_seen}


def verdicts(run: TrainingRun, moments: Sequence[Moment]) -> list[Verdict]:
    """What is wrong with a run; nothing can be told of a configuration of another time."""
    config = config_of(run)
    return diagnose(moments, config) if config else []


def is_judged(run: TrainingRun, moments: Sequence[Moment]) -> bool | None:
    """Whether no verdict means that a run is healthy; None of a configuration of another time."""
    config = config_of(run)
    return is_long_enough(moments, config) if config else None


def config_of(run: TrainingRun) -> Config | None:
    """Its configuration; None of one of another time."""
    try:
        return Config.from_dict(run.config)
    except ConfigError:
        return None


def report(run: TrainingRun) -> dict[str, Any]:
    """A run as plain values: its state, its verdicts and its curves."""
    moments = history(run)
    return {
        "generator": run.generator.slug,
        "state": run.state,
        "error": run.error,
        "images_seen": run.images_seen,
        "images_total": run.images_total,
        "seconds": run.seconds,
        "seed": run.seed,
        "config": run.config,
        "judged": bool(is_judged(run, moments)),
        "verdicts": [verdict.as_dict() for verdict in verdicts(run, moments)],
        "curves": [
            {"images_seen": moment.images_seen, **moment.values}
            for moment in moments
            if moment.values
        ],
    }


def sheets_of(run: TrainingRun, *, most: int = MOST_FRAMES) -> list[SampleSheet]:
    """At most so many of a run's sheets, evenly spaced, the first and the last among them."""
    sheets = list(run.sheets.all())
    places = np.linspace(0, len(sheets) - 1, min(most, len(sheets))).round().astype(int)
    return [sheets[place] for place in places]


def animation(sheets: Sequence[SampleSheet]) -> bytes:
    """The sheets as a WebP animation; ValueError without any."""
    return _animation(tuple(sheet.image.name for sheet in sheets))


@lru_cache(maxsize=8)  # a sheet never changes, and many people look at the same training
def _animation(names: tuple[str, ...]) -> bytes:
    return animate([_pixels(name) for name in names])


def _pixels(name: str) -> Images:
    with default_storage.open(name) as file, Image.open(file) as picture:
        pixels = np.asarray(picture)
    return pixels if pixels.ndim == 3 else pixels[..., None]
