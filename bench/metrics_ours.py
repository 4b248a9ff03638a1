"""What this project does, beside its peers: `python -m bench.metrics_ours` of its own interpreter."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.metrics_process import Prepare, Run, serve
from bench.metrics_stream import DIMENSIONS, CheapExtractor, StreamedPool
from metrics import kid as kid_module
from metrics import prdc as prdc_module
from metrics.extractors.inception import BATCH_IMAGES, SIZE_PX, Inception
from metrics.extractors.inception_network import InceptionNetwork
from metrics.extractors.inception_runtime import RuntimeNetwork
from metrics.extractors.resize import bicubic, bilinear_tf1
from metrics.extractors.resize import resize as resize_pixels
from metrics.features import FeatureCache, features_of
from metrics.frechet import frechet_distance, frechet_estimate
from metrics.gaussian import Gaussian
from metrics.image_pools import ArrayPool
from metrics.measure import measure
from metrics.source_pool import open_images

KERNELS = {"tf1": bilinear_tf1, "clean": bicubic}
GEMM_SIZES = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192)}
GEMM_REPEATS = 3


def frechet(statistics: str) -> Run:
    """The distance of two means and covariances, or of centred rows; nothing is kept between runs."""
    given = np.load(statistics)
    real, fake = (_gaussian(given, side) for side in ("real", "fake"))
    return lambda: frechet_distance(_afresh(real), _afresh(fake)).value


def frechet_interval(statistics: str) -> Run:
    """The distance with its standard error, from the features of both."""
    given = np.load(statistics)
    real, fake = given["real"], given["fake"]
    return lambda: frechet_estimate(real, fake).value


def inception(weights: str, images: str, features: str) -> Run:
    """Inception-v3 on images (n, H, W, 3), on the processor."""
    network = Inception(torch.load(weights), "pytorch-fid", device="cpu")
    pixels = np.load(images)

    def run() -> None:
        network.extract(pixels)

    np.save(features, network.extract(pixels).features)
    return run


def gemm(device: str = "cpu") -> Run:
    """The most float32 operations a second that a matrix product does here, on one core or a GPU."""
    pairs = [torch.ones(2, size, size, device=device) for size in GEMM_SIZES[device]]
    return lambda: max(_operations_a_second(*pair) for pair in pairs for _ in range(GEMM_REPEATS))


def resize(images: str, resized: str, protocol: str) -> Run:
    """Our resize of images (n, H, W, 3) to 299 px, so many at a time as the network takes."""
    pixels = torch.from_numpy(np.load(images)).permute(0, 3, 1, 2).float()

    def run() -> None:
        for batch in pixels.split(BATCH_IMAGES["cpu"]):
            resize_pixels(batch, SIZE_PX, KERNELS[protocol])

    np.save(resized, resize_pixels(pixels, SIZE_PX, KERNELS[protocol]).numpy())
    return run


class Stopwatch(RuntimeNetwork):
    """A network that notes the seconds of each pass."""

    def __init__(self, network: InceptionNetwork | RuntimeNetwork) -> None:
        assert isinstance(network, RuntimeNetwork)
        vars(self).update(vars(network))
        self.seconds: list[float] = []

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        start = time.perf_counter()
        found = super().__call__(images)
        self.seconds.append(time.perf_counter() - start)
        return found


class Watched(Inception):
    """Inception-v3 under a stopwatch."""

    def __init__(self, weights: str) -> None:
        super().__init__(torch.load(weights), "tf1", device="cpu")
        self.watch = Stopwatch(self._network)
        self._network = self.watch


def fid(weights: str, real: str, fake: str) -> Run:
    """The FID of two small folders as `python -m metrics` comes to it, and seconds in the network."""

    def run() -> dict[str, float | None]:
        network = Watched(weights)
        found = measure(open_images(real), open_images(fake), metrics=["fid"], extractor=network)
        return {"fid": found.figures[0].value, "network_s": sum(network.watch.seconds)}

    return run


def kid(real: str, fake: str, seed: int, subsets: int) -> Run:
    """KID over all pairs, and over subsets too unless there are none."""
    rows = np.load(real), np.load(fake)

    def run() -> float:
        found = kid_module.kid(*rows, subsets=subsets, seed=seed)
        return found.published.value if found.published else found.value

    return run


def prdc(real: str, fake: str) -> Run:
    rows = np.load(real), np.load(fake)

    def run() -> dict[str, float]:
        found = prdc_module.prdc(*rows)
        return {name: estimate["value"] for name, estimate in asdict(found).items()}

    return run


def streamed(images: int) -> Run:
    """The FID of so many images with its interval, features and moments included."""

    def run() -> float | None:
        real, fake = StreamedPool(2 * DIMENSIONS), StreamedPool(images, seed=1)
        with tempfile.TemporaryDirectory() as folder:
            found = measure(
                real,
                fake,
                metrics=["fid"],
                extractor=CheapExtractor(),
                cache=FeatureCache(Path(folder)),
            )
        return found.figures[0].value

    return run


def workers(weights: str, images: int, workers: int) -> Run:
    """Inception's features of a pool, by so many processes, their start included."""
    pool = ArrayPool(StreamedPool(images).read(0, images))
    network = Inception(torch.load(weights), "tf1", device="cpu")

    def run() -> None:
        features_of([pool], network, workers=workers)

    return run


def gpu(weights: str, images: int) -> Run:
    """Inception-v3 on a GPU, from images in memory to features in memory."""
    network = Inception(torch.load(weights), "tf1", device="cuda")
    pixels = StreamedPool(images).read(0, images)
    network.extract(pixels[:64])

    def run() -> None:
        network.extract(pixels)

    return run


def card() -> Run:
    """The name of the GPU, or None."""
    return lambda: torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _gaussian(given: Mapping[str, NDArray[np.float64]], side: str) -> Gaussian:
    mean = given[f"{side}_mean"]
    if f"{side}_rows" in given:
        return Gaussian(None, mean, rows=given[f"{side}_rows"])
    return Gaussian(None, mean, covariance=given[f"{side}_cov"])


def _afresh(fitted: Gaussian) -> Gaussian:
    return Gaussian(fitted.n, fitted.mean, fitted.covariance, fitted.rows)


def _operations_a_second(a: Tensor, b: Tensor) -> float:
    """A processor's core is timed by its own clock, whatever else it has to do."""
    clock = time.process_time if a.device.type == "cpu" else time.perf_counter
    start = clock()
    product = a @ b
    product[0, 0].item()
    return 2 * len(a) ** 3 / (clock() - start)


TASKS: Mapping[str, Prepare] = {
    "frechet": frechet,
    "frechet_interval": frechet_interval,
    "inception": inception,
    "gemm": gemm,
    "resize": resize,
    "fid": fid,
    "kid": kid,
    "prdc": prdc,
    "streamed": streamed,
    "workers": workers,
    "gpu": gpu,
    "card": card,
}

if __name__ == "__main__":
    serve(TASKS)
