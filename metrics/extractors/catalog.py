"""Extractors by name."""

from collections.abc import Callable, Mapping

from metrics.errors import UnknownName
from metrics.extractors.base import Extractor
from metrics.extractors.lite0 import Lite0

EXTRACTORS: Mapping[str, Callable[[], Extractor]] = {"lite0": Lite0}


def create(name: str) -> Extractor:
    """Load the extractor of that name; raises UnknownName if there is none.

    >>> create("lite1")
    Traceback (most recent call last):
        ...
    metrics.errors.UnknownName: an extractor needs to be one of lite0, got 'lite1'
    """
    if name not in EXTRACTORS:
        raise UnknownName(f"an extractor needs to be one of {', '.join(EXTRACTORS)}, got {name!r}")
    return EXTRACTORS[name]()
