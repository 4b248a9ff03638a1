"""Training steps beside those of a first loop: the demo recipe, DCGAN at 64 pixels, SNGAN at 32.

On the CPU in images a core-second, by the time of the process; on a CUDA card in images a second.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from bench.train_naive import NAIVE, NaiveTrainer
from generators.config import load_config
from generators.sampling import default_device
from generators.training import Trainer
from pools.sources import load

SIDE = {"cpu": 1024, "cuda": 8192}  # of the matrices whose product is the peak
PRODUCTS = 5
CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Case:
    """A shipped config on images of a size; `batch` and `steps` of a run are a CPU's."""

    config: str
    resolution_px: int
    channels: int
    batch: int
    steps: int


CASES = (
    Case("demo-60", 28, 1, batch=32, steps=60),
    Case("dcgan-64", 64, 3, batch=32, steps=2),
    Case("sngan-32", 32, 3, batch=32, steps=1),
)
ON_CUDA = 50  # times the steps, and the config's own batch


def measure(
    case: Case, repeats: int, device: torch.device, steps: int | None = None
) -> dict[str, object]:
    """Both loops, warm, in turn `repeats` times; rates are medians, in real images.

    On a CPU each runs in one thread, and the first loop on all cores as well, by the time of all.
    """
    cuda = device.type == "cuda"
    batch = {} if cuda else {"batch": case.batch}
    config = load_config(case.config, images=10**9, **batch)
    data = load(
        "fashion-mnist", limit=2_000, resolution_px=case.resolution_px, channels=case.channels
    )
    trainer = Trainer(config, data.images, data.labels, 10, device=device)
    naive = NaiveTrainer(config, data, device)
    steps = steps or case.steps * (ON_CUDA if cuda else 1)

    def advance(steps: int) -> None:
        trainer.advance(images=steps * config.images_per_step)

    operations = _operations(lambda: advance(1))
    loops: dict[str, Callable[[int], None]] = {"ours": advance, "naive": naive.steps}
    if not cuda and CORES > 1:
        loops["naive_on_all_cores"] = lambda steps: _on_all_cores(lambda: naive.steps(steps))
    times: dict[str, list[float]] = {name: [] for name in loops}
    for loop in loops.values():
        loop(1 + steps // 5)
    for _ in range(repeats):
        for name, loop in loops.items():
            times[name].append(_seconds(lambda loop=loop: loop(steps), device) / steps)
    middle = {name: statistics.median(values) for name, values in times.items()}
    peak = matrix_peak(device, torch.bfloat16 if trainer.model.bf16 else torch.float32)
    return {
        "config": case.config,
        "batch": config.batch,
        "discriminator_steps": config.discriminator.steps,
        "unit": "images per second" if cuda else "images per core-second",
        **{
            name: {
                "median": config.images_per_step / middle[name],
                "runs": [config.images_per_step / seconds for seconds in times[name]],
            }
            for name in loops
        },
        "ratio": middle["naive"] / middle["ours"],
        "ratio_to_all_cores": middle.get("naive_on_all_cores", middle["naive"]) / middle["ours"],
        "steps_per_run": steps,
        "precision": trainer.precision,
        "operations_per_step": operations,
        "share_of_matrix_peak": operations / middle["ours"] / peak,
    }


def _on_all_cores(run: Callable[[], object]) -> None:
    """As torch runs a loop that says nothing of threads."""
    torch.set_num_threads(CORES)
    run()
    torch.set_num_threads(1)


class _Operations(TorchDispatchMode):
    """Counts floating-point operations of products and convolutions.

    Torch's FlopCounterMode also asks which module they belong to, which fails under a penalty.
    """

    total = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = function(*args, **(kwargs or {}))
        if count := flop_registry.get(function._overloadpacket):
            self.total += count(*args, **(kwargs or {}), out_val=result)
        return result


def _operations(step: Callable[[], None]) -> int:
    with _Operations() as counted:
        step()
    return counted.total


def matrix_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second in the product of two large square matrices: the best of a few."""
    side = SIDE[device.type]
    matrix = torch.ones(side, side, device=device, dtype=dtype)
    _seconds(lambda: matrix @ matrix, device)
    best = min(_seconds(lambda: matrix @ matrix, device) for _ in range(PRODUCTS))
    return 2 * side**3 / best


def _seconds(run: Callable[[], object], device: torch.device) -> float:
    """Of the process on a CPU, which others' load does not count in; of the wall on a card."""
    if device.type != "cuda":
        started = time.process_time()
        run()
        return time.process_time() - started
    torch.cuda.synchronize()
    started = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - started


def machine(device: torch.device) -> dict[str, object]:
    """What a figure of speed depends on."""
    cuda = device.type == "cuda"
    return {
        "processor": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "card": torch.cuda.get_device_name(device) if cuda else None,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.train", description=__doc__)
    names = [case.config for case in CASES]
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--configs", nargs="+", default=names, choices=names, metavar="NAME")
    parser.add_argument("--steps", type=int, help="training steps in one run of each")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each loop")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    device = default_device()
    cases = [case for case in CASES if case.config in options.configs]
    found = [measure(case, options.repeats, device, options.steps) for case in cases]
    if options.json:
        print(json.dumps({"naive": NAIVE, "cases": found, "machine": machine(device)}, indent=2))
        return 0
    for case in found:
        print(
            f"{case['config']}: {case['ours']['median']:.0f} {case['unit']}, {case['ratio']:.2f} "
            f"times the naive loop ({case['ratio_to_all_cores']:.2f} times it on all cores), "
            f"{case['share_of_matrix_peak']:.0%} of the matrix peak"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
