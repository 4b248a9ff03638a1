"""What the defences are worth, side by side: as JSON and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generators.adversarial.defences.keeping import Trained
from generators.adversarial.defences.recipes import DEFENCES, NONE
from generators.adversarial.defences.suite import (
    KNOWS_THE_NET,
    MANY_STEPS,
    MORE_STEPS,
    ONE_STEP,
    QUERIES_ALONE,
    TRANSFERRED,
)
from generators.adversarial.defences.worth import Share, UnderAttack, Worth, doubts

NOTHING = "–"
ATTACKS = (ONE_STEP, MANY_STEPS, MORE_STEPS, QUERIES_ALONE, TRANSFERRED, KNOWS_THE_NET)


@dataclass(frozen=True)
class Finished:
    """A defence that was trained and measured."""

    trained: Trained
    worth: Worth


def rows(finished: Mapping[str, Finished]) -> list[dict[str, Any]]:
    """A row for each defence; costs are how many times those of no defence, which must be among them."""
    return [_row(name, each, finished[NONE]) for name, each in finished.items()]


def _row(name: str, found: Finished, undefended: Finished) -> dict[str, Any]:
    worth = found.worth
    return {
        "defence": name,
        "label": DEFENCES[name].label,
        "files": list(found.trained.files),
        "clean": _share(worth.clean),
        "robust": _share(worth.robust),
        "under": {attack: _under(under) for attack, under in worth.under.items()},
        "doubts": doubts(worth.under),
        "training_s": found.trained.seconds,
        "attack_s": worth.attack_s,
        "training_ratio": found.trained.seconds / undefended.trained.seconds,
        "attack_ratio": worth.attack_s / undefended.worth.attack_s,
    }


def _share(share: Share) -> dict[str, Any]:
    return {"share": share.value, "interval": share.interval, "n": share.n}


def _under(found: UnderAttack) -> dict[str, Any]:
    return {
        "held": _share(found.held),
        "right": _share(found.right),
        "auc": found.auc,
        "seconds": found.seconds,
    }


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: shares of images held, in percent, with the interval of the weakest; then the doubts."""
    heads = ["defence", "clean", *ATTACKS, "**holds**", "AUC → known", "training", "attack"]
    lines = [_line(heads), _line(["---"] + ["---:"] * (len(heads) - 1))]
    lines += [_line(_cells(row)) for row in found]
    doubted = [f"- {row['defence']}: {words}" for row in found for words in row["doubts"]]
    return "\n".join([*lines, "", *(doubted or ["No doubts."])]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Mapping[str, Any]) -> list[str]:
    under = row["under"]
    low, high = row["robust"]["interval"]
    return [
        row["defence"],
        _percent(row["clean"]["share"]),
        *(_percent(under[name]["held"]["share"]) if name in under else NOTHING for name in ATTACKS),
        f"**{_percent(row['robust']['share'])}** ({_percent(low)}–{_percent(high)})",
        _aucs(under),
        f"× {row['training_ratio']:.1f}",
        f"× {row['attack_ratio']:.1f}",
    ]


def _aucs(under: Mapping[str, Any]) -> str:
    if KNOWS_THE_NET not in under:
        return NOTHING
    return f"{under[MANY_STEPS]['auc']:.2f} → {under[KNOWS_THE_NET]['auc']:.2f}"


def _percent(share: float) -> str:
    """In whole per cent.

    >>> _percent(0.126)
    '13'
    """
    return f"{100 * share:.0f}"
