"""Fill a study with simulated observers of a stated d′ and bias; they are marked as simulated everywhere."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from evalsite.studies import services
from evalsite.studies.models import Study
from scoring.simulate import draw_observers


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="the code in the study's address")
        parser.add_argument("--observers", type=int, default=20)
        parser.add_argument("--dprime", type=float, default=1.0, help="mean sensitivity; 0 guesses")
        parser.add_argument(
            "--bias", type=float, default=0.0, help="criterion; above 0 says “real”"
        )
        parser.add_argument("--sd", type=float, default=0.4, help="spread of d′ between observers")
        parser.add_argument("--image-sd", type=float, default=0.3, help="spread between images")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument(
            "--dprime-of",
            action="append",
            default=[],
            metavar="GENERATOR=D",
            help="another d′ for one generator, by the name in its address; may be repeated",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(code=options["study"]).first()
        if study is None:
            known = ", ".join(Study.objects.values_list("code", flat=True)) or "none"
            raise CommandError(f"no study {options['study']!r}; there are: {known}")
        try:
            observers = draw_observers(
                options["observers"],
                options["dprime"],
                options["bias"],
                options["sd"],
                options["seed"] + study.observers_invited,
            )
            simulated = services.simulate_observers(
                study,
                observers,
                dprime_of=_dprimes(options["dprime_of"], study),
                image_sd=options["image_sd"],
                seed=options["seed"],
            )
            for _ in tqdm(simulated, total=len(observers), desc="observers", delay=1):
                pass
        except ValueError as error:
            raise CommandError(str(error)) from error
        services.ask_for_scores(study)
        self.stdout.write(f"{len(observers)} simulated observers took part in {study}")


def _dprimes(given: list[str], study: Study) -> dict[str, float]:
    known = set(study.pools.values_list("generator__slug", flat=True))
    dprimes = {}
    for text in given:
        slug, _, value = text.partition("=")
        if slug not in known:
            raise CommandError(
                f"no generator {slug!r} in this study; there are: {', '.join(sorted(known))}"
            )
        dprimes[slug] = float(value)
    return dprimes
