"""How long images are really shown: requested, in the page and in the compositor; jsPsych beside it.

Images are shown for 100, 250 and 500 ms in a headless Chromium, idle and under load: an endless loop on
every core, and 8 ms of work every 17 to 37 ms on the page's own thread. The page's exposure is the time
between the frames to which drawing and clearing belong; the compositor's is read from its trace, and the
screen's is what a display refreshed in step with it would have shown (`bench.compositor`). An exposure is
off if it misses what was asked for by more than half a frame (and 1 ms for the clock): another number of
frames was shown. jsPsych comes from npm, in the versions below, into a cache folder; without npm only
this site is timed. All of it takes ten minutes, and up to half an hour where the machine has other work.
"""

import argparse
import functools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser

from bench.chromium import running_chromium
from bench.compositor import CATEGORIES, exposures
from bench.live import ROOT
from bench.machine import await_quiet, busy_cores, machine, watched
from pools.stimulus import encode

DURATIONS_MS = (100, 250, 500)
TRIALS = 100
GAPS_MS = (80, 160)
IMAGES, IMAGE_PX = 8, 256
TURNS = 20
PATIENCE_S = 30
IDLE = 0.5
JITTER_MS = 1
SEED = 1
CONDITIONS = ("idle", "loaded")
CLOCKS = ("page", "compositor", "screen")
JSPSYCH = {
    "jspsych": "8.3.0",
    "@jspsych/plugin-image-keyboard-response": "2.2.0",
    "@jspsych/plugin-preload": "2.1.0",
}
PAGES = ROOT / "bench" / "timing_page"
SCRIPTS = ROOT / "evalsite" / "static" / "trial"


class Unavailable(RuntimeError):
    """jsPsych cannot be had here, and why."""


@dataclass(frozen=True)
class Trial:
    """An image to show, for how long, and how long nothing is shown after it."""

    name: str
    image: int
    ms: int
    gap_ms: int


@dataclass(frozen=True)
class Shown:
    """What one tool showed: exposures in ms by the trial's name, as each clock saw them."""

    frame_ms: float
    busy: float | None  # the share of all cores' time that was used meanwhile, where it is known
    page: Mapping[str, float]
    compositor: Mapping[str, float]
    screen: Mapping[str, float]


def trials_of(durations_ms: Sequence[int], count: int, seed: int) -> list[Trial]:
    """`count` trials of each duration in random order, with gaps that keep no step with the frames."""
    if count < 1:
        raise ValueError(f"there must be at least 1 trial of each duration, got {count}")
    draw = random.Random(seed)
    order = [ms for ms in durations_ms for _ in range(count)]
    draw.shuffle(order)
    return [
        Trial(str(turn), turn % IMAGES, ms, draw.randint(*GAPS_MS)) for turn, ms in enumerate(order)
    ]


def summary(errors_ms: Sequence[float], frame_ms: float) -> dict[str, float | int | None]:
    """Of exposures less what was asked for: n, mean, SD, the one farthest off, and how many are off."""
    if not errors_ms:
        return {"n": 0, "mean_ms": None, "sd_ms": None, "worst_ms": None, "off": None}
    worst_ms: float = max(errors_ms, key=abs)
    off = [error for error in errors_ms if abs(error) > frame_ms / 2 + JITTER_MS]
    return {
        "n": len(errors_ms),
        "mean_ms": round(statistics.fmean(errors_ms), 3),
        "sd_ms": round(statistics.pstdev(errors_ms), 3),
        "worst_ms": round(worst_ms, 3),
        "off": len(off),
    }


def rows(tool: str, condition: str, trials: Sequence[Trial], shown: Shown) -> list[dict[str, Any]]:
    """One row for each duration, and one for all together (`requested_ms` is null)."""
    found = []
    for wanted_ms in (*sorted({trial.ms for trial in trials}), None):
        kept = [trial for trial in trials if wanted_ms in (trial.ms, None)]
        row: dict[str, Any] = {
            "tool": tool,
            "condition": condition,
            "requested_ms": wanted_ms,
            "busy": shown.busy,
        }
        for clock in CLOCKS:
            seen: Mapping[str, float] = getattr(shown, clock)
            errors = [seen[trial.name] - trial.ms for trial in kept if trial.name in seen]
            row[clock] = summary(errors, shown.frame_ms)
        found.append(row)
    return found


def measure(
    count: int = TRIALS,
    *,
    with_jspsych: bool = True,
    conditions: Sequence[str] = CONDITIONS,
    patience_s: float = PATIENCE_S,
) -> dict[str, Any]:
    """Time this site and, if it can be had, jsPsych, idle and loaded; `count` trials a duration.

    For each idle turn a machine with other work is waited for, and a turn that it disturbed is taken
    again, for up to `patience_s`.
    """
    trials = trials_of(DURATIONS_MS, count, SEED)
    jspsych, absence = _jspsych_or_why_not() if with_jspsych else (None, "not asked for")
    tools = ("uncanny", "jspsych") if jspsych else ("uncanny",)
    results: list[dict[str, Any]] = []
    with _served(jspsych) as address, running_chromium() as browser:
        for condition in conditions:
            pages = {tool: f"{address}/{tool}.html" for tool in tools}
            shown = _take_turns(browser, pages, trials, condition, patience_s)
            results += (row for tool in tools for row in rows(tool, condition, trials, shown[tool]))
        version = browser.version
    return {
        "trials": count,
        "frame_ms": round(shown["uncanny"].frame_ms, 2),
        "results": results,
        "jspsych": {"versions": JSPSYCH} if jspsych else {"absent": absence},
        "machine": {**machine(), "chromium": version},
    }


def _take_turns(
    browser: Browser,
    pages: Mapping[str, str],
    trials: Sequence[Trial],
    condition: str,
    patience_s: float,
) -> dict[str, Shown]:
    """Each tool's exposures of all trials, in turns: what else the machine does falls on all of them."""
    parts: dict[str, list[Shown]] = {tool: [] for tool in pages}
    turns = min(TURNS, len(trials))
    for turn in range(turns):
        _say(f"{condition}: turn {turn + 1} of {turns}")
        for tool, page in pages.items():
            if condition == "loaded":
                with busy_cores():
                    shown = _show(browser, page, trials[turn::turns], is_loaded=True)
            else:
                shown = _show_idle(browser, page, trials[turn::turns], patience_s)
            parts[tool].append(shown)
    return {tool: _joined(shown) for tool, shown in parts.items()}


def _show_idle(browser: Browser, page: str, trials: Sequence[Trial], patience_s: float) -> Shown:
    """Shown while the cores were idle more than not; or as it went when patience was at its end."""
    end_s = time.monotonic() + patience_s
    while True:
        await_quiet(end_s - time.monotonic())
        shown = _show(browser, page, trials, is_loaded=False)
        if (shown.busy or 0) <= IDLE or time.monotonic() > end_s:
            return shown


def _joined(parts: Sequence[Shown]) -> Shown:
    known = [part.busy for part in parts if part.busy is not None]
    clocks = {clock: dict(ChainMap(*(getattr(part, clock) for part in parts))) for clock in CLOCKS}
    return Shown(
        frame_ms=statistics.median(part.frame_ms for part in parts),
        busy=round(statistics.fmean(known), 3) if known else None,
        **clocks,
    )


def _show(browser: Browser, address: str, trials: Sequence[Trial], *, is_loaded: bool) -> Shown:
    plan = {
        "images": [f"/images/{number}.png" for number in range(IMAGES)],
        "trials": [asdict(trial) for trial in trials],
        "is_loaded": is_loaded,
    }
    page = browser.new_page()
    page.goto(address)
    browser.start_tracing(page=page, categories=[*CATEGORIES])
    with watched() as busy:
        seen = page.evaluate("plan => globalThis.run(plan)", plan)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    page.close()
    traced = exposures(events, seen["frame_ms"])
    return Shown(
        frame_ms=seen["frame_ms"],
        busy=busy.share,
        page=seen["shown_ms"],
        compositor={name: each.compositor_ms for name, each in traced.items()},
        screen={name: each.screen_ms for name, each in traced.items()},
    )


class _Files(SimpleHTTPRequestHandler):
    """Files of several folders, each under a name of its own."""

    def __init__(self, *arguments: Any, folders: Mapping[str, Path], **options: Any) -> None:
        self.folders = folders
        super().__init__(*arguments, **options)

    def translate_path(self, path: str) -> str:
        name, _, rest = path.lstrip("/").partition("/")
        self.directory = str(self.folders.get(name, PAGES))
        return super().translate_path(f"/{rest}" if name in self.folders else path)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _served(npm: Path | None) -> Iterator[str]:
    """The address of a server of the pages, their scripts and images."""
    with tempfile.TemporaryDirectory(prefix="uncanny-bench-") as images:
        _draw_images(Path(images))
        folders = {"images": Path(images), "trial": SCRIPTS, **({"npm": npm} if npm else {})}
        handler = functools.partial(_Files, folders=folders)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()


def _draw_images(folder: Path) -> None:
    rng = np.random.default_rng(SEED)
    for number in range(IMAGES):
        noise = rng.integers(0, 256, (IMAGE_PX, IMAGE_PX, 3), np.uint8)
        (folder / f"{number}.png").write_bytes(encode(noise))


def _jspsych_or_why_not() -> tuple[Path | None, str]:
    try:
        return _jspsych(), ""
    except Unavailable as error:
        _say(f"jsPsych is left out: {error}")
        return None, str(error)


def _jspsych() -> Path:
    """The folder of npm's packages with jsPsych in it, installed once; raises Unavailable."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "uncanny" / f"jspsych-{JSPSYCH['jspsych']}"
    packages = [f"{name}@{version}" for name, version in JSPSYCH.items()]
    if not all((folder / "node_modules" / name).is_dir() for name in JSPSYCH):
        folder.mkdir(parents=True, exist_ok=True)
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder))
        try:
            subprocess.run(
                ["npm", "install", *options, *packages], check=True, capture_output=True, text=True
            )
        except FileNotFoundError as error:
            raise Unavailable("there is no npm") from error
        except subprocess.CalledProcessError as error:
            raise Unavailable(f"npm failed: {error.stderr.strip()}") from error
    return folder / "node_modules"


def as_table(result: Mapping[str, Any]) -> str:
    heads = f"{'error, ms':<26}" + "".join(f"{'in the ' + clock:^32}" for clock in CLOCKS)
    figures = f"{'mean':>8}{'SD':>8}{'worst':>8}{'off':>8}"
    lines = [heads, f"{'tool':<9}{'':<9}{'asked':>8}{figures * len(CLOCKS)}{'cores busy':>12}"]
    for row in result["results"]:
        cells = "".join(_cells(row[clock]) for clock in CLOCKS)
        asked = row["requested_ms"] or "all"
        busy = "–" if row["busy"] is None else f"{row['busy']:.0%}"
        lines.append(f"{row['tool']:<9}{row['condition']:<9}{asked:>8}{cells}{busy:>12}")
    facts = ", ".join(f"{name} {fact}" for name, fact in result["machine"].items())
    return "\n".join([*lines, f"{result['trials']} trials a row; {facts}", *_absence(result)])


def _cells(figures: Mapping[str, Any]) -> str:
    if not figures["n"]:
        return f"{'–':>8}" * 4
    words = [f"{figures[name]:+.2f}" for name in ("mean_ms", "sd_ms", "worst_ms")]
    words[1] = words[1].lstrip("+")
    return "".join(f"{word:>8}" for word in (*words, f"{figures['off'] / figures['n']:.1%}"))


def _absence(result: Mapping[str, Any]) -> list[str]:
    absent = result["jspsych"].get("absent")
    return [f"jsPsych was left out: {absent}"] if absent else []


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.timing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--trials", type=int, default=TRIALS, help="of each duration")
    parser.add_argument("--ours-alone", action="store_true", help="leave jsPsych out")
    options = parser.parse_args()
    result = measure(options.trials, with_jspsych=not options.ours_alone)
    print(json.dumps(result, indent=2) if options.json else as_table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
