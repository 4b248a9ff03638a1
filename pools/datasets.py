"""The public data sets that Uncanny knows by name: classes, origin, licence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A public data set, as its authors describe it."""

    title: str
    class_names: tuple[str, ...]
    source: str
    licence: str


DATASETS = {
    "mnist": Known(
        title="MNIST handwritten digits",
        class_names=tuple("0123456789"),
        source="Yann LeCun, Corinna Cortes, Christopher J. C. Burges: The MNIST database",
        licence="CC BY-SA 3.0",
    ),
    "fashion-mnist": Known(
        title="Fashion-MNIST",
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        source="Han Xiao, Kashif Rasul, Roland Vollgraf: Fashion-MNIST, arXiv:1708.07747",
        licence="MIT",
    ),
    "cifar10": Known(
        title="CIFAR-10",
        class_names=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        source="Alex Krizhevsky: Learning multiple layers of features from tiny images (2009)",
        licence="no licence is stated",
    ),
}
