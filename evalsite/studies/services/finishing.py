"""The end: of practice, of an observer's part, of a study; and how the observer did."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from evalsite.celery import enqueue
from evalsite.studies.models import Block, Observer, Protocol, Study
from evalsite.studies.services.counting import Tally, tallies
from evalsite.studies.services.errors import Refused
from evalsite.studies.services.paying import can_pay_one_more


@dataclass(frozen=True)
class End:
    """Whether an observer has nothing left to do, and whether they qualified (so far)."""

    finished: bool
    qualified: bool


def finish_if_done(observer: Observer, blocks: Iterable[Block], now: datetime) -> End:
    """Judge the practice once it is over, and note the end of an observer who has come to it."""
    practised = any(block.kind == Block.Kind.PRACTICE for block in blocks)
    qualified = observer.qualified and not (practised and _has_failed(observer))
    if qualified and observer.trials.unanswered().exists():
        return End(finished=False, qualified=True)
    ended = Observer.objects.filter(pk=observer.pk, finished_at=None)
    if ended.update(finished_at=now, qualified=qualified):
        close_if_done(observer.study)
    return End(finished=True, qualified=qualified)


def _has_failed(observer: Observer) -> bool:
    """Whether practice is over, and too few of its real images or of its fakes were told right."""
    needed = observer.study.rules.qualify_at
    practice = observer.trials.filter(block__kind=Block.Kind.PRACTICE)
    if needed is None or practice.unanswered().exists():
        return False
    right: dict[str, list[bool]] = {"real": [], "fake": []}
    for trial in practice.select_related("pool", "response"):
        right[trial.origin].append(trial.response.is_correct)
    return any(sum(each) < needed * len(each) for each in right.values())


def close_study(study: Study) -> None:
    Study.objects.open().filter(pk=study.pk).update(state=Study.State.CLOSED)


@transaction.atomic
def delete_waiting(study: Study) -> None:
    """Delete a study that nobody was asked anything in, as it still waits for images. Raises Refused."""
    waiting = Study.objects.select_for_update().waiting().filter(pk=study.pk).first()
    if waiting is None:
        raise Refused("it has opened: close it, and what people answer stays")
    waiting.delete()


def close_if_done(study: Study, widths: Mapping[str, float | None] | None = None) -> bool:
    """Close an open study that has what its stopping rule or its budget asks for.

    Args:
        widths: half the width of each generator's anytime-valid interval, in points, None without
            an interval; none at all if they are not known now.
    """
    stopping = study.rules.stopping
    finished = study.observers.people().finished().count()
    done = (
        (stopping.most_observers is not None and finished >= stopping.most_observers)
        or (stopping.goal_points is not None and _are_within(widths, stopping.goal_points))
        or not can_pay_one_more(study, if_all_others_finish=False)
    )
    if done:
        close_study(study)
    return done


def _are_within(widths: Mapping[str, float | None] | None, goal: float) -> bool:
    return bool(widths) and all(
        width is not None and width <= goal for width in (widths or {}).values()
    )


def ask_for_scores(study: Study) -> None:
    """Have the study scored soon; many answers at once ask only once."""
    if Study.objects.filter(pk=study.pk, scores_due=False).update(scores_due=True):
        enqueue("score", study.pk)


@dataclass(frozen=True)
class OwnResult:
    """How an observer did, and how all others who finished did, as shares of right answers.

    Where nothing is right or wrong, as in pairs of generators, the total is 0.
    """

    right: int
    total: int
    missed_fakes: int
    doubted_reals: int
    others: list[float]
    are_pairs: bool
    are_names: bool

    @property
    def share_right(self) -> float:
        return self.right / self.total


def own_result(observer: Observer) -> OwnResult:
    counted = tallies(observer.study, observer.study.observers.people().finished())
    own = tallies(observer.study, Observer.objects.filter(pk=observer.pk))
    tally = own.get(observer.pk, Tally())
    return OwnResult(
        right=tally.right,
        total=tally.total,
        missed_fakes=tally.missed_fakes,
        doubted_reals=tally.doubted_reals,
        others=[each.share_right for pk, each in counted.items() if pk != observer.pk],
        are_pairs=observer.study.protocol == Protocol.PAIR,
        are_names=observer.study.protocol == Protocol.NAME,
    )
