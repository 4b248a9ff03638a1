"""What a study will take: observers for an interval of a wished width, their time, their pay."""

from dataclasses import dataclass
from functools import lru_cache

from evalsite.studies.checks import scored_answers
from evalsite.studies.design import Rules
from evalsite.studies.models import Protocol
from scoring.plan import Assumptions, Cost, Plan, plan_width

SECONDS_A_TRIAL = {
    Protocol.UNLIMITED: 3.0,
    Protocol.LIMITED: 8.0,
    Protocol.FLASH: 5.0,
    Protocol.PAIR: 4.0,
    Protocol.SELECT: 20.0,
    Protocol.NAME: 4.0,
}
USUAL_POINTS = 5.0


@lru_cache(maxsize=256)
def outlook(
    protocol: Protocol, rules: Rules, *, trials: int, generators: int, points: float
) -> Plan:
    """The observers needed for an error rate of every generator within ± points, by simulation.

    Of a flash study they are those of one generator, as each observer judges one. In a pair study
    the error rate is the share of pairs in which the fake is chosen, and a pair has an image
    of each kind.

    Raises:
        ValueError: with so few trials there is not an image of every generator.
    """
    judged = scored_answers(protocol, rules, trials)
    images = 2 * judged if protocol == Protocol.PAIR else judged
    cost = Cost(
        seconds_per_trial=trials * SECONDS_A_TRIAL[protocol] / images,
        base=rules.payment.base,
        bonus=rules.payment.bonus * judged / images,
    )
    together = 1 if protocol == Protocol.FLASH else generators
    return plan_width(
        points, assumptions=Assumptions(trials=images, generators=together), cost=cost
    )


@dataclass(frozen=True)
class NamingPlan:
    """What it takes until every image was named by as many people as were asked for.

    Attributes:
        each: people for an image. minutes: of one observer. hours, pay: of all of them.
    """

    each: int
    observers: int
    minutes: float
    hours: float
    pay: float


def naming_plan(rules: Rules, observers: int, *, trials: int) -> NamingPlan:
    """The time and the pay of so many observers, if every answer is right."""
    minutes = trials * SECONDS_A_TRIAL[Protocol.NAME] / 60
    pay = rules.payment.base + rules.payment.bonus * trials
    each = rules.observers_per_image
    return NamingPlan(each, observers, minutes, observers * minutes / 60, observers * pay)
