"""A measurement as people read it at a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from metrics.duplicates import Duplicates
from metrics.estimate import Published
from metrics.figures import RESAMPLED, Figure
from metrics.judgement import Judgement
from metrics.measurement import ClassFigure, Measurement
from metrics.verdict import COUNTED

HEADER = ("figure", "value", "95 % interval", "perfect", "n real", "n fake", "as published")
CLASS_HEADER = ("class", "FD", "95 % interval", "n real", "n fake")
NOTHING = "–"


def table(measurement: Measurement) -> str:
    """Return warnings, figures, the verdict on memorisation, duplicates and notes, as text."""
    return "\n".join(_lines(measurement)).rstrip()


def _lines(measurement: Measurement) -> Iterator[str]:
    yield from (f"warning: {each}" for each in measurement.warnings)
    yield from [""] if measurement.warnings else []
    figures = [*measurement.figures, *_closeness(measurement.memorisation)]
    yield from _aligned([HEADER, *map(_row, figures)])
    if measurement.classes:
        yield from ["", *_aligned([CLASS_HEADER, *map(_class_row, measurement.classes)])]
    yield ""
    if measurement.memorisation:
        yield from _memorised(measurement.memorisation)
    if measurement.duplicates:
        yield _duplicates(measurement.duplicates, f"{measurement.n_fake:,}")
    yield f"extractor: {measurement.extractor}"
    yield from _legend(figures)
    yield from (f"{each.name}: {each.note}" for each in figures if each.note)
    yield from _class_notes(measurement.classes)


def _class_notes(classes: Iterable[ClassFigure]) -> Iterator[str]:
    """Yield why classes have no figure, and once for all others that these are biased."""
    noted = [each for each in classes if each.note]
    if any(each.value is not None for each in noted):
        yield (
            "classes: biased upward, the more the fewer the images, and more than the figure of all of "
            "them; compare classes of equal n only"
        )
    yield from (f"class {each.name}: {each.note}" for each in noted if each.value is None)


def _memorised(judgement: Judgement) -> Iterator[str]:
    yield f"memorisation: {judgement.words}"
    if found := judgement.copied:
        low, high = found.bounds
        yield (
            f"copies: {found.value:,.0f} of {found.n:,} (95 % interval {low:,} to {high:,}), "
            f"{COUNTED[found.seen]}"
        )


def _closeness(judgement: Judgement | None) -> list[Figure]:
    return [] if judgement is None else [judgement.c_t]


def _row(figure: Figure) -> tuple[str, ...]:
    published = figure.published
    return (
        figure.name,
        _number(figure.value),
        _interval(figure),
        NOTHING if figure.reference is None else _number(figure.reference.value),
        _count(figure.n_real),
        _count(figure.n_fake),
        "" if published is None else _published(published),
    )


def _published(published: Published) -> str:
    """The value as papers print it; with its spread if it has one.

    >>> _published(Published(0.52, 0.0, "all pairs")), _published(Published(11.24, 0.116, "10 splits"))
    ('0.52 (all pairs)', '11.24 ± 0.12 (10 splits)')
    """
    spread = f" ± {published.spread:.2g}" if published.spread else ""
    return f"{published.value:.5g}{spread} ({published.protocol})"


def _class_row(figure: ClassFigure) -> tuple[str, ...]:
    n = _count(figure.n_real), _count(figure.n_fake)
    return (figure.name, _number(figure.value), _interval(figure), *n)


def _interval(figure: Figure | ClassFigure) -> str:
    return NOTHING if figure.low is None else f"{figure.low:.5g} to {figure.high:.5g}"


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.5g}"


def _count(n: int | None) -> str:
    return NOTHING if n is None else f"{n:,}"


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Yield rows whose columns line up: numbers to the right, the first and the published left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.ljust(width) if at in (0, 6) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def _duplicates(found: Duplicates, n: str) -> str:
    if not found.near and not found.exact:
        return f"duplicates: none among {n} generated images"
    return (
        f"duplicates: {found.images_in_exact:,} of {n} generated images equal another in every "
        f"pixel ({len(found.exact):,} groups), {found.images_in_near:,} look alike "
        f"({len(found.near):,} groups)"
    )


def _legend(figures: Iterable[Figure]) -> Iterator[str]:
    shown = [each for each in figures if each.value is not None]
    by_method: dict[str, list[str]] = {}
    for each in shown:
        by_method.setdefault(each.method, []).append(each.name)
    if shown:
        yield f"intervals: over {RESAMPLED}; by"
        yield from (f"  {method}: {', '.join(names)}" for method, names in by_method.items())
    references = [each.reference for each in shown if each.reference]
    if references:
        yield (
            f"perfect: what {references[0].n:,} other real images score in place of the generated "
            "ones, as a perfect generator would"
        )
