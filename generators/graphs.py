"""A step of training recorded once on a CUDA device and played again, with no Python between its kernels."""

from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.backends import cudnn

from generators.feed import RecordedFeed

Watched = Mapping[str, Tensor]
Run = Callable[[RecordedFeed], Watched]
Capture = Callable[[Callable[[], Watched]], tuple[Callable[[], None], Watched]]
"""Records a run without running it: how to play it, and where its values are found afterwards."""
WARM_UP = (
    3  # steps that run as they are: libraries choose their kernels, and draws make their tensors
)


@dataclass
class _Kind:
    """Steps that launch the same kernels in the same order."""

    feed: RecordedFeed
    runs: int = 0
    play: Callable[[], None] | None = None
    watched: Watched = field(default_factory=dict)


class Recorder:
    """Plays each kind of step from its recording, made after a few that ran as they are.

    `make_feed` gives a feed for a step; `run` trains one step on it. What it returns must be read
    before the next step: a recording writes to the same place each time.
    """

    def __init__(self, make_feed: Callable[[int], RecordedFeed], capture: Capture) -> None:
        self._make_feed, self._capture = make_feed, capture
        self._kinds: dict[Hashable, _Kind] = {}

    def step(self, kind: Hashable, step: int, run: Run) -> Watched:
        """Trains one step."""
        if kind not in self._kinds:
            self._kinds[kind] = _Kind(self._make_feed(step))
        known = self._kinds[kind]
        if known.runs:
            known.feed.refill(step)
        known.runs += 1
        if known.runs <= WARM_UP:
            return aside(lambda: run(known.feed))
        if known.play is None:
            known.play, known.watched = self._capture(lambda: run(known.feed))
        known.play()
        return known.watched


def aside(run: Callable[[], Watched]) -> Watched:
    """Runs on a stream of its own, as torch asks of what is to be captured later; on a CPU, just runs."""
    if not torch.cuda.is_available():
        return run()
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        watched = run()
    torch.cuda.current_stream().wait_stream(stream)
    return watched


def fastest_kernels(device: torch.device) -> AbstractContextManager[None]:
    """cuDNN tries its algorithms on the first step of a kind, which runs as it is, and keeps the fastest."""
    return cudnn.flags(enabled=True, benchmark=True) if device.type == "cuda" else nullcontext()


def as_cuda_graph(run: Callable[[], Watched]) -> tuple[Callable[[], None], Watched]:
    """Captures a run as one CUDA graph."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        watched = run()
    return graph.replay, watched
