"""What a metric refuses, by name; every message says what was got and what is wanted."""

__all__ = ["ImageMismatch", "MetricError", "NotFinite", "TooFewImages", "UnknownName"]


class MetricError(ValueError):
    """A metric cannot be computed from what was given."""


class TooFewImages(MetricError):
    """A figure needs more images than there are."""


class ImageMismatch(MetricError):
    """Images are of the wrong kind, or the two sets do not match."""


class NotFinite(MetricError):
    """Features hold NaN or infinity."""


class UnknownName(MetricError):
    """No metric or extractor has that name."""
