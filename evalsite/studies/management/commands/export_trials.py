"""Write the trials of a study to a file, as `python -m scoring` reads them."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evalsite.studies import transfer
from evalsite.studies.models import Study
from evalsite.studies.table import trial_table
from scoring.files import FORMATS, Format, write_trials


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="the code in the study's address")
        parser.add_argument("--format", choices=FORMATS, help="by default as --output is called")
        parser.add_argument(
            "--simulated", action="store_true", help="simulated observers instead of people"
        )
        parser.add_argument("--output", default="-", help="a file; - (default) is stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(code=options["study"]).first()
        if study is None:
            known = ", ".join(Study.objects.values_list("code", flat=True)) or "none"
            raise CommandError(f"no study {options['study']!r}; there are: {known}")
        output: str = options["output"]
        named: Format = "parquet" if output.endswith(".parquet") else "csv"
        kind: Format = options["format"] or named
        table = trial_table([study], simulated=options["simulated"])
        if output == "-":
            write_trials(table, sys.stdout.buffer, kind)
            return
        try:
            transfer.write_whole(table, Path(output), kind)
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}") from error
        self.stdout.write(f"{len(table):,} trials are in {output}")
