"""Import the trials of a study that was run elsewhere: all of them, or, if one is bad, none."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evalsite.accounts.models import User
from evalsite.catalog.models import Dataset
from evalsite.studies import services, transfer
from evalsite.studies.models import Protocol, Study
from scoring.rules import BadTable
from terminal.writing import named_path


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=named_path, help="CSV or Parquet, one row a trial")
        parser.add_argument("--dataset", required=True, help="by the name in its address")
        parser.add_argument("--protocol", choices=Protocol.values, default=Protocol.UNLIMITED)
        parser.add_argument("--name", default="", help="of the study; the file's if not given")
        parser.add_argument(
            "--owner", help="a researcher's e-mail address; without it, it is every researcher's"
        )
        parser.add_argument(
            "--condition",
            default="",
            help="what else must be equal to share a leaderboard, such as '1 s'; by default as the"
            " trials say",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            study = transfer.import_trials(
                options["file"],
                owner=_owner(options["owner"]),
                dataset=_dataset(options["dataset"]),
                protocol=options["protocol"],
                name=options["name"],
                condition=options["condition"],
            )
        except (BadTable, services.Refused, OSError) as error:
            reasons = "\n".join(transfer.reasons_of(error))
            raise CommandError(f"nothing was imported:\n{reasons}") from error
        self.stdout.write(_summary(study))


def _owner(email: str | None) -> User | None:
    if email is None:
        return None
    owner = User.objects.filter(email__iexact=email).first()
    if owner is None:
        raise CommandError(f"nobody has signed up as {email!r}")
    return owner


def _dataset(slug: str) -> Dataset:
    dataset = Dataset.objects.filter(slug=slug).first()
    if dataset is None:
        known = ", ".join(Dataset.objects.values_list("slug", flat=True)) or "none"
        raise CommandError(f"no data set {slug!r}; there are: {known}")
    return dataset


def _summary(study: Study) -> str:
    design = study.design
    place = ", ".join(filter(None, [str(study.dataset), study.protocol, study.condition]))
    names = ", ".join(generator["slug"] for generator in design["generators"])
    unread = ", ".join(design["columns_not_read"])
    people = f"{design['observers']:,} {'person' if design['observers'] == 1 else 'people'}"
    return (
        f"{design['trials']:,} trials of {people} and "
        f"{design['simulated_observers']:,} simulated observers are study {study.code}\n"
        f"board: {place}\ngenerators: {names}" + (f"\ncolumns not read: {unread}" if unread else "")
    )
