"""An attack as its page has it: a line for each rung, the curve, what people made of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evalsite.catalog.models import Pool
from evalsite.lab.curve import Curve, Share, curve, share_of
from evalsite.lab.models import Attack, Rung
from evalsite.lab.people import Seen, dprimes, seen
from evalsite.lab.pictures import CHANGE, MADE, ORIGINAL, SHOWN, magnification
from evalsite.lab.sets import Drawn, drawn
from evalsite.lab.words import CLEAN, FLIPPED, FORGED
from evalsite.leaderboard.models import Score
from pools.stimulus import GAP_PX
from scoring.figure import Figure

FOOLED = "fools the network"
VALID = "fools it, and people see what it is"
CONTROL = "the same change, mirrored"


@dataclass(frozen=True)
class Line:
    """One rung: what came of it, and what people and metrics say; None where it is not known."""

    rung: Rung
    success: Share | None
    valid: Share | None
    difference: Share | None
    detector: Share | None
    dprime: Score | None
    queries: float | None
    parts: list[tuple[str, str]]

    @property
    def words(self) -> str:
        return self.rung.words

    @property
    def pool(self) -> Pool | None:
        return self.rung.pool

    @property
    def shared_queries(self) -> int:
        """Asked once for all images together."""
        return max(self.rung.outcomes.get("shared_queries", []), default=0)

    @property
    def shown(self) -> int:
        return min(SHOWN, self.rung.done)

    @property
    def row_px(self) -> tuple[int, int]:
        """How large a row of its images is, as the encoder lays them out."""
        side = self.rung.attack.dataset.resolution_px
        return SHOWN * (side + GAP_PX) - GAP_PX, side


@dataclass(frozen=True)
class Page:
    """All that is known of an attack so far."""

    lines: list[Line]
    curve: Curve | None
    seen: Seen | None
    sets: Drawn | None
    clean_accuracy: Share | None

    @property
    def pools(self) -> list[Pool]:
        return [line.pool for line in self.lines if line.pool is not None]

    @property
    def has_detector(self) -> bool:
        return any(line.detector for line in self.lines)

    @property
    def has_dprime(self) -> bool:
        return any(line.dprime for line in self.lines)

    @property
    def forged(self) -> list[Line]:
        """The rungs with images to look at first."""
        return [line for line in self.lines if line.shown and line.rung.kind == FORGED]

    @property
    def controls(self) -> list[Line]:
        return [line for line in self.lines if line.shown and line.rung.kind != FORGED]

    @property
    def finding(self) -> str:
        """What the furthest rung comes to, in a sentence."""
        done = [line for line in self.lines if line.rung.kind == FORGED and line.success]
        if not done or done[-1].success is None:
            return ""
        last, fooled = done[-1], done[-1].success
        where = f"At {last.words}, " if last.rung.epsilon else ""
        people = "" if last.valid is None else (
            f"; {last.valid.words} do while people still see what they are"
        )  # fmt: skip
        return f"{where}{fooled.words} of {fooled.n:,} images fool the network{people}."


def page_of(attack: Attack) -> Page:
    """What is known now."""
    rungs = list(attack.rungs.select_related("attack__dataset", "pool__generator"))
    told, scores = seen(attack, rungs), dprimes(rungs)
    lines = [_line(rung, told, scores.get(rung.position)) for rung in rungs]
    return Page(
        lines,
        curve(_shares(lines)),
        told,
        drawn(told.regions) if told else None,
        _clean_accuracy(attack, rungs),
    )


def _line(rung: Rung, told: Seen | None, dprime: Score | None) -> Line:
    figure = told.figures.get(rung.position) if told else None
    queries = rung.outcomes.get("queries", [])
    return Line(
        rung,
        success=_success(rung),
        valid=_share(figure.valid) if figure else None,
        difference=_share(figure.difference) if figure else None,
        detector=Share(**rung.detector) if rung.detector else None,
        dprime=dprime,
        queries=sum(queries) / len(queries) if queries else None,
        parts=_parts(rung),
    )


def _success(rung: Rung) -> Share | None:
    """Of the images that the network took for what they are when clean or, with a target, not for it."""
    outcomes = zip(rung.outcomes.get("fooled", []), rung.outcomes.get("counted", []), strict=True)
    counted = [fooled for fooled, counts in outcomes if counts]
    return share_of(counted) if counted else None


def _parts(rung: Rung) -> list[tuple[str, str]]:
    """Which rows of images there are of a rung, and what each is."""
    if not rung.done:
        return []
    made = [(MADE, "As it is")]
    if rung.kind == CLEAN or rung.attack.plan.about.starts_from != "images":
        return made
    change = (CHANGE, f"The change, × {magnification(rung)}")
    return [(ORIGINAL, "The original"), change, (MADE, "Forged")]


def _share(figure: Figure) -> Share | None:
    if figure.value is None:
        return None
    return Share(figure.value, figure.low, figure.high, figure.n)


def _shares(lines: Sequence[Line]) -> dict[str, dict[float, Share]]:
    """The lines of the plot; clean images are those of ε = 0."""
    return {
        FOOLED: _by_epsilon(lines, (CLEAN, FORGED), "success"),
        VALID: _by_epsilon(lines, (CLEAN, FORGED), "valid"),
        CONTROL: _by_epsilon(lines, (FLIPPED,), "success"),
    }


def _by_epsilon(lines: Sequence[Line], kinds: Sequence[str], name: str) -> dict[float, Share]:
    found: dict[float, Share] = {}
    for line in lines:
        share: Share | None = getattr(line, name)
        if share and line.rung.epsilon is not None and line.rung.kind in kinds:
            found[line.rung.epsilon] = share
    return found


def _clean_accuracy(attack: Attack, rungs: Sequence[Rung]) -> Share | None:
    """On the attacked images as they were; None where the classifier has other classes."""
    known, names = attack.classifier.class_names, attack.dataset.class_names
    said = max((rung.outcomes.get("clean_predictions", []) for rung in rungs), key=len)
    labels: Any = attack.dataset.held_out_pool.open().labels
    if not said or labels is None or attack.plan.about.starts_from != "images":
        return None
    if not {name.casefold() for name in names} <= {name.casefold() for name in known}:
        return None
    asked = zip(said, attack.indices, strict=False)
    return share_of(
        [known[one].casefold() == names[labels[index]].casefold() for one, index in asked]
    )
