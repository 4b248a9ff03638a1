"""A training run as model × loss × penalty × normalisation × tricks × architecture, read from TOML."""

import hashlib
import json
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

from generators.config_reading import ConfigError, build, choice, number, said
from generators.config_rules import check_combination, check_used

__all__ = [
    "CONFIG_FOLDER", "Config", "ConfigError", "available_configs", "load_config", "parse_override",
]  # fmt: skip

CONFIG_FOLDER = Path(__file__).parent / "configs"
MODELS = ("gan", "vae", "bigan", "stackgan", "pix2pix", "cyclegan", "srgan")
GENERATORS = ("demo", "lecture", "dcgan", "sngan", "stack", "unet", "residual")
DISCRIMINATORS = ("demo", "lecture", "dcgan", "sngan", "autoencoder", "patch")
LOSSES = (
    "minimax", "non-saturating", "least-squares", "wasserstein", "hinge", "relativistic", "began",
)  # fmt: skip
NORMALISATIONS = ("batch", "layer", "group", "instance", "virtual", "none")
PENALTIES = ("none", "r1", "gradient-penalty", "dragan")
AUGMENTATIONS = ("none", "translation-cutout", "colour-translation-cutout")
TASKS = ("none", "edges", "enlarge", "classes")
PRECISIONS = ("auto", "bf16", "float32")

Setting = bool | int | float | str
"""A single value of a config."""


@dataclass(frozen=True, kw_only=True)
class Generator:
    """The network that makes images."""

    architecture: str = choice(GENERATORS)
    normalisation: str = choice(NORMALISATIONS)
    features: int = number(1, 1024)
    learning_rate: float = number(1e-8, 1.0)
    spectral: bool = False


@dataclass(frozen=True, kw_only=True)
class Discriminator:
    """The network that reads images, stepped `steps` times per generator step.

    It tells real from fake; in a VAE it is the encoder. `clip` bounds each weight (0: not);
    `minibatch_kernels` is the number of kernels of minibatch discrimination (0: none).
    """

    architecture: str = choice(DISCRIMINATORS)
    normalisation: str = choice(NORMALISATIONS)
    features: int = number(1, 1024)
    learning_rate: float = number(1e-8, 1.0)
    steps: int = number(1, 100, 1)
    spectral: bool = False
    clip: float = number(0.0, 100.0, 0.0)
    minibatch_kernels: int = number(0, 1000, 0)


@dataclass(frozen=True, kw_only=True)
class Penalty:
    """Added to the discriminator's loss on each `every`-th step, that much stronger.

    Without the table there is none; a weight without a name would be one that is never taken.
    """

    name: str = choice(PENALTIES)
    weight: float = number(0.0, 1e6, 1.0)
    every: int = number(1, 1000, 1)


@dataclass(frozen=True, kw_only=True)
class Tricks:
    """What helps a discriminator not to win; each is off at its default.

    `label_smoothing` s asks for 1 − s on real images; `instance_noise` is the deviation of the noise
    on all that the discriminator sees, falling to 0 over the run; a gate lets its part be trained
    only while the part's loss is above it; `diversity` is BEGAN's γ, and
    `balance_rate` its λ.
    """

    label_smoothing: float = number(0.0, 0.5, 0.0)
    instance_noise: float = number(0.0, 10.0, 0.0)
    augmentation: str = choice(AUGMENTATIONS, "none")
    gate_real: float = number(0.0, 100.0, 0.0)
    gate_fake: float = number(0.0, 100.0, 0.0)
    gate_generator: float = number(0.0, 100.0, 0.0)
    diversity: float = number(0.01, 1.0, 0.5)
    balance_rate: float = number(1e-6, 1.0, 0.001)

    @property
    def gated(self) -> bool:
        """Whether a loss decides what is trained."""
        return max(self.gate_real, self.gate_fake, self.gate_generator) > 0


@dataclass(frozen=True, kw_only=True)
class Translation:
    """What an image-to-image model turns into what, both made from one data set.

    `edges`: an image's edges into the image; `enlarge`: the image at 1/`factor` of its size into the
    image; `classes`: images of `from_class` into images of `to_class`, unpaired. `reconstruction`
    weighs the L1 cost to the target, or of the closed cycle; `identity` the cost of changing what is
    already as wanted, as a share of it; `perceptual` the cost in the discriminator's features;
    `buffer` is the number of older fakes that the discriminators go on seeing.
    """

    task: str = choice(TASKS, "none")
    from_class: int = number(0, 10_000, 0)
    to_class: int = number(0, 10_000, 1)
    factor: int = number(2, 4, 2)
    reconstruction: float = number(0.0, 1e4, 10.0)
    identity: float = number(0.0, 10.0, 0.5)
    perceptual: float = number(0.0, 1e4, 0.0)
    buffer: int = number(0, 1000, 50)


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam's moments, and the share of the budget after which the rate falls to 0 (1: never)."""

    beta1: float = number(0.0, 0.9999, 0.5)
    beta2: float = number(0.0, 0.9999999, 0.999)
    decay_from: float = number(0.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Config:
    """One training run but for its data; `images` is the budget, in real images shown.

    `stage_two_from` is the share of the budget after which a StackGAN trains its second stage.

    >>> load_config("demo-15").penalty
    Penalty(name='r1', weight=1.0, every=8)
    >>> load_config("demo-15", **{"discriminator.steps": 0})
    Traceback (most recent call last):
    generators.config_reading.ConfigError: discriminator.steps must be from 1 to 100, got 0
    """

    title: str
    description: str
    model: str = choice(MODELS, "gan")
    images: int = number(1, 10**12)
    batch: int = number(2, 65_536)
    z_dim: int = number(1, 4_096)
    conditional: bool = False
    loss: str = choice(LOSSES)
    generator: Generator
    discriminator: Discriminator
    penalty: Penalty = field(default_factory=partial(Penalty, name="none"))
    tricks: Tricks = field(default_factory=Tricks)
    translation: Translation = field(default_factory=Translation)
    stage_two_from: float = number(0.0, 1.0, 0.5)
    adam: Adam = field(default_factory=Adam)
    ema: float = number(0.0, 0.99999, 0.0)
    precision: str = choice(PRECISIONS, "auto")
    seed: int = number(0, 2**63 - 1, 0)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The config of a nested mapping such as `as_dict` gives; ConfigError if one is bad."""
        config = cast(Self, build(cls, values))
        check_combination(config)
        return config

    def as_dict(self) -> dict[str, Any]:
        """Nested plain values, fit for JSON and `from_dict`."""
        return asdict(self)

    def settings(self) -> dict[str, Setting]:
        """Single values by their dotted names, such as `adam.beta1`, without title and description."""
        return dict(_flat(self._working))

    @property
    def steps(self) -> int:
        """Generator steps in the whole budget."""
        return math.ceil(self.images / self.images_per_step)

    @property
    def images_per_step(self) -> int:
        """Real images shown to the discriminator in one generator step."""
        return self.batch * self.discriminator.steps

    @property
    def images_total(self) -> int:
        """The budget, rounded up to whole steps: what a run has seen at its end."""
        return self.steps * self.images_per_step

    def hash(self) -> str:
        """Hex SHA-256 of all that can change the result: everything but title and description."""
        return hashlib.sha256(json.dumps(self._working, sort_keys=True).encode()).hexdigest()

    def changes(self, other: "Config") -> list[str]:
        """What must be changed in this config to work as another does, as `key=value`.

        >>> load_config("demo-15").changes(load_config("demo-15", **{"adam.beta1": 0}))
        ['adam.beta1=0.0']
        """
        return list(_changes(self._working, other._working))

    @property
    def _working(self) -> dict[str, Any]:
        return {k: v for k, v in self.as_dict().items() if k not in ("title", "description")}


def available_configs() -> tuple[str, ...]:
    """Names of the shipped configs, sorted."""
    return tuple(sorted(path.stem for path in CONFIG_FOLDER.glob("*.toml")))


def load_config(name_or_path: str | Path, /, **overrides: Any) -> Config:
    """A shipped config by name, or any TOML file by path, with single values replaced.

    An override's key is a dotted path: `load_config("demo-15", **{"adam.beta1": 0})`.
    Raises ConfigError naming the file, key, value and choices, also for a value that nothing would
    read: a file that was trained may hold such, a config that is asked for may not.
    """
    values = _read_toml(name_or_path)
    for key, value in overrides.items():
        _override(values, key, value)
    config = Config.from_dict(values)
    check_used(config)
    return config


def parse_override(text: str) -> tuple[str, Any]:
    """The key and TOML value of `key=value`; a value that is no TOML is taken as a string.

    >>> parse_override("adam.beta1=0.0"), parse_override("loss=minimax")
    (('adam.beta1', 0.0), ('loss', 'minimax'))
    """
    key, equals, value = text.partition("=")
    if not (key.strip() and equals) or "\n" in text.strip():
        raise ConfigError(f"an override is written key=value, got {said(text)}")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        return key.strip(), value.strip()


def _read_toml(name_or_path: str | Path) -> dict[str, Any]:
    path = Path(name_or_path)
    if str(name_or_path) in available_configs():
        path = CONFIG_FOLDER / f"{name_or_path}.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors write a BOM
    except OSError as error:
        choices = ", ".join(available_configs())
        raise ConfigError(
            f"no config {str(name_or_path)!r}: give a TOML file or one of {choices}"
        ) from error
    except (ValueError, RecursionError) as error:  # the second where brackets are nested too deeply
        raise ConfigError(f"{path} is no valid TOML: {error}") from error


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Setting]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _changes(values: dict[str, Any], others: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _changes(value, others[key], f"{prefix}{key}.")
        elif value != others[key]:
            yield f"{prefix}{key}={others[key]}"


def _override(values: dict[str, Any], key: str, value: Any) -> None:
    """Replaces one value; a table replaces those that it holds, and leaves the rest as they were."""
    if value == {}:
        raise ConfigError(f"{said(key)} is given no value: an empty table changes nothing")
    if isinstance(value, dict):
        for name, single in value.items():
            _override(values, f"{key}.{name}", single)
        return
    *tables, leaf = key.split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise ConfigError(f"unknown key {said(key)}: {said(table)} is a value, not a table")
    values[leaf] = value
