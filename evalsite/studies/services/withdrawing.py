"""Taking answers back: whoever has an observer's code can have all of that observer's data deleted."""

from django.db import transaction
from django.db.models import F

from evalsite.studies.models import PLAIN_LETTERS, Observer, Study, Withdrawal
from evalsite.studies.services.errors import Refused
from evalsite.studies.services.finishing import ask_for_scores
from evalsite.studies.services.paying import due

GROUP = 4


@transaction.atomic
def withdraw(code: str) -> Study:
    """Delete an observer with every trial and answer; what they were owed stays, without a name.

    Args:
        code: as it was shown to the observer; spaces, dashes and small letters do not matter.

    Raises:
        Refused: no observer has this code.
    """
    known = Observer.objects.select_for_update(of=("self",)).select_related("study")
    observer = known.filter(code=_tidy(code)).first()
    if observer is None:
        raise Refused("no answers here have this code")
    study = observer.study
    Withdrawal.objects.create(study=study, paid=due(observer).total)
    observer.delete()
    Study.objects.filter(pk=study.pk).update(revision=F("revision") + 1)
    ask_for_scores(study)
    return study


def _tidy(code: str) -> str:
    letters = [letter for letter in code.upper() if letter in PLAIN_LETTERS]
    groups = (letters[at : at + GROUP] for at in range(0, len(letters), GROUP))
    return "-".join("".join(group) for group in groups)
