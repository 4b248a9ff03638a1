"""What the peers do, in their own environment: `python -m bench.metrics_peers` of that interpreter."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.metrics_process import Prepare, Run, serve

MODULES = {
    "pytorch-fid": "pytorch_fid.fid_score",
    "clean-fid": "cleanfid.fid",
    "torch-fidelity": "torch_fidelity",
    "torchmetrics": "torchmetrics.image.fid",
    "prdc": "prdc",
}
LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "pillow")
SIZE_PX = 299
WORKERS = 2
"""Processes that read images, for the peers that have such an option."""


def versions() -> Run:
    """Which peers can be used, and why the others cannot."""
    found: dict[str, str] = {}
    absent: dict[str, str] = {}
    for name, module in MODULES.items():
        try:
            import_module(module)
            found[name] = version(name)
        except Exception as error:
            absent[name] = f"{type(error).__name__}: {error}"
    for library in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return lambda: {"versions": found, "absent": absent}


def sqrtm(statistics: str) -> Run:
    """pytorch-fid's distance: SciPy's matrix square root."""
    import numpy as np
    from pytorch_fid.fid_score import calculate_frechet_distance

    given = np.load(statistics)
    moments = [given[name] for name in ("real_mean", "real_cov", "fake_mean", "fake_cov")]
    return lambda: float(calculate_frechet_distance(*moments))


def eigvals(statistics: str) -> Run:
    """torch-fidelity's distance: NumPy's eigenvalues of the product."""
    import numpy as np
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

    given = np.load(statistics)
    real = {"mu": given["real_mean"], "sigma": given["real_cov"]}
    fake = {"mu": given["fake_mean"], "sigma": given["fake_cov"]}
    return lambda: fid_statistics_to_metric(real, fake, verbose=False)[KEY_METRIC_FID]


def inception(weights: str, images: str, features: str) -> Run:
    """pytorch-fid's network, eager, on images (n, H, W, 3) in batches of at most its default of 50."""
    import numpy as np
    import torch

    network = _pytorch_fid_network(weights).eval()
    pixels = torch.from_numpy(np.load(images)).permute(0, 3, 1, 2).float() / 255

    @torch.no_grad()
    def forward() -> torch.Tensor:
        return torch.cat([network(batch)[0].flatten(1) for batch in pixels.split(50)])

    def run() -> None:
        forward()

    np.save(features, forward().numpy())
    return run


def resize_tf1(images: str, resized: str) -> Run:
    """torch-fidelity's TensorFlow 1 resize of images (n, H, W, 3)."""
    import numpy as np
    import torch
    from torch_fidelity.interpolate_compat_tensorflow import (
        interpolate_bilinear_2d_like_tensorflow1x as interpolate,
    )

    pixels = torch.from_numpy(np.load(images)).permute(0, 3, 1, 2).float()

    def run() -> None:
        interpolate(pixels, size=(SIZE_PX, SIZE_PX), align_corners=False)

    found = interpolate(pixels, size=(SIZE_PX, SIZE_PX), align_corners=False)
    np.save(resized, found.numpy())
    return run


def resize_clean(images: str, resized: str) -> Run:
    """clean-fid's resize: Pillow's bicubic on floats, an image and a channel at a time."""
    import numpy as np
    from cleanfid.resize import build_resizer

    pixels, resizer = np.load(images), build_resizer("clean")

    def run() -> None:
        for image in pixels:
            resizer(image)

    np.save(resized, np.stack([resizer(image) for image in pixels]).transpose(0, 3, 1, 2))
    return run


def fid_pytorch_fid(weights: str, real: str, fake: str) -> Run:
    import pytorch_fid.inception
    import torch
    from pytorch_fid.fid_score import calculate_fid_given_paths

    pytorch_fid.inception.load_state_dict_from_url = lambda *_, **__: torch.load(weights)
    return lambda: float(calculate_fid_given_paths([real, fake], 50, "cpu", 2048, WORKERS))


def fid_clean_fid(weights: str, real: str, fake: str) -> Run:
    """clean-fid, its TorchScript network replaced by an eager one of the same weights."""
    import cleanfid.features
    import torch
    from cleanfid.fid import compute_fid

    class Network(torch.nn.Module):
        def __init__(self, *_: object, **__: object) -> None:
            super().__init__()
            self.network = _pytorch_fid_network(weights, resize_input=False, normalize_input=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.network((x - 128) / 128)[0].flatten(1)

    cleanfid.features.InceptionV3W = Network
    cpu = torch.device("cpu")
    return lambda: float(compute_fid(real, fake, device=cpu, num_workers=WORKERS, verbose=False))


def fid_torch_fidelity(weights: str, real: str, fake: str) -> Run:
    from torch_fidelity import calculate_metrics

    return lambda: calculate_metrics(
        input1=fake,
        input2=real,
        fid=True,
        cuda=False,
        cache=False,
        verbose=False,
        feature_extractor_weights_path=weights,
    )["frechet_inception_distance"]


def fid_torchmetrics(weights: str, real: str, fake: str, channels_last: bool = False) -> Run:
    """torchmetrics as its page shows it, fed with batches of 50 from a folder.

    Its page has tensors (n, 3, h, w) in that order of memory, as loaders of images make them. From
    a view of (n, h, w, 3) its convolutions take another, faster way.
    """
    import numpy as np
    import torch
    from PIL import Image
    from torchmetrics.image.fid import FrechetInceptionDistance

    def run() -> float:
        metric = FrechetInceptionDistance(feature_extractor_weights_path=weights)
        for folder, is_real in ((real, True), (fake, False)):
            paths = sorted(Path(folder).glob("*.png"))
            for start in range(0, len(paths), 50):
                images = np.stack([Image.open(path) for path in paths[start : start + 50]])
                batch = torch.from_numpy(images).permute(0, 3, 1, 2)
                metric.update(batch if channels_last else batch.contiguous(), real=is_real)
        return float(metric.compute())

    return run


def kid_torch_fidelity(real: str, fake: str, seed: int) -> Run:
    import numpy as np
    import torch
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

    rows = [torch.from_numpy(np.load(path)) for path in (real, fake)]
    how = {"kid_subsets": 100, "kid_subset_size": 1000, "rng_seed": seed, "verbose": False}
    return lambda: kid_features_to_metric(*rows, **how)[KEY_METRIC_KID_MEAN]


def kid_torchmetrics(real: str, fake: str, seed: int) -> Run:
    import numpy as np
    import torch
    from torchmetrics.image.kid import KernelInceptionDistance

    metric = KernelInceptionDistance(feature=torch.nn.Identity())
    for path, is_real in ((real, True), (fake, False)):
        metric.update(torch.from_numpy(np.load(path)), real=is_real)

    def run() -> float:
        torch.manual_seed(seed)
        metric._computed = None
        return float(metric.compute()[0])

    return run


def prdc(real: str, fake: str) -> Run:
    import numpy as np
    from prdc import compute_prdc

    rows = np.load(real), np.load(fake)

    def run() -> Mapping[str, float]:
        return {name: float(value) for name, value in compute_prdc(*rows, nearest_k=5).items()}

    return run


def _pytorch_fid_network(weights: str, **options: bool):  # type: ignore[no-untyped-def]
    import pytorch_fid.inception
    import torch

    pytorch_fid.inception.load_state_dict_from_url = lambda *_, **__: torch.load(weights)
    return pytorch_fid.inception.InceptionV3([3], **options)


def _let_torchvision_load() -> None:
    """Declare two of its operators where its compiled part is for another build of torch."""
    import torch

    try:
        import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        operators = torch.library.Library("torchvision", "DEF")
        operators.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        operators.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        KEPT.append(operators)
        import_module("torchvision")


KEPT: list[object] = []
"""A library of operators lives as long as its object."""

TASKS: Mapping[str, Prepare] = {
    "versions": versions,
    "sqrtm": sqrtm,
    "eigvals": eigvals,
    "inception": inception,
    "resize_tf1": resize_tf1,
    "resize_clean": resize_clean,
    "pytorch-fid": fid_pytorch_fid,
    "clean-fid": fid_clean_fid,
    "torch-fidelity": fid_torch_fidelity,
    "torchmetrics": fid_torchmetrics,
    "kid_torch-fidelity": kid_torch_fidelity,
    "kid_torchmetrics": kid_torchmetrics,
    "prdc": prdc,
}

if __name__ == "__main__":
    with suppress(ImportError):
        _let_torchvision_load()
    serve(TASKS)
