"""Classifiers by name or file, opened as what an attack needs of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch import Tensor

from classifiers import lite0
from classifiers.errors import ClassifierError
from classifiers.file import load
from classifiers.network import Network
from classifiers.onnx_victim import open_onnx
from classifiers.victim import Victim

WANTED = "lite0, a FILE.safetensors or a FILE.onnx"


def open_classifier(spec: str | Path) -> Victim:
    """Return the classifier of that name or in that file.

    "lite0" is EfficientNet-Lite0 with the 1,000 classes of ImageNet, at 128 px; a .safetensors file
    is one that `python -m classifiers train` wrote; an .onnx file is anybody's, which only a confined
    process opens and which shows no gradient. Raises ClassifierError.
    """
    spec = str(spec)
    if spec == "lite0":
        return _lite0()
    opener = OPENERS.get(Path(spec).suffix)
    if opener is None:
        raise ClassifierError(f"a classifier needs to be {WANTED}, got {spec!r}")
    return opener(Path(spec))


def _trained_here(path: Path) -> Victim:
    network, about = load(path)
    return Victim(
        path.name, about.resolution_px, about.channels, about.class_names, about.accuracy,
        knows_gradient=True, logits=partial(_logits, network),
    )  # fmt: skip


def _logits(network: Network, images: Tensor) -> Tensor:
    return network(images)[1]  # type: ignore[no-any-return]


def _lite0() -> Victim:
    network = lite0.published()

    def logits(images: Tensor) -> Tensor:
        scores: Tensor = network(lite0.as_input(255 * images.flip(2, 3)))[1]
        return scores

    return Victim(
        "lite0", lite0.SIZE_PX, 3, lite0.class_names(), None, knows_gradient=True, logits=logits
    )


OPENERS: dict[str, Callable[[Path], Victim]] = {
    ".safetensors": _trained_here,
    ".onnx": open_onnx,
}
