"""Recipes to train by: in what groups they stand, and which data sets they are not for."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from evalsite.catalog.models import Dataset
from generators.config import Config, ConfigError, available_configs, load_config
from generators.config_rules import check_size

SMALLEST_PX, LARGEST_PX = 8, 128
"""What networks are made for."""

DEMO = "Demo: ready in a minute or so"
GAMES = "Losses and models, on one small network"
ARCHITECTURES = "Architectures"
TRANSLATION = "From image to image"

CORE_DAYS = {
    "dcgan-64": "about 2",
    "dcgan-128": "more than 2",
    "sngan-32": "about 26",
    "sngan-64": "more than 26",
}
"""Days of one processor core for recipes that are meant for a GPU: their images by the rates that
`python -m bench.train` prints (docs/generators.md); of the larger two, at the rate of the smaller."""


@dataclass(frozen=True)
class Recipe:
    """A shipped configuration by its name."""

    name: str
    config: Config

    @property
    def group(self) -> str:
        if self.name.startswith("demo-"):
            return DEMO
        if self.config.translation.task != "none":
            return TRANSLATION
        return GAMES if self.config.generator.architecture == "demo" else ARCHITECTURES

    @property
    def lines(self) -> list[str]:
        """Its values as the training form takes them, a line each."""
        values = self.config.as_dict()
        return [
            f"{key} = {_written(value)}"
            for key, value in _flat(values)
            if key not in ("title", "description", "images", "seed")
        ]

    @property
    def wants(self) -> str:
        """What it asks of a data set beyond its size, in words; empty if nothing."""
        if self.config.model == "cyclegan":
            ends = self.config.translation
            return f"needs classes {ends.from_class} and {ends.to_class}"
        return "needs classes" if self.config.conditional else ""

    @property
    def without_gpu(self) -> str:
        """How long it takes where no worker has a GPU, in words; empty where it needs none."""
        days = CORE_DAYS.get(self.name)
        if days is None:
            return ""
        return (
            f"Without a GPU it takes {days} days of a processor core: there, choose a demo recipe"
            " or a shorter training length."
        )


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield before + key, value


def _written(value: object) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)


@cache  # shipped files never change, and every form reads them all
def recipes() -> dict[str, list[Recipe]]:
    """All recipes by their groups, in the order of the page."""
    found = [Recipe(name, load_config(name)) for name in available_configs()]
    groups = (DEMO, GAMES, ARCHITECTURES, TRANSLATION)
    return {group: [each for each in found if each.group == group] for group in groups}


def refusals(config: Config, dataset: Dataset) -> list[str]:
    """Why a configuration cannot be trained on a data set, and what could be; empty if it can."""
    checks = (
        _size(dataset), _normed(config, dataset), _classes(config, dataset), _enlarged(config, dataset)
    )  # fmt: skip
    return [words for words in (*checks, *_ends(config, dataset)) if words]


def too_many(config: Config, dataset: Dataset, pool_size: int) -> str:
    """Why a pool cannot be as large, and how large it can be; empty if it can.

    A network from image to image makes one of each held-out image or, where it turns a class into
    another, of each in that class.
    """
    if config.translation.task == "none" or not pool_size:
        return ""
    pool = dataset.held_out_pool
    most, words = pool.count, "held-out images"
    if config.translation.task == "classes":
        labels, name = pool.open().labels, config.translation.from_class
        most = 0 if labels is None else int((labels == name).sum())
        words += f" of class {name}"
    if pool_size <= most:
        return ""
    return (
        f"The pool of this recipe is made from {words}, each used once, and {dataset} has {most:,}:"
        f" ask for at most {most:,}, got {pool_size:,}."
    )


def _size(dataset: Dataset) -> str:
    if SMALLEST_PX <= dataset.resolution_px <= LARGEST_PX:
        return ""
    return (
        f"The images of {dataset} are {dataset.resolution_px} px wide, and networks here are made for"
        f" {SMALLEST_PX} to {LARGEST_PX} px: import the data set again with another --resolution."
    )


def _normed(config: Config, dataset: Dataset) -> str:
    try:
        check_size(config, dataset.resolution_px)
    except ConfigError as error:
        return f"{error}."
    return ""


def _classes(config: Config, dataset: Dataset) -> str:
    if not config.conditional or dataset.class_names:
        return ""
    without = (
        "" if config.model == "stackgan" else ", or write conditional = false under Change values"
    )
    return (
        f"This recipe draws by class, and {dataset} has no classes: choose another data set or"
        f" recipe{without}."
    )


def _enlarged(config: Config, dataset: Dataset) -> str:
    translation, side_px = config.translation, dataset.resolution_px
    if translation.task != "enlarge" or side_px % translation.factor == 0:
        return ""
    choices = [str(factor) for factor in (2, 3, 4) if side_px % factor == 0]
    return (
        f"translation.factor must divide the {side_px} px of {dataset}, got {translation.factor}:"
        f" choose {' or '.join(choices) or 'another data set'}."
    )


def _ends(config: Config, dataset: Dataset) -> Sequence[str]:
    if config.translation.task != "classes":
        return []
    count = len(dataset.class_names)
    known = f"classes 0 to {count - 1}" if count else "no classes"
    keys = ("from_class", "to_class")
    ends = ((key, getattr(config.translation, key)) for key in keys)
    return [
        f"translation.{key} is {end}, and {dataset} has {known}: choose two that it has."
        for key, end in ends
        if end >= count
    ]
