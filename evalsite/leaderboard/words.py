"""How every figure is named, defined and written."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import floor, log10
from pathlib import PurePath

MOST_DECIMALS = 6
"""What is closer to 0 than these show is written as 0."""


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


def milliseconds(value: float) -> str:
    return f"{value:,.0f}"


def decimals(places: int) -> Callable[[float], str]:
    """
    >>> decimals(2)(-1.5), decimals(2)(-0.001), decimals(2)(1234.5)
    ('−1.50', '0.00', '1,234.50')
    """
    return lambda value: f"{value:z,.{places}f}".replace("-", "−")


def distance(value: float) -> str:
    """With as many decimals as show two digits of it, and two at least: features have any scale.

    >>> distance(12.5), distance(0.00416), distance(-0.02), distance(3e-9)
    ('12.50', '0.0042', '−0.020', '0.00')
    """
    if abs(value) < 10.0**-MOST_DECIMALS:
        return decimals(2)(value)
    return decimals(max(2, 1 - floor(log10(abs(value)))))(value)


def time_left(seconds: float) -> str:
    """A time to come, no more exact than it can be known.

    >>> time_left(8), time_left(100), time_left(7000), time_left(7.6e5)
    ('a minute', '2 min', '117 min', '9 days')
    """
    units = (("days", 86_400), ("h", 3600), ("min", 60))
    for unit, size in units:
        if seconds >= 2 * size or (unit == "min" and seconds >= 1.5 * size):
            return f"{seconds / size:.0f} {unit}"
    return "a minute"


def bound(floor: int, ceiling: int) -> str:
    """What stands before a threshold of which some blocks are censored at either end.

    >>> bound(0, 2), bound(1, 0), bound(0, 0)
    ('≥ ', '≤ ', '')
    """
    if floor and ceiling:
        return "≈ "
    return "≥ " if ceiling else "≤ " if floor else ""


@dataclass(frozen=True)
class Figure:
    """A column of the leaderboard: its heading, its definition, how its numbers are written.

    Attributes:
        better: "lower" or "higher"; empty where neither is, or people's answers have no better.
        bounds: the least and the greatest value it can have, None where there is no such end.
    """

    label: str
    definition: str
    write: Callable[[float], str]
    unit: str = ""
    better: str = ""
    bounds: tuple[float | None, float | None] = (None, None)

    @property
    def heading(self) -> str:
        return f"{self.label}, {self.unit}" if self.unit else self.label


PEOPLE = {
    "error_rate": Figure(
        "Error rate",
        "Share of wrong answers, real and generated images together. 50 % means people cannot tell; more,"
        " that the generated images look more real than the real ones.",
        percent,
        "%",
    ),
    "fake_error": Figure(
        "Fooled", "Share of generated images that people took for real.", percent, "%"
    ),
    "real_error": Figure(
        "Doubted", "Share of real images that people took for generated.", percent, "%"
    ),
    "dprime": Figure(
        "d′",
        "How well people tell real from generated, whatever their bias: 0 is not at all. Log-linear"
        " correction (Hautus 1995).",
        decimals(2),
    ),
    "named_right": Figure(
        "Named right",
        "Share of answers that call an image by its class, of all names and “none of them”. Low means that"
        " the images look like something else to people.",
        percent,
        "%",
        bounds=(0.0, 1.0),
    ),
    "said_none": Figure(
        "None of them", "Share of answers that call an image by none of the names.", percent, "%"
    ),
    "criterion": Figure("c", "Bias: above 0, people lean towards answering “real”.", decimals(2)),
    "threshold_ms": Figure(
        "Threshold",
        "The exposure at which a fitted psychometric function passes the share of right answers that the"
        " study’s rule aims at: longer means more real.",
        milliseconds,
        "ms",
    ),
    "modal_ms": Figure(
        "Modal exposure",
        "The exposure shown most often in a block, as HYPE reads thresholds. In short blocks it leans to"
        " the staircase’s start.",
        milliseconds,
        "ms",
    ),
    "win_rate": Figure(
        "Win rate",
        "Share of its pairs in which people took its image for the real, or the more real, one; a tie counts"
        " one half. Against real images, 50 % means people cannot tell.",
        percent,
        "%",
    ),
    "strength": Figure(
        "Strength",
        "Log-strength of the Bradley–Terry model with ties (Davidson 1970): 1 more multiplies the odds of"
        " winning a pair by 2.7.",
        decimals(2),
    ),
    "rt_ms": Figure("Time", "Median time to answer.", milliseconds, "ms"),
}
"""What people’s answers give."""

FRECHET = "Fréchet distance between the features of generated and real images"
LIMIT = "what it would be of endless images"
METRICS = {
    "IS": Figure(
        "IS",
        "Inception Score: sharp and varied by a network’s classes, with no look at real images.",
        decimals(2),
        better="higher",
        bounds=(1.0, None),
    ),
    "FID": Figure(
        "FID",
        f"{FRECHET}, on the network of the FID paper. It falls with n, whatever the generator.",
        distance,
        better="lower",
        bounds=(0.0, None),
    ),
    "FD": Figure(
        "FD",
        f"{FRECHET}. It falls with n, whatever the generator. Only on the network of the FID paper is it"
        " called FID.",
        distance,
        better="lower",
        bounds=(0.0, None),
    ),
    "FID∞": Figure(
        "FID∞",
        f"FID, or rather {LIMIT}: its bias is taken away by what half of the images give.",
        distance,
        better="lower",
        bounds=(0.0, None),
    ),
    "FD∞": Figure(
        "FD∞",
        f"FD, or rather {LIMIT}: its bias is taken away by what half of the images give.",
        distance,
        better="lower",
        bounds=(0.0, None),
    ),
    "FID∞15": Figure(
        "FID∞15",
        f"FID, or rather {LIMIT}, by a line through 15 sizes (Chong and Forsyth 2020).",
        distance,
        better="lower",
        bounds=(0.0, None),
    ),
    "FD∞15": Figure(
        "FD∞15",
        f"FD, or rather {LIMIT}, by a line through 15 sizes (Chong and Forsyth 2020).",
        distance,
        better="lower",
        bounds=(0.0, None),
    ),
    "KID": Figure(
        "KID",
        "Kernel distance between the features of generated and real images. It has no bias, so that"
        " it may be below 0.",
        lambda value: distance(1000 * value),
        "× 1000",
        better="lower",
        bounds=(0.0, None),
    ),
    "CMMD": Figure(
        "CMMD",
        "Kernel distance between CLIP features of generated and real images (Jayasumana 2024).",
        decimals(3),
        better="lower",
        bounds=(0.0, None),
    ),
    "precision": Figure(
        "Precision",
        "Share of generated images whose features lie among those of real ones.",
        decimals(3),
        better="higher",
        bounds=(0.0, 1.0),
    ),
    "recall": Figure(
        "Recall",
        "Share of real images whose features lie among those of generated ones.",
        decimals(3),
        better="higher",
        bounds=(0.0, 1.0),
    ),
    "density": Figure(
        "Density",
        "How many neighbourhoods of real images a generated one lies in, for each there should be: 1 is as"
        " many as real images have.",
        decimals(3),
        better="higher",
        bounds=(0.0, None),
    ),
    "coverage": Figure(
        "Coverage",
        "Share of real images that have a generated one in their neighbourhood.",
        decimals(3),
        better="higher",
        bounds=(0.0, 1.0),
    ),
    "diversity": Figure(
        "Diversity",
        "How far apart two generated images look to a network, on average. As far as two real ones is best.",
        decimals(3),
        bounds=(0.0, None),
    ),
    "authenticity": Figure(
        "Authenticity",
        "Share of generated images that are no closer to their nearest training image than that is to"
        " another one (Alaa 2022): low means copies.",
        percent,
        "%",
        better="higher",
        bounds=(0.0, 1.0),
    ),
    "C_T": Figure(
        "C_T",
        "Whether generated images lie closer to the training images than held-out real ones do (Meehan"
        " 2020): well below 0 means copies, well above that they are further away.",
        decimals(2),
    ),
}
"""What metrics give, by the stem of their names, in the order of their columns."""

BETTER = {"lower": "Lower is better.", "higher": "Higher is better.", "": ""}

EXTRACTORS = {
    "tf1": "Inception-v3 of the FID paper, images resized as TensorFlow 1 does",
    "pytorch-fid": "Inception-v3 of the FID paper, images resized as pytorch-fid does",
    "clean": "Inception-v3 of the FID paper, images resized with antialiasing",
    "dinov2": "DINOv2, trained without labels",
    "clip": "CLIP, trained on images and their captions",
    "lite0": "EfficientNet-Lite0, trained on ImageNet",
}
"""What looks at the images, by name, the first to be shown where there are several."""


def figure(name: str) -> Figure:
    """The words for a score's name; `FD-lite0` is the figure FD with the extractor lite0."""
    if name in PEOPLE:
        return PEOPLE[name]
    stem, extractor = parts(name)
    if stem not in METRICS:
        return Figure(name, "", decimals(3))
    known = METRICS[stem]
    features = f"Features: {extractor_words(extractor)}." if extractor else ""
    definition = " ".join(filter(None, (known.definition, BETTER[known.better], features)))
    label = f"{known.label}-{extractor}" if extractor else known.label
    return replace(known, label=label, definition=definition)


def parts(name: str) -> tuple[str, str]:
    """The stem and the extractor of a metric's name.

    >>> parts("FID∞-pytorch-fid"), parts("IS")
    (('FID∞', 'pytorch-fid'), ('IS', ''))
    """
    stem, _, extractor = name.partition("-")
    return stem, extractor


def extractor_words(name: str) -> str:
    """
    >>> extractor_words("clip-bf16"), extractor_words("onnx:/srv/own/net.onnx")
    ('CLIP, trained on images and their captions, in bfloat16: a preview', 'onnx:net.onnx')
    """
    plain = name.removesuffix("-bf16")
    words = EXTRACTORS.get(plain, without_folder(plain))
    return words if plain == name else f"{words}, in bfloat16: a preview"


def without_folder(extractor: str) -> str:
    """The name of an extractor, its file without the folder: where that lies is nobody's business.

    >>> without_folder("lite0"), without_folder("classifier:/srv/own/net.safetensors")
    ('lite0', 'classifier:net.safetensors')
    """
    kind, colon, path = extractor.partition(":")
    return f"{kind}{colon}{PurePath(path).name}"


def extractor_order(name: str) -> tuple[int, str]:
    """Known ones first, in the order of `EXTRACTORS`."""
    known = list(EXTRACTORS)
    return known.index(name) if name in EXTRACTORS else len(known), name


def column_order(name: str) -> tuple[int, tuple[int, str]]:
    """Where a metric's column stands: by its stem, then by its extractor; unknown ones come last."""
    stem, extractor = parts(name)
    stems = list(METRICS)
    return stems.index(stem) if stem in METRICS else len(stems), extractor_order(extractor)
