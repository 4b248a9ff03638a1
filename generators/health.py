"""Whether a training goes well: named verdicts on its curves, each with its evidence.

The rules know no scale: a loss is measured by what guessing would cost or by its own size, samples
by real images. What has only begun is not judged: the discriminator is ahead at first, and the first
samples are all alike. Every verdict must have lasted, and goes when it no longer holds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import takewhile
from math import log
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from generators.config import Config
from generators.config_rules import listed, may_bound

# What a line of the log holds beside the watched values.
NO_VALUES = ("images_seen", "images_total", "seconds", "error")
# A verdict on losses needs as many reports in a row; there are about a hundred in a whole budget.
LASTING_REPORTS = 10
# A verdict on samples, which are looked at less often.
LASTING_EXAMINATIONS = 3
# The share of the budget before which losses, and samples, are not judged: good recipes, too, draw
# much the same thing through the first third.
LOSSES_FROM, SAMPLES_FROM = 0.1, 0.4

# What a discriminator's loss is while it cannot tell: 2 log 2, ½ (½² + ½²), 1 + 1.
GUESSING = {
    "minimax": 2 * log(2),
    "non-saturating": 2 * log(2),
    "relativistic": 2 * log(2),
    "least-squares": 0.25,
    "hinge": 2.0,
}
# The losses under which an image is called real or fake by itself, not beside those of the other kind.
CALLING = ("minimax", "non-saturating", "least-squares", "hinge")
# The shares of either kind that are called real, and the loss under which no logit calls an image so:
# a critic's differences alone mean something.
CALLS = ("d_real", "d_fake")
CALLING_NONE = "wasserstein"

WON = (
    0.05  # of what guessing costs beyond no mistakes: what is left to a discriminator that has won
)
ALL = 0.95  # of the images of a kind: a discriminator that says so of both tells nothing
GROWTH = 5.0  # times its first size: a loss that has no bottom; that of a bounded one comes back
SWING, TURNS = 0.5, 6  # turns of a curve that each span as much of its size (its 90 % quantile)
SMOOTHED = 3  # reports
NOISE = 3.0  # times the deviation from one report to the next: what chance alone swings by
ALIKE = 0.1  # of the spread of real images
NARROW = 1.1  # of the spread: noise is further apart
UNEVEN = 0.6  # of the samples: those that fit among the classes of real images
STORED = 0.5  # of the samples
LARGEST_TOLD = 1e9  # that is written with all its figures


@dataclass(frozen=True)
class Moment:
    """One report: real images seen so far, the watched values by name, and what ended the run there.

    `error` is the message of a TrainingDiverged, empty while there is none.
    """

    images_seen: int
    values: Mapping[str, float]
    error: str = ""

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> Self:
        """The moment that a line of `log.jsonl` tells of.

        >>> Moment.of({"images_seen": 8, "images_total": 24, "d_loss": 1.4, "seconds": 0.1})
        Moment(images_seen=8, values={'d_loss': 1.4}, error='')
        """
        values = {name: value for name, value in line.items() if name not in NO_VALUES}
        return cls(line["images_seen"], values, line.get("error", ""))


@dataclass(frozen=True)
class Verdict:
    """What goes wrong, the numbers that show it, and since how many images.

    `severity` is "failing" where the samples cannot be good, else "warning".
    """

    name: str
    title: str
    evidence: str
    since_images: int
    severity: str = "failing"

    def as_dict(self) -> dict[str, str | int]:
        """Plain values, fit for JSON."""
        return asdict(self)


def is_told(name: str, loss: str) -> bool:
    """Whether a watched value says something under this loss.

    >>> is_told("d_real", "hinge"), is_told("d_real", "wasserstein"), is_told("d_loss", "wasserstein")
    (True, False, True)
    """
    return name not in CALLS or loss != CALLING_NONE


Rule = Callable[[Sequence[Moment], Config], Verdict | None]


def diagnose(history: Sequence[Moment], config: Config) -> list[Verdict]:
    """What is wrong with a run at the last of its moments, which are in order; empty: nothing.

    >>> from generators.config import load_config
    >>> run = [Moment(120 * i, {"d_loss": 0.01, "g_loss": 6.0}) for i in range(1, 51)]
    >>> [(found.name, found.since_images) for found in diagnose(run, load_config("demo-15"))]
    [('vanishing-gradient', 1200)]
    """
    return [verdict for rule in RULES if (verdict := rule(history, config))]


def is_judged(history: Sequence[Moment], config: Config) -> bool:
    """Whether a run is long enough for verdicts on its losses and, where they are looked at, samples.

    >>> from generators.config import load_config
    >>> is_judged([Moment(12_000, {"d_loss": 1.4, "copied": 0.0})], load_config("demo-15"))
    False
    """
    losses = _since(history, LOSSES_FROM * config.images, ())
    samples = _since(history, SAMPLES_FROM * config.images, ("copied",))
    looked_at = config.translation.task == "none"
    return len(losses) >= LASTING_REPORTS and (
        not looked_at or len(samples) >= LASTING_EXAMINATIONS
    )


def not_a_number(history: Sequence[Moment], config: Config) -> Verdict | None:
    """A watched value became infinite or no number, which ended the run."""
    if not history or not history[-1].error:
        return None
    last = history[-1]
    return Verdict("not-a-number", "Training diverged", last.error, last.images_seen)


def vanishing_gradient(history: Sequence[Moment], config: Config) -> Verdict | None:
    """The discriminator has won: its loss stays near 0, whatever the generator does."""
    guessing = GUESSING.get(config.loss)
    if guessing is None:
        return None
    least = _least(config)
    below = least + WON * (guessing - least)
    won = _lasting(_judged(history, config, "d_loss"), lambda d: d["d_loss"] < below)
    if not won:
        return None
    return Verdict(
        "vanishing-gradient",
        "The discriminator has won: the generator has nothing to learn from",
        f"The discriminator's loss is {told(_mean(won, 'd_loss'))} where guessing costs "
        f"{guessing:.3g}{_smoothed(config)}{_calls(won)}{_change(history[0], won[-1], 'g_loss', 'loss')}"
        f"{_change(history[0], won[-1], 'g_gradient', 'gradient')}.",
        won[0].images_seen,
    )


def unbounded_discriminator(history: Sequence[Moment], config: Config) -> Verdict | None:
    """The discriminator's loss falls and falls below 0, as only one without bounds can.

    Where its slope is bounded, what grows is the distance that it measures.
    """
    if config.discriminator.spectral or config.penalty.name in ("gradient-penalty", "dragan"):
        return None
    judged = _judged(history, config, "d_loss")
    first = float(np.abs(_curve(judged[:LASTING_REPORTS], "d_loss")).mean()) if judged else 0.0
    fallen = _lasting(judged, lambda values: values["d_loss"] < -GROWTH * first)
    if not fallen:
        return None
    return Verdict(
        "unbounded-discriminator",
        "The discriminator's loss is unbounded",
        f"The discriminator's loss has fallen to {told(fallen[-1].values['d_loss'], 3)}; after "
        f"{judged[0].images_seen:,} images its size was {told(first)}. A smaller "
        f"{listed(may_bound(config))} would bound it.",
        fallen[0].images_seen,
    )


def discriminator_shortcut(history: Sequence[Moment], config: Config) -> Verdict | None:
    """The discriminator calls everything real, or everything fake."""
    judged = _judged(history, config, *CALLS) if config.loss in CALLING else []
    for word, lean in (("real", 1.0), ("fake", 0.0)):
        if stuck := _lasting(judged, partial(_leans, lean)):
            return Verdict(
                "discriminator-shortcut",
                f"The discriminator calls everything {word}",
                f"It calls {_mean(stuck, 'd_real'):.0%} of the real images real, and "
                f"{_mean(stuck, 'd_fake'):.0%} of the fakes.",
                stuck[0].images_seen,
            )
    return None


def mode_collapse(history: Sequence[Moment], config: Config) -> Verdict | None:
    """Samples are all alike, or no further apart than real images and mostly of a few classes."""
    alike = _lasting_samples(history, config, "spread", _collapsed)
    if not alike:
        return None
    values = alike[-1].values
    return Verdict(
        "mode-collapse",
        "The samples are too much alike",
        f"Samples are {values['spread']:.2f} times as far apart as real images{_classes(values)}.",
        alike[0].images_seen,
    )


def oscillation(history: Sequence[Moment], config: Config) -> Verdict | None:
    """The discriminator's loss goes up and down by half its size, and still does.

    In a short run a report is the mean of a few steps, and swings by chance: that is no oscillation.
    """
    judged = _judged(history, config, "d_loss")
    if len(judged) < 2 * LASTING_REPORTS:
        return None
    reported = _curve(judged, "d_loss")
    curve = np.convolve(reported, np.full(SMOOTHED, 1 / SMOOTHED), "valid")
    swing = max(SWING * float(np.quantile(np.abs(curve), 0.9)), NOISE * _noise(reported))
    found = turns(curve, swing) if swing else []
    if len(found) < TURNS or found[-1] < 0.75 * len(curve):
        return None
    low, high = np.quantile(curve, (0.1, 0.9))
    return Verdict(
        "oscillation",
        "The two networks chase each other",
        f"The discriminator's loss swung {len(found)} times by at least {told(swing)}, "
        f"between {told(float(low), 3)} and {told(float(high), 3)}.",
        judged[found[0]].images_seen,
        severity="warning",
    )


def memorisation(history: Sequence[Moment], config: Config) -> Verdict | None:
    """Most samples are training images, or nearly."""
    stored = _lasting_samples(history, config, "copied", lambda values: values["copied"] > STORED)
    if not stored:
        return None
    return Verdict(
        "memorisation",
        "The samples copy training images",
        f"{stored[-1].values['copied']:.0%} of the samples are less than half as far from a "
        "training image as that one is from all others.",
        stored[0].images_seen,
        severity="warning",
    )


RULES: tuple[Rule, ...] = (
    not_a_number,
    vanishing_gradient,
    unbounded_discriminator,
    discriminator_shortcut,
    mode_collapse,
    oscillation,
    memorisation,
)


def turns(curve: NDArray[np.float64], swing: float) -> list[int]:
    """The places where a curve is found to have gone the other way by at least `swing`.

    >>> turns(np.array([0.0, 3.0, 2.5, 3.0, 1.0, 0.5, 2.0]), swing=1.0)
    [1, 4, 6]
    """
    found: list[int] = []
    low = high = curve[0]
    direction = 0
    for place, value in enumerate(curve):
        low, high = min(low, value), max(high, value)
        back = direction >= 0 and high - value >= swing
        if back or (direction <= 0 and value - low >= swing):
            direction = -1 if back else 1
            low = high = value
            found.append(place)
    return found


def _judged(history: Sequence[Moment], config: Config, *names: str) -> list[Moment]:
    """The reports of these values, but for the first of the budget."""
    return _since(history, LOSSES_FROM * config.images, names)


def _since(history: Sequence[Moment], images: float, names: Sequence[str]) -> list[Moment]:
    return [
        moment
        for moment in history
        if moment.images_seen >= images and all(name in moment.values for name in names)
    ]


def _lasting(
    moments: Sequence[Moment],
    holds: Callable[[Mapping[str, float]], bool],
    at_least: int = LASTING_REPORTS,
) -> list[Moment]:
    """The moments through which it has held to the last, empty if they are too few."""
    latest_first = takewhile(lambda moment: holds(moment.values), reversed(moments))
    held = list(latest_first)[::-1]
    return held if len(held) >= at_least else []


def _lasting_samples(
    history: Sequence[Moment],
    config: Config,
    name: str,
    holds: Callable[[Mapping[str, float]], bool],
) -> list[Moment]:
    examined = _since(history, SAMPLES_FROM * config.images, (name,))
    return _lasting(examined, holds, LASTING_EXAMINATIONS)


def _least(config: Config) -> float:
    """What a discriminator that makes no mistake still loses: with smoothed labels, their entropy."""
    smoothing = config.tricks.label_smoothing
    if not smoothing or config.loss == "least-squares":
        return 0.0
    return -(1 - smoothing) * log(1 - smoothing) - smoothing * log(smoothing)


def _smoothed(config: Config) -> str:
    least = _least(config)
    return f" and smoothed labels never less than {least:.3g}" if least else ""


def _leans(lean: float, values: Mapping[str, float]) -> bool:
    return all(abs(values[name] - lean) < 1 - ALL for name in CALLS)


def _collapsed(values: Mapping[str, float]) -> bool:
    uneven = values.get("evenness", 1.0) < UNEVEN
    return values["spread"] < ALIKE or (uneven and values["spread"] < NARROW)


def _classes(values: Mapping[str, float]) -> str:
    if not {"coverage", "evenness"} <= values.keys():
        return ""
    return (
        f", and show {values['coverage']:.0%} of the classes that as many real images would; about "
        f"{max(0.0, 1 - values['evenness']):.0%} of the samples would have to be of other classes for "
        "the classes to come as often as among real images"
    )


def _calls(moments: Sequence[Moment]) -> str:
    if "d_real" not in moments[-1].values:
        return ""
    real, fake = _mean(moments, "d_real"), _mean(moments, "d_fake")
    return f"; it calls {real:.0%} of the real images real, and {fake:.0%} of the fakes"


def _change(first: Moment, last: Moment, name: str, word: str) -> str:
    if name not in last.values or name not in first.values:
        return ""
    went = [told(each.values[name]) for each in (first, last)]
    return f"; the generator's {word} went from {' to '.join(went)}"


def told(value: float, digits: int = 2) -> str:
    """So many digits that count, as people write them.

    >>> told(0.00671), told(161.3), told(-123456.0, 3), told(2e15), told(0.0000042)
    ('0.0067', '160', '-123,000', '2e+15', '4.2e-06')
    """
    short = f"{value:.{digits}g}"
    return f"{float(short):,.0f}" if "e+" in short and abs(value) < LARGEST_TOLD else short


def _curve(moments: Sequence[Moment], name: str) -> NDArray[np.float64]:
    return np.array([moment.values[name] for moment in moments])


def _noise(curve: NDArray[np.float64]) -> float:
    """The deviation of a slow curve's noise, from the median of its steps, of normal noise √2 · 0.6745."""
    return float(np.median(np.abs(np.diff(curve)))) / 0.954


def _mean(moments: Sequence[Moment], name: str) -> float:
    return float(np.mean([moment.values[name] for moment in moments]))
