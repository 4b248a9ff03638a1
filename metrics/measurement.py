"""All that one comparison of two sets found, and the same as plain JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from metrics.duplicates import Duplicates
from metrics.figures import Figure
from metrics.judgement import Judgement


@dataclass(frozen=True)
class ClassFigure:
    """The Fréchet distance within one class; `value` is None where `note` says why, else it may be a caution.

    `name` is the class's, or its number in digits where the images' source knows no names.
    """

    label: int
    name: str
    n_real: int
    n_fake: int
    value: float | None
    low: float | None
    high: float | None
    note: str


@dataclass(frozen=True)
class Measurement:
    """All that one comparison found; see docs/metrics.md for what it is as JSON."""

    extractor: str
    n_real: int | None
    n_fake: int | None
    n_train: int | None
    seed: int
    figures: tuple[Figure, ...]
    classes: tuple[ClassFigure, ...]
    memorisation: Judgement | None
    duplicates: Duplicates | None
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists, strings and numbers, ready for JSON."""
        plain: dict[str, Any] = _listed(asdict(self))
        if self.duplicates:
            plain["duplicates"] |= {
                "images_in_exact": self.duplicates.images_in_exact,
                "images_in_near": self.duplicates.images_in_near,
            }
        return plain


def _listed(value: Any) -> Any:
    """Return the same with lists for tuples, as JSON has it."""
    if isinstance(value, dict):
        return {key: _listed(each) for key, each in value.items()}
    return [_listed(each) for each in value] if isinstance(value, list | tuple) else value
