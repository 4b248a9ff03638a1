"""Answers recorded a second, one by one and in batches, and images fetched, from a real site on this machine."""

import argparse
import json
import os
import platform
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from bench.live import Site

CONNECTIONS = 16
BATCH = 20
IMAGES, TRIALS = 2000, 4000
SIMULATED_OBSERVERS = 10
SECONDS = {"single": 12.0, "batches": 12.0, "images": 8.0}
TIMEOUT_S = 30
NO_HEADERS: Mapping[str, str] = {}


class Failed(RuntimeError):
    """The site answered otherwise than a browser expects."""


class Annotator:
    """One browser's connection: consents, learns its questions, answers them."""

    def __init__(self, port: int, code: str) -> None:
        self.path = f"/s/{code}/"
        self.connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        self.cookies: dict[str, str] = {}
        page = self.request("GET", self.path).decode()
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        if found is None:
            raise Failed(f"no consent form at {self.path}")
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self.request("POST", self.path, f"csrfmiddlewaretoken={found[1]}", form)
        block = json.loads(self.request("GET", self.path + "block/"))
        self.token: str = block["csrf"]
        self.trials: list[str] = [screen["code"] for screen in block["screens"]]
        self.next = 0

    def request(
        self, method: str, path: str, body: str = "", headers: Mapping[str, str] = NO_HEADERS
    ) -> bytes:
        """The body of the reply; raises Failed unless it is a good one."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = (method, path, body, {**headers, "Cookie": cookie})
        try:
            response, content = self._exchange(*sent)
        except ConnectionError:  # the server closes what was idle for long
            self.connection.close()
            response, content = self._exchange(*sent)
        if response.status >= 400:
            raise Failed(f"{method} {path} came with {response.status}: {content[:200]!r}")
        for header in response.headers.get_all("Set-Cookie", []):
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies[name] = value
        return content

    def _exchange(
        self, method: str, path: str, body: str, headers: Mapping[str, str]
    ) -> tuple[HTTPResponse, bytes]:
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        return response, response.read()

    def answer(self, count: int) -> int:
        """Send the next `count` answers in one post; the number of them that were kept."""
        codes = self.trials[self.next : self.next + count]
        if len(codes) < count:
            raise Failed(f"{TRIALS} questions are too few for the time")
        self.next += count
        answers = [{"trial": code, "answer": "real", "rt_ms": 700.0} for code in codes]
        headers = {"Content-Type": "application/json", "X-CSRFToken": self.token}
        body = json.dumps({"answers": answers})
        reply = json.loads(self.request("POST", self.path + "responses/", body, headers))
        return len(reply["saved"])

    def fetch(self) -> int:
        """Fetch one stimulus, in turn; 1."""
        code = self.trials[self.next % len(self.trials)]
        self.next += 1
        self.request("GET", f"/i/{code}.png")
        return 1


@dataclass(frozen=True)
class Load:
    """What the annotators together got done: items kept, seconds, and the time of each request."""

    items: int
    seconds: float
    request_ms: Sequence[float]

    def percentile_ms(self, percent: float) -> float:
        """The smallest time that `percent` % of requests did not exceed."""
        ordered = sorted(self.request_ms)
        rank = -(-len(ordered) * percent // 100)
        return ordered[max(int(rank), 1) - 1]

    def as_dict(self) -> dict[str, float]:
        return {
            "per_s": round(self.items / self.seconds, 1),
            "requests": len(self.request_ms),
            **{f"p{p}_ms": round(self.percentile_ms(p), 1) for p in (50, 95, 99)},
        }


def press(
    annotators: Sequence[Annotator], act: Callable[[Annotator], int], *, seconds: float
) -> Load:
    """Have all annotators act at once, each as fast as it is answered, for `seconds`."""
    request_ms: list[float] = []
    items: list[int] = []
    failures: list[BaseException] = []
    started = time.perf_counter()

    def run(annotator: Annotator) -> None:
        try:
            while (begun := time.perf_counter()) < started + seconds:
                items.append(act(annotator))
                request_ms.append(1000 * (time.perf_counter() - begun))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=[annotator]) for annotator in annotators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Failed(f"{len(failures)} connections broke off: {failures[0]}") from failures[0]
    return Load(sum(items), time.perf_counter() - started, request_ms)


def measure(seconds_scale: float = 1.0) -> dict[str, Any]:
    """Start a site with a simulated study, and load it in three ways one after the other."""
    with tempfile.TemporaryDirectory(prefix="uncanny-bench-") as folder:
        site = Site(Path(folder) / "data")
        try:
            site.start()
            study = {"name": "bench", "protocol": "unlimited", "trials": TRIALS}
            code = site.fill(images=IMAGES, studies=[study])["bench"]
            site.manage("simulate", code, "--observers", str(SIMULATED_OBSERVERS))
            loads = _loads(site, code, seconds_scale)
            site.stop()
        finally:
            site.destroy()
    return {
        "connections": CONNECTIONS,
        "batch": BATCH,
        "simulated_answers": SIMULATED_OBSERVERS * TRIALS,
        "results": {name: load.as_dict() for name, load in loads.items()},
        "machine": _machine(),
    }


def _loads(site: Site, code: str, seconds_scale: float) -> dict[str, Load]:
    acts: dict[str, Callable[[Annotator], int]] = {
        "single": lambda annotator: annotator.answer(1),
        "batches": lambda annotator: annotator.answer(BATCH),
        "images": Annotator.fetch,
    }
    loads = {}
    for name, act in acts.items():
        annotators = [Annotator(site.port, code) for _ in range(CONNECTIONS)]
        loads[name] = press(annotators, act, seconds=SECONDS[name] * seconds_scale)
    return loads


def _machine() -> dict[str, object]:
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.system(),
        "python": platform.python_version(),
        "database": "SQLite",
    }


def as_table(result: dict[str, Any]) -> str:
    heads = ("", "a second", "requests", "p50 ms", "p95 ms", "p99 ms")
    words = {
        "single": "answers, one a post",
        "batches": f"answers, {result['batch']} a post",
        "images": "images",
    }
    rows: list[tuple[str, ...]] = [heads]
    for name, load in result["results"].items():
        figures = (load["per_s"], load["requests"], load["p50_ms"], load["p95_ms"], load["p99_ms"])
        rows.append((words[name], *(f"{figure:,}" for figure in figures)))
    lines = [f"{row[0]:<24}" + "".join(f"{cell:>10}" for cell in row[1:]) for row in rows]
    facts = ", ".join(f"{name} {fact}" for name, fact in result["machine"].items())
    return "\n".join([*lines, f"{result['connections']} connections; {facts}"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.web", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--scale", type=float, default=1.0, help="1 for about a minute in total")
    options = parser.parse_args()
    result = measure(options.scale)
    print(json.dumps(result, indent=2) if options.json else as_table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
