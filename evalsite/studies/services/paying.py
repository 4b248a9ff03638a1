"""What people are owed, and whether the budget allows for one more of them."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import Sum
from django.utils import timezone

from evalsite.studies.checks import scored_answers
from evalsite.studies.models import Observer, Study
from evalsite.studies.services.counting import Tally, tallies

CENT = Decimal("0.01")
KEPT_FOR = timedelta(hours=24)
"""So long after their last answer the money for somebody under way is kept back."""


@dataclass(frozen=True)
class Due:
    """What one observer who has finished is owed."""

    observer: Observer
    right: int
    base: Decimal
    bonus: Decimal

    @property
    def total(self) -> Decimal:
        return self.base + self.bonus

    @property
    def payee(self) -> str:
        """The platform's id of them, or the study's own."""
        return self.observer.participant or self.observer.code


@dataclass(frozen=True)
class Payroll:
    """All that a study costs so far.

    Attributes:
        withdrawn: owed to people whose data are deleted. reserved: may yet be owed to people
            who are under way. budget: None without a limit.
    """

    currency: str
    withdrawn: Decimal
    reserved: Decimal
    budget: Decimal | None
    dues: list[Due] = field(default_factory=list)

    @property
    def owed(self) -> Decimal:
        return sum((due.total for due in self.dues), self.withdrawn)

    @property
    def committed(self) -> Decimal:
        return self.owed + self.reserved

    @property
    def left(self) -> Decimal | None:
        return None if self.budget is None else self.budget - self.committed

    @property
    def bonus_lines(self) -> str:
        """What Prolific takes to pay bonuses in bulk: a line each, id and amount."""
        return "\n".join(f"{due.payee},{due.bonus}" for due in self.dues if due.bonus)


def _due(study: Study, observer: Observer, right: int) -> Due:
    payment = study.rules.payment
    bonus = Decimal(str(payment.bonus)) * right
    return Due(observer, right, _cents(Decimal(str(payment.base))), _cents(bonus))


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def due(observer: Observer) -> Due:
    """What an observer is owed now; nothing before the end or without qualifying."""
    if observer.finished_at is None or not (observer.qualified and observer.is_person):
        return Due(observer, 0, Decimal(0), Decimal(0))
    own = tallies(observer.study, Observer.objects.filter(pk=observer.pk))
    return _due(observer.study, observer, own.get(observer.pk, Tally()).right)


def most_for_one(study: Study) -> Decimal:
    """What an observer costs who is always right."""
    answers = scored_answers(study.protocol, study.rules, study.trials_per_observer)
    return _due(study, Observer(study=study), answers).total


def payroll(study: Study) -> Payroll:
    people = study.observers.people()
    right = tallies(study, people.finished())
    active = people.in_progress().filter(changed_at__gt=timezone.now() - KEPT_FOR).count()
    withdrawn = study.withdrawals.aggregate(paid=Sum("paid"))["paid"]
    payment = study.rules.payment
    return Payroll(
        currency=payment.currency,
        withdrawn=withdrawn or Decimal(0),
        reserved=active * most_for_one(study),
        budget=None if payment.budget is None else _cents(Decimal(str(payment.budget))),
        dues=[_due(study, each, right.get(each.pk, Tally()).right) for each in people.finished()],
    )


def can_pay_one_more(study: Study, *, if_all_others_finish: bool = True) -> bool:
    """Whether the budget allows for one more observer, however well they do.

    Args:
        if_all_others_finish: whether the money for people under way is kept back for them.
    """
    if study.rules.payment.budget is None:
        return True
    now = payroll(study)
    assert now.budget is not None  # noqa: S101  # as in the rules
    spent = now.committed if if_all_others_finish else now.owed
    return spent + most_for_one(study) <= now.budget
