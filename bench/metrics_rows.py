"""What a benchmark of the metrics says: ratios to a peer, and quantities of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.metrics_process import Done, Outcome


@dataclass(frozen=True)
class Row:
    """Seconds of ours and of a peer, and how many times ours the peer's are.

    `cpu_ratio` is that of the time computed, where both did the work in their own processes: on a
    busy machine it says more. `target` is what the ratio should reach at least. `error` is ours
    against an exact value, and then `peer_error` is the peer's, or else against the peer. A peer
    that is absent has no seconds and no ratio, and `note` says why; what is timed beside nothing
    has no peer.
    """

    what: str
    ours_s: float
    peer: str | None = None
    peer_s: float | None = None
    cpu_ratio: float | None = None
    target: float | None = None
    error: float | None = None
    peer_error: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return None if self.peer_s is None else self.peer_s / self.ours_s

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": self.ratio}


@dataclass(frozen=True)
class Quantity:
    """A quantity of ours with its unit, and what it should reach at least or at most."""

    what: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


Found = Row | Quantity


def row_of(
    what: str,
    ours: Done,
    peer: str,
    outcome: Outcome,
    *,
    target: float | None = None,
    error: float | None = None,
    peer_error: float | None = None,
    note: str = "",
) -> Row:
    """Return the row of what both did, or of what we did and why the peer did not."""
    if isinstance(outcome, str):
        return Row(what, ours.seconds, peer, target=target, note=outcome)
    cpu_ratio = outcome.cpu_s / ours.cpu_s
    return Row(
        what, ours.seconds, peer, outcome.seconds, cpu_ratio, target, error, peer_error, note
    )


def as_lines(found: Sequence[Mapping[str, Any]]) -> str:
    """Rows and quantities as people read them."""
    return "\n".join(_line(each) for each in found)


def _line(found: Mapping[str, Any]) -> str:
    if "unit" in found:
        bounds = [("≥", found["at_least"]), ("≤", found["at_most"])]
        wanted = "".join(f" (wanted {sign} {bound:g})" for sign, bound in bounds if bound)
        return f"{found['what']}: {found['value']:.4g} {found['unit']}{wanted}{_note(found)}"
    line = f"{found['what']}: {found['ours_s']:.3g} s"
    if found["peer"]:
        line += f", {found['peer']} "
        line += "absent" if found["peer_s"] is None else f"{found['peer_s']:.3g} s"
    if found["ratio"] is not None:
        line += f", {found['ratio']:.3g} ×"
    if found["cpu_ratio"] is not None:
        line += f" ({found['cpu_ratio']:.3g} × in cpu time)"
    if found["target"]:
        line += f" (wanted ≥ {found['target']:g})"
    if found["error"] is not None:
        line += f", error {found['error']:.2g}"
    if found["peer_error"] is not None:
        line += f", the peer's {found['peer_error']:.2g}"
    return line + _note(found)


def _note(found: Mapping[str, Any]) -> str:
    return f": {found['note']}" if found["note"] else ""
