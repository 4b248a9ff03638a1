"""Score a trial table: error rates, d′, thresholds, intervals and ranks from people's answers.

`python -m scoring plan` says how many observers a study needs, and `python -m scoring dictionary`
what every column of a trial table means.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from tqdm import tqdm

from scoring import plan_command
from scoring.correlation import read_metrics
from scoring.dictionary import TASKS, dictionary_csv, dictionary_markdown
from scoring.exclusions import Criteria, exclude
from scoring.files import read_trials, refuse_device, write_trials
from scoring.naming_report import NamingReport, naming_report
from scoring.naming_text import as_text as naming_as_text
from scoring.report import Report, report
from scoring.selection import Skipped
from scoring.staircase import RULES
from scoring.table import TrialTable
from scoring.text import as_text
from terminal.ending import ended
from terminal.writing import require_another

CRITERIA = {
    "catch_right": (float, "SHARE", "leave out who got fewer catch trials right, such as 0.8"),
    "fastest_ms": (float, "MS", "leave out whose median response time is shorter, such as 200"),
    "one_answer": (float, "SHARE", "leave out who gave one answer more often, such as 0.95"),
    "fewest_trials": (int, "N", "leave out who gave fewer answers, such as 20"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, or 2 if the input cannot be scored."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    commands = {"plan": plan_command.main, "dictionary": _dictionary}
    if given and given[0] in commands:
        return commands[given[0]](given[1:])
    options = _parser().parse_args(given)
    return ended("scoring", lambda: _score(options), foreseen=(_Refused,))


class _Refused(Exception):
    """What is wrong, and with what, in one line."""


@contextmanager
def _about(name: str) -> Iterator[None]:
    """Say of errors what they are about."""
    try:
        yield
    except OSError as error:
        raise _Refused(f"{name}: {error.strerror or error}") from error
    except ValueError as error:
        raise _Refused(f"{name}: {error}") from error


def _score(options: argparse.Namespace) -> int:
    _refuse_of_other_task(options)
    if options.export:
        require_another(Path(options.export), options.trials, options.metrics)
    with _about(options.trials):
        table = _chosen(options)
    with _about(options.export):
        _export(table, options.export)
    with _about(options.metrics):
        metrics = _metrics(options.metrics)
    with _about(options.trials):
        found = _report(table, metrics, options)
    if options.json:
        print(json.dumps(found.as_dict(), indent=2))
    else:
        print(as_text(found) if isinstance(found, Report) else naming_as_text(found))
    return 0


def _refuse_of_other_task(options: argparse.Namespace) -> None:
    asked = {"--skipped wrong": options.skipped == "wrong", "--rule": options.rule}
    given = [name for name, value in (asked | {"--metrics": options.metrics}).items() if value]
    if options.task == "name" and given:
        raise _Refused(f"--task name has no {given[0]}: that is of real and fake alone")


def _chosen(options: argparse.Namespace) -> TrialTable:
    """The table that is asked for, with the flags of the criteria that are."""
    source = sys.stdin.buffer if options.trials == "-" else options.trials
    table = read_trials(source, task=options.task, unread=_say_unread)
    asked = {name: getattr(options, name) for name in CRITERIA}
    if any(value is not None for value in asked.values()):
        table = exclude(table, Criteria(**asked))
    return table.where(~table.flagged) if options.exclude_flagged else table


def _metrics(path: str | None) -> dict[str, dict[str, float]]:
    if path is None:
        return {}
    refuse_device(path)
    return read_metrics(path)


def _say_unread(names: list[str]) -> None:
    print(f"scoring: columns not read: {', '.join(names)}", file=sys.stderr)


def _export(table: TrialTable, path: str | None) -> None:
    if path is not None:
        write_trials(table, path, "parquet" if path.lower().endswith(".parquet") else "csv")


def _report(
    table: TrialTable, metrics: Mapping[str, Mapping[str, float]], options: argparse.Namespace
) -> Report | NamingReport:
    with tqdm(total=options.draws, desc="draws", delay=1, leave=False, file=sys.stderr) as bar:
        common: dict[str, Any] = {
            "draws": options.draws,
            "seed": options.seed,
            "progress": lambda done, _: bar.update(done - bar.n),
        }
        if options.task == "name":
            return naming_report(table, **common)
        return report(table, skipped=options.skipped, rule=options.rule, metrics=metrics, **common)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scoring",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("trials", metavar="TRIALS", help="CSV or Parquet; - reads stdin")
    parser.add_argument(
        "--task",
        choices=TASKS,
        default="real",
        help="what people were asked: real or fake (default), or what it is",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--draws", type=int, default=10_000, metavar="N", help="bootstrap draws")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the draws")
    parser.add_argument(
        "--skipped",
        choices=get_args(Skipped),
        default="out",
        help="leave trials without answer out (default), or count them as wrong",
    )
    parser.add_argument(
        "--rule", choices=RULES, help="that set flash exposures (default: told from the table)"
    )
    parser.add_argument(
        "--exclude-flagged", action="store_true", help="leave out trials that carry a flag"
    )
    for name, (kind, unit, told) in CRITERIA.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=unit, help=told)
    parser.add_argument(
        "--metrics", metavar="CSV", help="automatic metrics to compare: generator, name, value"
    )
    parser.add_argument(
        "--export", metavar="FILE", help="write the table, as it is scored, as CSV or .parquet"
    )
    return parser


def _dictionary(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m scoring dictionary")
    parser.add_argument("--markdown", action="store_true", help="print Markdown instead of CSV")
    markdown = parser.parse_args(arguments).markdown

    def show() -> int:
        print(dictionary_markdown() if markdown else dictionary_csv(), end="")
        return 0

    return ended("scoring dictionary", show, foreseen=())
