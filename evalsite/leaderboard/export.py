"""A board as a file: the columns that were chosen, all digits, each with its interval and its n."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from evalsite.leaderboard.board import Board, Row
from evalsite.leaderboard.columns import Column
from evalsite.leaderboard.models import Score
from scoring.table import FORMULA

OF_ROW = ("generator", "name", "rank_low", "rank_high", "simulated")


def as_json(board: Board, columns: Sequence[Column]) -> dict[str, Any]:
    """The board with what its columns mean; a figure that a generator lacks is left out."""
    return {
        "dataset": board.dataset.slug,
        "protocol": board.protocol,
        "condition": board.condition,
        "columns": [_column(column) for column in columns],
        "generators": [
            {
                **_of_row(row),
                "figures": {
                    column.name: _figure(score)
                    for column in columns
                    if (score := row.figure(column.name))
                },
            }
            for row in board.rows
        ],
    }


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "definition": column.words.definition,
        "better": column.words.better,
        "extractor": column.extractor,
    }


def _of_row(row: Row) -> dict[str, Any]:
    lead = row.lead
    ranks = (lead.rank_low, lead.rank_high) if lead else (None, None)
    return dict(
        zip(OF_ROW, (row.generator.slug, row.generator.name, *ranks, row.is_simulated), strict=True)
    )


def _figure(score: Score) -> dict[str, Any]:
    return {
        "value": score.value,
        "low": score.low,
        "high": score.high,
        "n": score.n,
        "resampled": score.resampled,
        "note": score.note,
    }


def as_csv(board: Board, columns: Sequence[Column]) -> str:
    """A line a generator; `FD-lite0`, `FD-lite0_low`, `FD-lite0_high`, `FD-lite0_n_fake`, `FD-lite0_note` …"""
    out = io.StringIO()
    heads = list(_heads(board, columns))
    writer = csv.DictWriter(out, [*OF_ROW, *heads])
    writer.writeheader()
    for row in board.rows:
        own = _of_row(row)
        name = own["name"]
        quoted = f"'{name}" if FORMULA.match(name) else name  # no spreadsheet shall compute it
        writer.writerow({**own, "name": quoted, **_cells(row, columns)})
    return out.getvalue()


def _heads(board: Board, columns: Sequence[Column]) -> Iterator[str]:
    for column in columns:
        scores = [score for row in board.rows if (score := row.figure(column.name))]
        counted = dict.fromkeys(what for score in scores for what in score.n)
        yield column.name
        yield from (f"{column.name}_{end}" for end in ("low", "high"))
        yield from (f"{column.name}_n_{what}" for what in counted)
        if any(score.note for score in scores):
            yield f"{column.name}_note"


def _cells(row: Row, columns: Sequence[Column]) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for column in columns:
        if score := row.figure(column.name):
            cells[column.name] = score.value
            cells |= {f"{column.name}_low": score.low, f"{column.name}_high": score.high}
            cells |= {f"{column.name}_n_{what}": count for what, count in score.n.items()}
            cells |= {f"{column.name}_note": score.note} if score.note else {}
    return cells
