"""What a metric refuses, by name; every message says what was got and what is wanted."""

from collections.abc import Iterator
from contextlib import contextmanager

from classifiers.errors import ClassifierError

__all__ = [
    "ImageMismatch",
    "MetricError",
    "NotFinite",
    "TooFewImages",
    "Unavailable",
    "UnknownName",
    "WorkerDied",
    "classifiers_told",
]


class MetricError(ValueError):
    """A metric cannot be computed from what was given."""


class TooFewImages(MetricError):
    """A figure needs more images than there are."""


class Unavailable(MetricError):
    """A figure that cannot be had from this extractor, or from what is known of these images."""


class ImageMismatch(MetricError):
    """Images are of the wrong kind, or the two sets do not match."""


class NotFinite(MetricError):
    """Features hold NaN or infinity."""


class UnknownName(MetricError):
    """No metric or extractor has that name."""


class WorkerDied(MetricError):
    """A process that computed features ended before its work was done."""


@contextmanager
def classifiers_told() -> Iterator[None]:
    """What a classifier refuses is a MetricError where it serves a metric."""
    try:
        yield
    except ClassifierError as error:
        raise MetricError(str(error)) from error
