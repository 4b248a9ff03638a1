"""What each observer did: answers, accuracy, speed, lean, and how the others' answers judge them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.agreement import reliabilities
from scoring.columns import Mask, Numbers, factorise, medians_by, shares_by
from scoring.dictionary import NONE
from scoring.selection import between_fakes
from scoring.table import EXCLUDED, TrialTable


@dataclass(frozen=True)
class ObserverScore:
    """One observer; None where there is nothing to tell from.

    Attributes:
        n_trials: responses, without those to catch trials. n_catch: responses to catch trials.
        accuracy: share of right responses; those to pairs of two fakes are neither right nor wrong.
        said_real: share of responses "real".
        median_rt_ms: median response time.
        catch_right: share of catch trials answered right.
        sensitivity, specificity, reliability: by Dawid and Skene (`reliabilities`), the last being
            sensitivity + specificity - 1; None for observers left out.
        excluded: the criteria that were missed, without "excluded_".
    """

    observer: str
    n_trials: int
    n_catch: int
    accuracy: float | None
    said_real: float | None
    median_rt_ms: float | None
    catch_right: float | None
    sensitivity: float | None
    specificity: float | None
    reliability: float | None
    excluded: tuple[str, ...]


@dataclass(frozen=True)
class NamingObserver:
    """One observer who named images; as `ObserverScore`, with what there is of it.

    Attributes:
        said_none: share of responses "none of them".
    """

    observer: str
    n_trials: int
    n_catch: int
    accuracy: float | None
    said_none: float | None
    median_rt_ms: float | None
    catch_right: float | None
    excluded: tuple[str, ...]


def score_observers(table: TrialTable) -> tuple[ObserverScore, ...]:
    """Every observer of a table, those left out by criteria too, by id."""
    names, observer = factorise(table.observer)
    count = len(names)
    told, catch = table.answered & ~table.catch, table.answered & table.catch
    judged, timed = told & ~between_fakes(table), told & np.isfinite(table.rt_ms)
    real, right = table.response == "real", ~table.wrong

    def share(true: Mask, among: Mask) -> Numbers:
        return shares_by(observer[among], true[among], count)

    n_trials, n_catch = (np.bincount(observer[mask], minlength=count) for mask in (told, catch))
    accuracy, said_real = share(right, judged), share(real, told)
    catch_right = share(right, catch)
    medians = medians_by(observer[timed], table.rt_ms[timed], count)
    trusted, reasons = reliabilities(table), _reasons(table)

    def score(number: int, name: str) -> ObserverScore:
        own = trusted.get(name)
        return ObserverScore(
            observer=name,
            n_trials=int(n_trials[number]),
            n_catch=int(n_catch[number]),
            accuracy=_known(accuracy[number]),
            said_real=_known(said_real[number]),
            median_rt_ms=_known(medians[number]),
            catch_right=_known(catch_right[number]),
            sensitivity=own.sensitivity if own else None,
            specificity=own.specificity if own else None,
            reliability=own.weight if own else None,
            excluded=reasons.get(name, ()),
        )

    return tuple(score(number, name) for number, name in enumerate(names))


def score_naming_observers(table: TrialTable) -> tuple[NamingObserver, ...]:
    """Every observer of a table of the task "name", those left out by criteria too, by id."""
    names, observer = factorise(table.observer)
    count = len(names)
    told, catch = table.answered & ~table.catch, table.answered & table.catch
    timed = told & np.isfinite(table.rt_ms)
    n_trials, n_catch = (np.bincount(observer[mask], minlength=count) for mask in (told, catch))
    accuracy = shares_by(observer[told], ~table.wrong[told], count)
    said_none = shares_by(observer[told], table.response[told] == NONE, count)
    medians = medians_by(observer[timed], table.rt_ms[timed], count)
    catch_right = shares_by(observer[catch], ~table.wrong[catch], count)
    reasons = _reasons(table)
    return tuple(
        NamingObserver(
            observer=name,
            n_trials=int(n_trials[number]),
            n_catch=int(n_catch[number]),
            accuracy=_known(accuracy[number]),
            said_none=_known(said_none[number]),
            median_rt_ms=_known(medians[number]),
            catch_right=_known(catch_right[number]),
            excluded=reasons.get(name, ()),
        )
        for number, name in enumerate(names)
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _reasons(table: TrialTable) -> dict[str, tuple[str, ...]]:
    """The criteria that each excluded observer missed."""
    out = table.where(table.excluded)
    found: dict[str, set[str]] = {}
    for observer, flags in set(zip(out.observer.tolist(), out.flags.tolist(), strict=True)):
        words = (word.strip() for word in flags.split(";"))
        missed = (word.removeprefix(EXCLUDED) for word in words if word.startswith(EXCLUDED))
        found.setdefault(observer, set()).update(missed)
    return {observer: tuple(sorted(missed)) for observer, missed in found.items()}
