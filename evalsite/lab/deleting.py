"""Taking a classifier, an attack or a comparison away for good, where nobody has been asked about it."""

from functools import partial

from django.db import transaction

from evalsite.catalog.models import Generator
from evalsite.catalog.services import Refused
from evalsite.jobs import JobState
from evalsite.lab.models import Attack, Classifier, Transfer
from evalsite.leaderboard.deleting import delete_generator, remove, why_answers_stay

Row = Attack | Classifier | Transfer


@transaction.atomic
def delete(row: Row) -> None:
    """Delete a row with its files; with an attack go the generators that it has made. Raises Refused."""
    locked = type(row).jobs.select_for_update().get(pk=row.pk)
    if reason := why_stays(locked):
        raise Refused(reason)
    if isinstance(locked, Attack):
        _delete_rungs(locked)
    transaction.on_commit(partial(remove, _files(locked), []))
    locked.delete()


def why_stays(row: Row) -> str:
    """Why a row cannot be deleted, and what can be done; empty if it can."""
    if row.state == JobState.RUNNING:
        return "A worker is at it: cancel that first, and delete it a few seconds later."
    if isinstance(row, Classifier):
        return _why_classifier_stays(row)
    if isinstance(row, Attack):
        return next(filter(None, map(why_answers_stay, made_by(row))), "")
    return ""


def made_by(attack: Attack) -> list[Generator]:
    """The generators whose images an attack has forged, in the order of its rungs."""
    made = Generator.objects.filter(pools__rung__attack=attack)
    return list(made.order_by("pools__rung__position"))


def _why_classifier_stays(classifier: Classifier) -> str:
    made_on_it = [*classifier.attacks.all(), *classifier.transfers.all()]
    names = ", ".join(f"“{each}”" for each in made_on_it)
    return f"Attacks were made on it ({names}): delete those first." if names else ""


def _delete_rungs(attack: Attack) -> None:
    """The rungs go before the generators: images stay for as long as a rung shows them."""
    generators = made_by(attack)
    begun = [rung.url for rung in attack.rungs.filter(pool=None)]
    attack.rungs.all().delete()
    for generator in generators:
        delete_generator(generator)
    transaction.on_commit(partial(remove, [], begun))


def _files(row: Row) -> list[str]:
    file = row.film if isinstance(row, Attack) else getattr(row, "file", None)
    return [file.name] if file and file.name else []
