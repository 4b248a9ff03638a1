"""The data dictionary: every column of a trial table, and every word its flags may hold."""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, dataclass, fields
from typing import Literal

Task = Literal["real", "name"]
"""What is asked of an image: is it real, or what is it."""

TASKS: tuple[Task, ...] = ("real", "name")
NONE = "none"
"""The answer "none of them" to the question what an image is."""


@dataclass(frozen=True)
class Column:
    """One column of a trial table.

    Attributes:
        type: text, or a finite number that is not negative; either is empty where not known.
        needed: False where a table may lack the column.
        unit: of a number, "" of text.
        values: what may stand in it.
    """

    name: str
    type: Literal["text", "number"]
    needed: bool
    unit: str
    values: str
    meaning: str


FLAGS = {
    "catch": "a catch trial: its image is no generator's and only tests the observer",
    "tie": "the observer could not tell the images of the screen apart; no response",
    "exposure_off": "shown longer or shorter than asked for by more than half a frame",
    "too_fast": "answered faster than anyone can judge",
    "focus_lost": "the observer looked at another window or tab meanwhile",
    "excluded_catch": "too few of the observer's catch trials are right",
    "excluded_fast": "the observer's median response time is too short",
    "excluded_one_answer": "the observer gave one and the same answer too often",
    "excluded_few": "the observer gave too few answers",
}

DATA_DICTIONARY = (
    Column("study", "text", False, "", "any", "the study's id; empty is a study too"),
    Column("observer", "text", True, "", "not empty", "the id of the person who judged"),
    Column("block", "text", False, "", "any", "the block's id within study and observer"),
    Column("position", "number", False, "", "0 or more", "orders the trials of a block"),
    Column(
        "stimulus",
        "text",
        True,
        "",
        "not empty",
        "the image's id; of one truth and one generator within a study, and judged once by an "
        "observer",
    ),
    Column(
        "generator",
        "text",
        False,
        "",
        "empty or real for real images, else a name",
        "what made the image; without the column all fakes are of one generator, fake; needed "
        "where images were named",
    ),
    Column(
        "truth",
        "text",
        True,
        "",
        "real, fake; where images were named, a class",
        "what the image is; of a catch trial that shows nothing, none",
    ),
    Column(
        "response",
        "text",
        True,
        "",
        "real, fake, empty; where images were named, a class, none, empty",
        "what the observer took it for; of a pair, the one taken for (more) real is real and the "
        "other fake; empty if skipped or tied",
    ),
    Column("rt_ms", "number", False, "ms", "0 or more", "from the image's onset to the answer"),
    Column("exposure_ms", "number", False, "ms", "0 or more", "asked for; empty if unlimited"),
    Column("shown_ms", "number", False, "ms", "0 or more", "measured"),
    Column(
        "flags",
        "text",
        False,
        "",
        "words separated by ;",
        "what was noted: " + "; ".join(f"{word} ({sense})" for word, sense in FLAGS.items()),
    ),
    Column("answered_at", "text", False, "", "ISO 8601", "the time of the answer"),
    Column(
        "screen",
        "text",
        False,
        "",
        "any",
        "rows of one study, observer and block with the same screen were shown together: two are "
        "a pair, more a grid; empty is alone",
    ),
)

HEADINGS = tuple(field.name for field in fields(Column))
NEEDED = tuple(column.name for column in DATA_DICTIONARY if column.needed)
NUMERIC = tuple(column.name for column in DATA_DICTIONARY if column.type == "number")


def dictionary_csv() -> str:
    """The dictionary as CSV, a header line first.

    >>> dictionary_csv().splitlines()[2]
    'observer,text,yes,,not empty,the id of the person who judged'
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADINGS)
    writer.writerows(_cells(column) for column in DATA_DICTIONARY)
    return file.getvalue()


def dictionary_markdown() -> str:
    """The dictionary as a Markdown table.

    >>> dictionary_markdown().splitlines()[3]
    '| observer | text | yes |  | not empty | the id of the person who judged |'
    """
    rows = [HEADINGS, ("---",) * len(HEADINGS), *map(_cells, DATA_DICTIONARY)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(column: Column) -> tuple[str, ...]:
    words = {True: "yes", False: "no"}
    return tuple(words.get(cell, cell) for cell in astuple(column))
