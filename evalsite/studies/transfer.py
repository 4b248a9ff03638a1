"""Trials that come into the site from a file and leave it as one: CSV or Parquet."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.text import Truncator

from evalsite.accounts.models import User
from evalsite.catalog.models import Dataset, Generator, random_key
from evalsite.catalog.services import unique_slug
from evalsite.studies import services
from evalsite.studies.design import Rules, condition_of
from evalsite.studies.models import Protocol, Study
from evalsite.studies.table import PERSON, SIMULATED, imported_file
from evalsite.studies.told import rules_of, screen_sizes
from scoring.columns import Text, as_text, joint_codes
from scoring.dictionary import Task
from scoring.files import Format, read_trials, write_trials
from scoring.rules import BadTable
from scoring.table import TrialTable, write_csv

LONGEST_NAME, LONGEST_CONDITION, LONGEST_SOURCE = 120, 80, 200
LONGEST_GENERATOR = 80
LONGEST_COLUMN, MOST_COLUMNS = 40, 50
LONGEST_REASON = 300
MOST_NEW_GENERATORS = 100  # more of them are a column of something else
MOST_QUESTIONS = 32_767  # what a small column holds
CHUNK_ROWS = 20_000


def import_trials(
    path: Path,
    *,
    owner: User | None,
    dataset: Dataset,
    protocol: str,
    name: str = "",
    condition: str = "",
    source: str = "",
) -> Study:
    """Make a closed study of the trials in a file; they count on its board from the next scoring on.

    Observers, blocks and screens are numbered anew, so that nothing of who they were is kept.
    Generators are those of the data set with the same slug or name, or are made.

    Args:
        condition: what else must be equal to share a board; empty: as the trials say, and of
            flash never otherwise.
        source: what the file is called, if not as its path says.

    Raises:
        BadTable: names every bad row, or what is wrong with the file.
        Refused: the table is sound but not of this protocol, or its names cannot be used.
        OSError: the file cannot be read.
    """
    unread: list[str] = []
    task: Task = "name" if protocol == Protocol.NAME else "real"
    table = read_trials(path, task=task, unread=unread.extend)
    rules = rules_of(table, protocol)
    source = _printable(source or path.name)[:LONGEST_SOURCE] or "a file"
    study = Study(
        name=(_printable(name) or source)[:LONGEST_NAME],
        owner=owner,
        dataset=dataset,
        real_pool=dataset.held_out_pool,
        protocol=protocol,
        condition=_condition(condition, protocol, rules),
        rules_json=rules.as_json(),
        trials_per_observer=_questions_each(table),
        practice_trials=0,
        state=Study.State.CLOSED,
        imported_from=source,
        trials_key=random_key(),
        opened_at=timezone.now(),
    )
    known, new = _generators(table, dataset)
    made = _make_generators(new, study)
    try:
        _keep(study, table, known | made, path, unread)
    except BaseException:
        imported_file(study.trials_key).unlink(missing_ok=True)
        Generator.objects.filter(pk__in=[generator.pk for generator in made.values()]).delete()
        raise
    return study


def remove_import(study: Study) -> None:
    """Take imported trials off every board, and off the disk; the study stays listed."""
    kept = Study.objects.filter(pk=study.pk).exclude(imported_from="").exclude(trials_key="")
    with transaction.atomic():
        if not kept.update(trials_key="", revision=F("revision") + 1):
            raise services.Refused("this study has no imported trials")
        _forget_generators(study)
        services.ask_for_scores(study)
    imported_file(study.trials_key).unlink(missing_ok=True)


def file_name(study: Study, kind: Format, *, simulated: bool) -> str:
    return f"trials-{study.code}{'-simulated' if simulated else ''}.{kind}"


def write_whole(table: TrialTable, file: Path, kind: Format) -> None:
    """Write a table to a file that nobody sees before it is complete."""
    beside = file.with_name(f"{file.name}.part")
    try:
        write_trials(table, beside, kind)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def csv_chunks(table: TrialTable) -> Iterator[str]:
    """The table as CSV, a piece at a time; together the pieces are what `write_csv` writes."""
    rows = np.arange(len(table))
    for start in range(0, max(len(table), 1), CHUNK_ROWS):
        text = io.StringIO(newline="")
        write_csv(table.where((rows >= start) & (rows < start + CHUNK_ROWS)), text)
        header, _, lines = text.getvalue().partition("\n")
        yield lines if start else f"{header}\n{lines}"


def reasons_of(error: Exception) -> list[str]:
    """Why nothing was imported: a line for each of the first bad rows."""
    if not isinstance(error, BadTable):
        return [str(error)]
    unlisted = error.total - len(error.reasons)
    more = [f"and {unlisted:,} more"] if unlisted > 0 else []
    return [Truncator(reason).chars(LONGEST_REASON) for reason in error.reasons] + more


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _condition(given: str, protocol: str, rules: Rules) -> str:
    """What was given, or what follows from the rules; of flash only what does."""
    told = condition_of(protocol, rules)
    if given and protocol == Protocol.FLASH and given != told:
        raise services.Refused(f"these exposures are those of the {told}, not of {given!r}")
    condition = _printable(given) or told
    if len(condition) > LONGEST_CONDITION:
        raise services.Refused(
            f"a condition has at most {LONGEST_CONDITION} characters, got {len(condition)}"
        )
    return condition


def _questions_each(table: TrialTable) -> int:
    """How many images, pairs or grids an observer judged, on average."""
    observers, _ = joint_codes(table.study, table.observer)
    return min(round(len(screen_sizes(table)) / observers), MOST_QUESTIONS)


def _generators(table: TrialTable, dataset: Dataset) -> tuple[dict[str, Generator], list[str]]:
    """By their names in the table: the data set's generators of this slug or name; and new names."""
    names = sorted(set(table.generator[table.fake & ~table.catch]))
    _refuse_names(names)
    ours = list(dataset.generators.all())
    found = {name: _find(name, ours) for name in names}
    known = {name: generator for name, generator in found.items() if generator}
    new = [name for name in names if name not in known]
    if len(new) > MOST_NEW_GENERATORS:
        raise services.Refused(
            f"the table names {len(new):,} generators that are new here, and at most "
            f"{MOST_NEW_GENERATORS} can be: does its column generator hold something else?"
        )
    slugs = {name: generator.slug for name, generator in known.items()}
    _refuse_twice(slugs | {name: _alike(name) for name in new})
    return known, new


def _refuse_names(names: Sequence[str]) -> None:
    if not names:
        raise services.Refused("no trial shows a generated image, so there is nothing to score")
    bad = [name for name in names if len(name) > LONGEST_GENERATOR or not name.isprintable()]
    if bad:
        raise services.Refused(
            f"a generator's name has 1 to {LONGEST_GENERATOR} printable characters, "
            f"got {bad[0][:LONGEST_GENERATOR]!r}"
        )


def _find(name: str, ours: Iterable[Generator]) -> Generator | None:
    by_slug = [generator for generator in ours if generator.slug == name.casefold()]
    by_name = [generator for generator in ours if _alike(generator.name) == _alike(name)]
    if not by_slug and len(by_name) > 1:
        slugs = ", ".join(generator.slug for generator in by_name)
        raise services.Refused(
            f"{name!r} is the name of several generators here; say which: {slugs}"
        )
    return next(iter(by_slug + by_name), None)


def _alike(name: str) -> str:
    """The same for names that look the same but for capitals."""
    return normalize("NFKC", name).casefold()


def _refuse_twice(meant: Mapping[str, str]) -> None:
    """One generator under two names would be scored as two."""
    count = Counter(meant.values())
    twice = [repr(name) for name, generator in meant.items() if count[generator] > 1]
    if twice:
        raise services.Refused(
            f"these names mean one generator; use one of them: {', '.join(twice)}"
        )


@transaction.atomic
def _make_generators(names: Iterable[str], study: Study) -> dict[str, Generator]:
    return {
        name: Generator.objects.create(
            name=name,
            slug=unique_slug(Generator, name),
            kind=Generator.Kind.EXTERNAL,
            description=f"Known by people’s answers alone, imported from {study.imported_from}.",
            dataset=study.dataset,
            owner=study.owner,
        )
        for name in names
    }


def _keep(
    study: Study,
    table: TrialTable,
    generators: Mapping[str, Generator],
    path: Path,
    unread: Sequence[str],
) -> None:
    slugs = {name: generator.slug for name, generator in generators.items()}
    own = _pseudonymous(table, study.code, slugs)
    file = imported_file(study.trials_key)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(own, file, "parquet")
    study.design = _design(study, own, generators.values(), path, unread)
    study.design_hash = services.hash_design(study.design)
    with transaction.atomic():
        study.save()
        services.ask_for_scores(study)


def _pseudonymous(table: TrialTable, code: str, slugs: Mapping[str, str]) -> TrialTable:
    """The same trials; of the file's own names only the images' are left."""
    studies = _numbered(table.study)
    return replace(
        table,
        study=_renamed(
            table.study,
            {n: f"{code}-{i}" if len(studies) > 1 else code for n, i in studies.items()},
        ),
        observer=_renamed(
            table.observer,
            {
                name: f"{SIMULATED if name.startswith(SIMULATED) else PERSON}{code}-{number}"
                for name, number in _numbered(table.observer).items()
            },
        ),
        generator=_renamed(table.generator, {n: slugs.get(n, n) for n in set(table.generator)}),
        block=_renamed(table.block, _as_words(_numbered(table.block))),
        screen=_renamed(table.screen, _as_words(_numbered(table.screen))),
    )


def _numbered(column: Text) -> dict[str, int]:
    """The column's words, numbered from 1 in order of appearance."""
    return {word: number for number, word in enumerate(dict.fromkeys(column.tolist()), start=1)}


def _as_words(numbers: Mapping[str, int]) -> dict[str, str]:
    return {word: word and str(number) for word, number in numbers.items()}


def _renamed(column: Text, names: Mapping[str, str]) -> Text:
    return as_text(map(names.__getitem__, column.tolist()))


def _design(
    study: Study,
    table: TrialTable,
    generators: Iterable[Generator],
    path: Path,
    unread: Sequence[str],
) -> dict[str, Any]:
    """What is known of an experiment that was run elsewhere."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    people = {name for name in table.observer if name.startswith(PERSON)}
    return {
        "protocol": study.protocol,
        "condition": study.condition,
        "dataset": study.dataset.slug,
        "rules": study.rules_json,
        "imported_from": study.imported_from,
        "sha256": digest,
        "columns_not_read": [_printable(name)[:LONGEST_COLUMN] for name in unread[:MOST_COLUMNS]],
        "trials": len(table),
        "observers": len(people),
        "simulated_observers": len(set(table.observer) - people),
        "real": {"name": f"{study.dataset}, as the file names its images"},
        "generators": [{"name": each.name, "slug": each.slug} for each in generators],
        "share_of_real_images": f"{1 - table.fake.mean():.1%} of all trials",
        "excluded": "what the file says",
    }


def _forget_generators(study: Study) -> None:
    """Delete the generators that were known by this import alone."""
    others = Study.objects.filter(dataset=study.dataset).exclude(pk=study.pk).exclude(trials_key="")
    spoken_of = {slug for other in others for slug in _slugs(other)}
    gone = Generator.objects.filter(kind=Generator.Kind.EXTERNAL, dataset=study.dataset)
    gone.filter(slug__in=_slugs(study) - spoken_of).delete()


def imports_about(generator: Generator) -> list[Study]:
    """The studies whose imported trials speak of a generator, however it became known."""
    kept = Study.objects.filter(dataset=generator.dataset).exclude(trials_key="")
    return [study for study in kept if generator.slug in _slugs(study)]


def _slugs(study: Study) -> set[str]:
    return {generator["slug"] for generator in study.design["generators"]}
