"""How long drawings were on the screen, from a trace of Chromium's compositor.

A page marks the moment at which it draws with `performance.mark("on:NAME")` and clears with `"off:NAME"`.
The first frame whose commit begins after a mark, and that is presented, is the first to show it. Without
a display the compositor presents a frame as soon as it is drawn; a screen shows it at its next refresh.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

CATEGORIES = ("blink.user_timing", "disabled-by-default-devtools.timeline.frame")
REFRESH = ("PipelineReporter", "b")
COMMIT_BEGINS = ("Commit", "b")
PRESENTED = ("SwapEndToPresentationCompositorFrame", "e")

Event = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Frame:
    """One presented frame: when it took over the page's drawings, and when it was handed over."""

    committed_us: int
    presented_us: int


@dataclass(frozen=True)
class Exposure:
    """How long the compositor showed a drawing, and how long a screen in step with it would have."""

    compositor_ms: float
    screen_ms: float


def exposures(events: Iterable[Event], frame_ms: float) -> dict[str, Exposure]:
    """Of each NAME that is marked on and off; it is left out if either was never presented."""
    events = sorted(events, key=lambda event: event.get("ts", 0))
    frames, refreshes = presented_frames(events), _times(events, REFRESH)
    marked = marks(events)
    found = {}
    for name in (mark.removeprefix("on:") for mark in marked if mark.startswith("on:")):
        onset_us = _presented_us(frames, marked[f"on:{name}"])
        offset_us = _presented_us(frames, marked.get(f"off:{name}"))
        if onset_us is not None and offset_us is not None:
            on_screen_us, off_screen_us = (
                _refresh_after(refreshes, time_us, 1000 * frame_ms)
                for time_us in (onset_us, offset_us)
            )
            shown_us, screen_us = offset_us - onset_us, off_screen_us - on_screen_us
            found[name] = Exposure(shown_us / 1000, screen_us / 1000)
    return found


def marks(events: Iterable[Event]) -> dict[str, int]:
    """When the page set each of its marks, in µs of the trace's clock."""
    own = (event for event in events if "blink.user_timing" in event.get("cat", ""))
    return {event["name"]: event["ts"] for event in own}


def presented_frames(events: Iterable[Event]) -> list[Frame]:
    """Every frame that took over drawings of the page and was presented, in the order of commits.

    `events` are in the order of time. The stages of one frame share an id, which is used again later.
    """
    commits: dict[tuple[int, str], int] = {}
    frames = []
    for event in events:
        if _stage(event) not in (COMMIT_BEGINS, PRESENTED):
            continue
        key = event["pid"], event["id2"]["local"]
        if _stage(event) == COMMIT_BEGINS:
            commits[key] = event["ts"]
        elif key in commits:
            frames.append(Frame(commits.pop(key), event["ts"]))
    return sorted(frames)


def _stage(event: Event) -> tuple[str, str]:
    return event.get("name", ""), event.get("ph", "")


def _times(events: Iterable[Event], stage: tuple[str, str]) -> list[int]:
    return [event["ts"] for event in events if _stage(event) == stage]


def _presented_us(frames: Sequence[Frame], marked_us: int | None) -> int | None:
    if marked_us is None:
        return None
    after = bisect_right(frames, marked_us, key=lambda frame: frame.committed_us)
    return frames[after].presented_us if after < len(frames) else None


def _refresh_after(refreshes: Sequence[int], time_us: int, frame_us: float) -> float:
    """The next refresh, counted on from the last of those known, which are not all there are."""
    last_us = refreshes[bisect_right(refreshes, time_us) - 1]
    return last_us + ceil((time_us - last_us) / frame_us) * frame_us
