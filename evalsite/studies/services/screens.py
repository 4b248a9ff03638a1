"""An observer's screens: what is shown together is answered together."""

from dataclasses import dataclass
from itertools import groupby

from evalsite.studies.models import Observer


@dataclass(frozen=True)
class Screen:
    """`block` is a key, `kind` one of `Block.Kind`, `images` are codes; the first one is the screen's."""

    block: int
    kind: str
    images: list[str]
    exposure_ms: int | None
    is_answered: bool

    @property
    def code(self) -> str:
        return self.images[0]


def screens_of(observer: Observer) -> list[Screen]:
    """In order, and from one reading: between two of them another tab's answers may arrive."""
    rows = observer.trials.in_order().values_list(
        "block", "screen", "block__kind", "code", "exposure_ms", "response"
    )
    screens = []
    for (block, _), trials in groupby(rows, key=lambda row: row[:2]):
        _, _, kinds, codes, exposures_ms, responses = zip(*trials, strict=True)
        is_answered = responses[0] is not None
        screens.append(Screen(block, kinds[0], list(codes), exposures_ms[0], is_answered))
    return screens
