"""What is timed on images: the network, resizing, folders from end to end, memory, workers, a GPU."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image

from bench.metrics_process import Done, Outcome, Task, alternate, together
from bench.metrics_rows import Found, Quantity, Row, row_of
from bench.metrics_sides import Bench
from bench.metrics_stream import StreamedPool

FLOP_AN_IMAGE = 11.43e9
"""Of Inception-v3 at 299 px: two for each multiplication and addition."""

NETWORK_IMAGES, RESIZED_IMAGES, GPU_IMAGES = 32, 64, 2048
LEAST_FOR_WORKERS = 1000  # so that the start of Python is a small part of the time
PEERS_END_TO_END = ("pytorch-fid", "clean-fid", "torch-fidelity", "torchmetrics")
FLAT = (10_000, 100_000)
FLATNESS = 1.2
MILLION, MILLION_MB = 1_000_000, 2000


def inception(bench: Bench) -> list[Found]:
    """Our network on all cores, and as a process a core, beside pytorch-fid's on all cores.

    Seconds are those of an image; its resize is in them.
    """
    ours, theirs = bench.path("ours.npy"), bench.path("theirs.npy")
    threads, processes, peak, peer = _networks(bench, ours, theirs)
    error = _off_scale(ours, theirs) if isinstance(peer, Done) else None
    count = len(bench.cores)
    core = float(np.mean(peak.value))
    return [
        row_of(
            f"Inception-v3, an image, {count} threads",
            threads,
            "pytorch-fid",
            peer,
            target=1.85,
            error=error,
        ),
        row_of(
            f"Inception-v3, an image, a process a core on {count} cores",
            processes,
            "pytorch-fid",
            peer,
            target=2.5,
            error=error,
        ),
        Quantity(
            f"Inception-v3, a process a core on {count} cores",
            FLOP_AN_IMAGE / processes.cpu_s / core,
            "of the float32 GEMM peak",
            at_least=0.85,
            note=f"{1 / processes.seconds:.3g} images/s, peak {core / 1e9:.3g} GFLOP/s a core",
        ),
    ]


def _networks(bench: Bench, ours: str, theirs: str) -> tuple[Done, Done, Done, Outcome]:
    """Take turns: all threads, a process a core, matrix products on each core, pytorch-fid."""
    images = bench.kept("images", StreamedPool(NETWORK_IMAGES).read(0, NETWORK_IMAGES))
    given = {"weights": bench.weights, "images": images}
    network, gemm = Task("inception", given | {"features": ours}), Task("gemm")
    with ExitStack() as stack:
        all_cores = stack.enter_context(bench.ours(bench.cores))
        each_core = [stack.enter_context(bench.ours([core])) for core in bench.cores]
        for side in (all_cores, *each_core):
            side.prepare(network)
            side.prepare(gemm)
        peer = Task("inception", given | {"features": theirs})
        turns: list[Callable[[], Outcome]] = [
            partial(all_cores.do, network),
            partial(together, each_core, network),
            partial(together, each_core, gemm),
            bench.turn(stack, bench.cores, "pytorch-fid", peer),
        ]
        outcomes = alternate(turns, bench.repeats)
    threads, processes, peak = cast(list[Done], outcomes[:3])
    return (
        cast(Done, _an_image(threads, NETWORK_IMAGES)),
        cast(Done, _an_image(processes, NETWORK_IMAGES * len(bench.cores))),
        peak,
        _an_image(outcomes[3], NETWORK_IMAGES),
    )


def resize(bench: Bench) -> list[Found]:
    """Resizing 32 to 299 px; errors are the largest difference of pixels up to 255."""
    images = bench.kept("small", StreamedPool(RESIZED_IMAGES).read(0, RESIZED_IMAGES))
    found: list[Found] = []
    for peer, protocol, target in (("torch-fidelity", "tf1", 10.0), ("clean-fid", "clean", None)):
        ours, theirs = bench.path(f"{protocol}.npy"), bench.path(f"{protocol}-peer.npy")
        mine = Task("resize", {"images": images, "resized": ours, "protocol": protocol})
        other = Task(f"resize_{protocol}", {"images": images, "resized": theirs})
        (done,), outcomes = bench.in_turn(bench.one_core, [mine], {peer: other})
        both = isinstance(outcomes[peer], Done)
        error = float(np.abs(np.load(ours) - np.load(theirs)).max()) if both else None
        what = f"{RESIZED_IMAGES} images from 32 to 299 px, {protocol}"
        found.append(row_of(what, done, peer, outcomes[peer], target=target, error=error))
    return found


def end_to_end(bench: Bench) -> list[Found]:
    """The FID of two folders of PNGs, from the start of Python on, beside each peer's."""
    real, fake = (_png_folder(bench, name, seed) for seed, name in enumerate(("real", "fake")))
    given = {"weights": bench.weights, "real": real, "fake": fake}
    ours = bench.once(bench.cores, Task("fid", given))
    what = f"FID of {bench.images} + {bench.images} PNGs of 32 px"

    def beside(peer: str, note: str = "", **how: bool) -> Row:
        outcome = bench.once_by(peer, bench.cores, Task(peer, given | how))
        return Row(
            what,
            ours.seconds,
            peer,
            None if isinstance(outcome, str) else outcome.seconds,
            error=_same_protocol_error(ours, peer, outcome),
            note=outcome if isinstance(outcome, str) else note,
        )

    rows = [beside(peer) for peer in PEERS_END_TO_END]
    share = ours.value["network_s"] / len(bench.cores) / ours.seconds
    return [
        *with_target_on_the_fastest(rows, 2.2),
        beside("torchmetrics", "fed with images in another order of memory", channels_last=True),
        Quantity(f"{what}: in the network", share, "of the time", at_least=0.85),
    ]


def memory(bench: Bench) -> list[Found]:
    """The most memory that FID takes of few and of many streamed images, and of a million if asked."""
    peaks = [_streamed_mb(bench, images) for images in FLAT]
    few, many = FLAT
    found: list[Found] = [
        Quantity(
            f"FID of {many:,} streamed images",
            peaks[1] / peaks[0],
            f"of the memory of {few:,}",
            at_most=FLATNESS,
            note=f"{peaks[0]:.0f} and {peaks[1]:.0f} MB",
        )
    ]
    if bench.large:
        what = f"FID of {MILLION:,} streamed images: memory at most"
        found.append(Quantity(what, _streamed_mb(bench, MILLION), "MB", at_most=MILLION_MB))
    return found


def workers(bench: Bench) -> list[Found]:
    """As many worker processes as there are cores beside one, their start included."""
    counts = (1, len(bench.cores))
    images = max(bench.images, LEAST_FOR_WORKERS)
    given = {"weights": bench.weights, "images": images}
    one, all_of_them = (
        bench.once(bench.cores[:count], Task("workers", given | {"workers": count})).seconds
        for count in counts
    )
    what = f"Inception features of {images} images, {counts[1]} workers beside one"
    return [
        Quantity(
            what,
            one / all_of_them,
            "times as fast",
            at_least=0.85 * counts[1],
            note=f"{one:.3g} and {all_of_them:.3g} s",
        )
    ]


def gpu(bench: Bench) -> list[Found]:
    """Images a second on a GPU, and its share of what a matrix product does there; if there is one."""
    card = bench.once(bench.one_core, Task("card")).value
    if card is None:
        return []
    gemm = Task("gemm", {"device": "cuda"})
    network = Task("gpu", {"weights": bench.weights, "images": GPU_IMAGES})
    (peak, done), _ = bench.in_turn(bench.cores, [gemm, network], {})
    rate = GPU_IMAGES / done.seconds
    share = rate * FLOP_AN_IMAGE / peak.value
    return [
        Quantity(f"Inception-v3 on {card}", rate, "images/s"),
        Quantity(f"Inception-v3 on {card}", share, "of the float32 GEMM peak"),
    ]


def _an_image(outcome: Outcome, images: int) -> Outcome:
    if isinstance(outcome, Done):
        return replace(outcome, seconds=outcome.seconds / images, cpu_s=outcome.cpu_s / images)
    return outcome


def _off_scale(found: str, reference: str) -> float:
    """Return the largest difference of two kept arrays, relative to the largest value."""
    ours, theirs = np.load(found), np.load(reference)
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def _png_folder(bench: Bench, name: str, seed: int) -> str:
    folder = Path(bench.path(name))
    folder.mkdir()
    for index, image in enumerate(StreamedPool(bench.images, seed).read(0, bench.images)):
        Image.fromarray(image >> seed).save(folder / f"{index:05}.png")
    return str(folder)


def _same_protocol_error(ours: Done, peer: str, outcome: Outcome) -> float | None:
    """Only torch-fidelity resizes as we are asked to here: the others' FIDs are others."""
    if peer != "torch-fidelity" or not isinstance(outcome, Done):
        return None
    return abs(ours.value["fid"] / outcome.value - 1)


def with_target_on_the_fastest(rows: list[Row], target: float) -> list[Row]:
    ratios = [row.ratio for row in rows if row.ratio is not None]
    return [
        replace(row, target=target) if row.ratio == min(ratios, default=0) else row for row in rows
    ]


def _streamed_mb(bench: Bench, images: int) -> float:
    return bench.once(bench.cores, Task("streamed", {"images": images})).peak_mb
