"""Single images beside a pool's figures, and who may see them: some of them are shown in trials."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from evalsite.accounts.rights import may_change
from evalsite.catalog.models import Pool
from evalsite.leaderboard.measured import told
from evalsite.leaderboard.models import Measurement
from evalsite.studies.models import Study

FAKE, TRAIN, HELD_OUT = "sample", "train", "held-out"
CLOSEST = (
    "Each sample with the training image and the held-out image nearest to it: those first that are closest"
    " for how close training images are to one another there. Distances are between {space}."
)
SPACES = {"features": "features", "pixels": "pictures reduced to a few grey fields"}
FURTHEST = "Samples that look least like any training image."
MOST_ROWS = 8
SIDE_PX = 96  # three beside one another on a phone
MOST_GROUPS, MOST_IN_A_GROUP = 4, 8

Content = Mapping[str, Any]


@dataclass(frozen=True)
class Picture:
    """One image: of which side, which of it, and what is said below it, a line each."""

    side: str
    index: int
    alt: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shelf:
    """Samples, each followed by the real images nearest to it."""

    title: str
    words: str
    rows: list[list[Picture]]


def sees_pictures(request: HttpRequest, pool: Pool) -> bool:
    """Its researcher and the staff; everybody once none of its images can come up in a trial."""
    assert pool.generator is not None  # noqa: S101  # only generators' pools are measured
    return may_change(request, pool.generator) or not _may_come_up(pool)


def _may_come_up(pool: Pool) -> bool:
    """Whether a study that has not ended shows this pool, or the real images beside it."""
    pools = Q(pools=pool) | Q(real_pool__dataset=pool.imitates)
    return Study.objects.exclude(state=Study.State.CLOSED).filter(pools).exists()


def side_px(resolution_px: int) -> int:
    """How large an image is drawn: a whole multiple of its size.

    >>> side_px(28), side_px(64), side_px(256)
    (84, 64, 256)
    """
    return resolution_px * max(SIDE_PX // resolution_px, 1)


def side_of(pool: Pool, side: str) -> Pool:
    """The pool whose images are on this side of a comparison."""
    real = {TRAIN: "train_pool", HELD_OUT: "held_out_pool"}
    return getattr(pool.imitates, real[side]) if side in real else pool


def shelves(found: Sequence[Measurement]) -> list[Shelf]:
    """The samples that are closest to training images and those furthest from them."""
    judged = told(found, "memorisation")
    if judged is None:
        return []
    made = [
        Shelf("Closest to training images", _closest(judged["closest"]), _rows(judged["closest"])),
        Shelf("Furthest from them", FURTHEST, _rows(judged["farthest"])),
    ]
    return [shelf for shelf in made if shelf.rows]


def _closest(neighbours: Sequence[Content]) -> str:
    """What the first shelf shows, and between what its distances are."""
    space = neighbours[0].get("space", "features") if neighbours else "features"
    return CLOSEST.format(space=SPACES[space])


def _rows(neighbours: Sequence[Content]) -> list[list[Picture]]:
    return [list(_row(each)) for each in neighbours[:MOST_ROWS]]


def _row(own: Content) -> Iterator[Picture]:
    """A sample, the training image nearest to it, and the held-out one where there are any."""
    yield Picture(FAKE, own["fake"], "A sample", ("sample",))
    for side, key, kind in ((TRAIN, "train", "training"), (HELD_OUT, "held_out", "held out")):
        if own[key] is not None:
            away = f"{own[f'{key}_distance']:.3g} away"
            yield Picture(side, own[key], f"The nearest {kind} image", (kind, away))


def groups(found: Sequence[Measurement]) -> list[tuple[str, list[Picture]]]:
    """The largest groups of images that are alike, each with what its images have in common."""
    alike = told(found, "duplicates")
    if alike is None:
        return []
    return [
        (words, [Picture(FAKE, index, "A sample") for index in group[:MOST_IN_A_GROUP]])
        for kind, words in (("exact", "exactly the same"), ("near", "nearly the same"))
        for group in sorted(alike[kind], key=len, reverse=True)[:MOST_GROUPS]
    ]


def is_shown(found: Sequence[Measurement], side: str, index: int) -> bool:
    """Whether the page of these measurements shows this image."""
    return any((side, index) == (each.side, each.index) for each in _all(found))


def _all(found: Sequence[Measurement]) -> Iterator[Picture]:
    for shelf in shelves(found):
        for row in shelf.rows:
            yield from row
    for _, group in groups(found):
        yield from group
