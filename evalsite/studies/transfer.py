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
from evalsite.studies.checks import MOST_LEVELS
from evalsite.studies.design import Rules, condition_of
from evalsite.studies.models import Protocol, Study
from evalsite.studies.table import PERSON, SIMULATED, TOGETHER, imported_file
from scoring.columns import Codes, Text, as_text, joint_codes
from scoring.dictionary import Task
from scoring.files import Format, read_trials, write_trials
from scoring.rules import BadTable
from scoring.staircase import RULES, ConstantStimuli, UpDown, explains, rule_of
from scoring.table import TrialTable, write_csv

LONGEST_NAME, LONGEST_CONDITION, LONGEST_SOURCE = 120, 80, 200
LONGEST_GENERATOR = 80
LONGEST_COLUMN, MOST_COLUMNS = 40, 50
LONGEST_REASON = 300
MOST_NEW_GENERATORS = 100  # more of them are a column of something else
MOST_QUESTIONS = 32_767  # what a small column holds
SHORTEST_EXPOSURE_MS = 8  # a frame at 120 Hz
SHORTEST_MEDIAN_MS = 30  # people take ten times as long
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
    rules = _rules_of(table, protocol)
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


def _rules_of(table: TrialTable, protocol: str) -> Rules:
    """What the trials say of how they were shown; Refused if they are not of this protocol."""
    _refuse_seconds(table)
    if protocol not in TOGETHER:
        _refuse_screens(table, protocol)
    if protocol == Protocol.UNLIMITED:
        _refuse_exposures(table)
    if protocol == Protocol.LIMITED:
        return _limited_rules(table)
    if protocol == Protocol.FLASH:
        return _flash_rules(table)
    if protocol == Protocol.PAIR:
        return _pair_rules(table)
    if protocol == Protocol.SELECT:
        return _select_rules(table)
    return Rules()


def _refuse_seconds(table: TrialTable) -> None:
    """Columns of ms that can only be in seconds: no screen is so quick, and nobody."""
    asked, taken = (own[np.isfinite(own)] for own in (table.exposure_ms, table.rt_ms))
    if asked.size and asked.min() < SHORTEST_EXPOSURE_MS:
        raise services.Refused(
            f"exposure_ms is as short as {asked.min():g} ms, less than a screen's frame: "
            "is it in seconds? Of images that stay until answered it is empty"
        )
    if taken.size and (median_ms := float(np.median(taken))) < SHORTEST_MEDIAN_MS:
        raise services.Refused(
            f"half of the answers take less than {median_ms:.3g} ms, which nobody can: "
            "is rt_ms in seconds?"
        )


def _refuse_screens(table: TrialTable, protocol: str) -> None:
    sizes = _screen_sizes(table)
    if together := int((sizes > 1).sum()):
        raise services.Refused(
            f"{protocol} studies show one image at a time, and by the column screen "
            f"{together:,} of {len(sizes):,} screens had several: is the protocol pair or select?"
        )


def _refuse_exposures(table: TrialTable) -> None:
    timed = int((np.isfinite(table.exposure_ms) & ~table.catch).sum())
    if timed:
        raise services.Refused(
            f"images of an unlimited study stay until answered, and {timed:,} trials have an "
            "exposure_ms: is the protocol limited or flash?"
        )


def _screen_sizes(table: TrialTable) -> Codes:
    """(S,) how many images each screen has."""
    return np.unique(table.screens, return_counts=True)[1]


def _timed(table: TrialTable, protocol: str) -> TrialTable:
    """The trials whose exposure was the protocol's: catch trials have their own."""
    timed = table.where(~table.catch & np.isfinite(table.exposure_ms))
    if not len(timed):
        raise services.Refused(f"a {protocol} study needs exposure_ms, and no trial has it")
    return timed


def _limited_rules(table: TrialTable) -> Rules:
    exposures = np.unique(np.rint(_timed(table, "limited").exposure_ms))
    if len(exposures) > MOST_LEVELS:
        raise services.Refused(
            f"a limited study has at most {MOST_LEVELS} exposures, got {len(exposures)}: "
            "exposure_ms is what was asked for, shown_ms what was measured"
        )
    return Rules(exposures_ms=tuple(map(int, exposures)))


def _flash_rules(table: TrialTable) -> Rules:
    timed = _timed(table, "flash")
    rule = rule_of(timed)
    if isinstance(rule, ConstantStimuli):
        return Rules(staircase="constant", exposures_ms=tuple(map(round, rule.levels_ms)))
    if not (isinstance(rule, UpDown) and explains(rule, timed)):
        raise services.Refused(
            "within blocks exposure_ms changes by none of the rules of a flash study: weighted (10 "
            "ms less or 30 more), 3-down-1-up (30 ms either way) or up to 12 constant levels. Do "
            "block and position give the trials' order? Fixed exposures are of the protocol limited"
        )
    return Rules(staircase=next(name for name, known in RULES.items() if known == rule))


def _pair_rules(table: TrialTable) -> Rules:
    sizes = _screen_sizes(table)
    if not (sizes == 2).any():
        raise services.Refused(
            "a pair study needs the column screen: the two rows of a pair have the same word there"
        )
    if others := int((sizes != 2).sum()):
        raise services.Refused(
            "a pair study shows two images at a time, and by the column screen "
            f"{others:,} of {len(sizes):,} screens had another number"
        )
    _refuse_undecided(table)
    beside_real = bool((~table.fake & ~table.catch).any())
    return Rules(against="real" if beside_real else "generators", allow_ties=bool(table.tied.any()))


def _refuse_undecided(table: TrialTable) -> None:
    """Of a pair one image is taken for real and the other for fake, or there is no answer."""
    _, screen = np.unique(table.screens, return_inverse=True)
    said = [np.bincount(screen, table.response == word) for word in ("real", "fake")]
    if odd := int((said[0] != said[1]).sum()):
        raise services.Refused(
            "of a pair one response is real and the other fake, or both are empty; "
            f"{odd:,} of {len(said[0]):,} pairs have others"
        )


def _select_rules(table: TrialTable) -> Rules:
    grid = int(_screen_sizes(table).max())
    if grid == 2:
        raise services.Refused("two images together are a pair: is the protocol pair?")
    if grid < 2:
        raise services.Refused(
            "a select study needs the column screen: the rows of a grid have the same word there"
        )
    return Rules(grid=grid)


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
    return min(round(len(_screen_sizes(table)) / observers), MOST_QUESTIONS)


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
