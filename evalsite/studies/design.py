"""The rules of a study beyond its protocol's name: frozen at launch, hashed, shown with the results."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from scoring.exclusions import Criteria

Against = Literal["real", "generators"]

FEWEST_CLASSES, MOST_CLASSES = 2, 20
"""Between how many names people can choose."""


@dataclass(frozen=True)
class Stopping:
    """When a study closes by itself; None never.

    Attributes:
        most_observers: as many people have finished.
        goal_points: the anytime-valid interval of every generator is at most ± so many points.
    """

    most_observers: int | None = None
    goal_points: float | None = None


@dataclass(frozen=True)
class Payment:
    """What people are paid, in units of a currency; a study closes before its budget is passed.

    Attributes:
        base: for finishing. bonus: for each right answer. budget: None without a limit.
    """

    base: float = 0.0
    bonus: float = 0.0
    currency: str = "USD"
    budget: float | None = None


@dataclass(frozen=True)
class Rules:
    """All that a researcher sets before launch, besides images and numbers of trials.

    Attributes:
        exposures_ms: limited: one is drawn for each trial; flash by constant stimuli: its levels.
        staircase: flash: a name in scoring.staircase.RULES.
        grid: select: images on a screen.
        against: pair: a fake beside a real image, or the images of two generators.
        allow_ties: pair: "I cannot tell" is an answer.
        images: name: how many images of each pool are shown; None for all.
        observers_per_image: name: how many people are to name each of them.
        qualify_at: least share right in practice, of real and of fake images each, where there are
            both; None for none.
        catch_trials: images of shuffled pixels among the trials of each observer.
        criteria: whose answers are left out of the scores.
    """

    exposures_ms: tuple[int, ...] = ()
    staircase: str = "weighted"
    grid: int = 9
    against: Against = "real"
    allow_ties: bool = False
    images: int | None = None
    observers_per_image: int = 5
    qualify_at: float | None = None
    catch_trials: int = 0
    criteria: Criteria = field(default_factory=Criteria)
    stopping: Stopping = field(default_factory=Stopping)
    payment: Payment = field(default_factory=Payment)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"exposures_ms": list(self.exposures_ms)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Rules":
        """The inverse of `as_json`; what is missing has its default."""
        parts = {"criteria": Criteria, "stopping": Stopping, "payment": Payment}
        given = {
            name: parts[name](**value) if name in parts else value
            for name, value in content.items()
        }
        return cls(**given | {"exposures_ms": tuple(content.get("exposures_ms", ()))})


STAIRCASES = {
    "weighted": "weighted staircase",
    "three_down": "3-down-1-up staircase",
    "constant": "constant",
}


def images_on_screen(protocol: str, rules: Rules) -> int:
    """How many images are judged together."""
    return {"pair": 2, "select": rules.grid}.get(protocol, 1)


def condition_of(protocol: str, rules: Rules) -> str:
    """What else than data set and protocol must be equal for answers to share a leaderboard.

    >>> condition_of("limited", Rules(exposures_ms=(1000, 5000)))
    '1 s, 5 s'
    """
    if protocol == "limited":
        return ", ".join(f"{ms / 1000:g} s" for ms in sorted(rules.exposures_ms))
    if protocol == "flash":
        levels = ", ".join(str(ms) for ms in sorted(rules.exposures_ms))
        return f"constant {levels} ms" if levels else STAIRCASES[rules.staircase]
    if protocol == "pair":
        return "beside a real image" if rules.against == "real" else "generators side by side"
    return f"{rules.grid} images" if protocol == "select" else ""
