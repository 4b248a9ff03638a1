"""How many answers of each observer were right: pairs in a pair study, images in all others."""

from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet

from evalsite.studies.models import Observer, Protocol, Study, Trial

SAID_FAKE, SAID_REAL = Q(response__answer="fake"), Q(response__answer="real")
IS_FORGED = Q(pool__dataset=None)


@dataclass(frozen=True)
class Tally:
    """The answers of one observer after practice, but for catch trials.

    Attributes:
        missed_fakes, doubted_reals: 0 where images are named.
    """

    right: int = 0
    total: int = 0
    missed_fakes: int = 0
    doubted_reals: int = 0

    @property
    def share_right(self) -> float:
        return self.right / self.total


def tallies(study: Study, observers: "QuerySet[Observer]") -> dict[int, Tally]:
    """By observer's key, who has answered; nobody where no answer is right or wrong."""
    if study.protocol == Protocol.PAIR and study.rules.against == "generators":
        return {}
    trials = Trial.objects.main().answered().filter(observer__in=observers, is_catch=False)
    if study.protocol == Protocol.PAIR:
        trials = trials.filter(IS_FORGED)  # one image stands for each pair; none for catch pairs
    if study.protocol == Protocol.NAME:
        named = trials.values_list("observer_id").annotate(
            right=Count("pk", filter=Q(response__answer=F("label"))), total=Count("pk")
        )
        return {pk: Tally(*counts) for pk, *counts in named}
    rows = trials.values_list("observer_id").annotate(
        right=Count("pk", filter=(IS_FORGED & SAID_FAKE) | (~IS_FORGED & SAID_REAL)),
        total=Count("pk"),
        missed=Count("pk", filter=IS_FORGED & SAID_REAL),
        doubted=Count("pk", filter=~IS_FORGED & SAID_FAKE),
    )
    return {pk: Tally(*counts) for pk, *counts in rows}
