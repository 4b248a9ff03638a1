"""A training run as loss × penalty × normalisation × architecture, read from a TOML file."""

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Self, cast

CONFIG_FOLDER = Path(__file__).parent / "configs"
ARCHITECTURES = ("demo", "lecture")
LOSSES = ("minimax", "non-saturating")
NORMALISATIONS = ("batch", "group", "none")
PENALTIES = ("none", "r1")
PRECISIONS = ("auto", "bf16", "float32")


class ConfigError(ValueError):
    """A config that cannot be trained; the message names the key, its value and the choices."""


def _number(low: float, high: float, default: Any = MISSING) -> Any:
    return field(default=default, metadata={"low": low, "high": high})


def _choice(choices: tuple[str, ...], default: Any = MISSING) -> Any:
    return field(default=default, metadata={"choices": choices})


@dataclass(frozen=True, kw_only=True)
class Generator:
    """The network that makes images from noise."""

    architecture: str = _choice(ARCHITECTURES)
    normalisation: str = _choice(NORMALISATIONS)
    features: int = _number(1, 1024)
    learning_rate: float = _number(1e-8, 1.0)


@dataclass(frozen=True, kw_only=True)
class Discriminator:
    """The network that tells real from fake, stepped `steps` times per generator step."""

    architecture: str = _choice(ARCHITECTURES)
    normalisation: str = _choice(NORMALISATIONS)
    features: int = _number(1, 1024)
    learning_rate: float = _number(1e-8, 1.0)
    steps: int = _number(1, 100, 1)


@dataclass(frozen=True, kw_only=True)
class Penalty:
    """Added to the discriminator's loss on each `every`-th step, that much stronger."""

    name: str = _choice(PENALTIES, "none")
    weight: float = _number(0.0, 1e6, 1.0)
    every: int = _number(1, 1000, 1)


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam's moments, and the share of the budget after which the rate falls to 0 (1: never)."""

    beta1: float = _number(0.0, 0.9999, 0.5)
    beta2: float = _number(0.0, 0.9999999, 0.999)
    decay_from: float = _number(0.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Config:
    """One training run but for its data; `images` is the budget, in real images shown.

    >>> load_config("demo-15").penalty
    Penalty(name='r1', weight=1.0, every=8)
    >>> load_config("demo-15", **{"discriminator.steps": 0})
    Traceback (most recent call last):
    generators.config.ConfigError: discriminator.steps must be from 1 to 100, got 0
    """

    title: str
    description: str
    images: int = _number(1, 10**12)
    batch: int = _number(2, 65_536)
    z_dim: int = _number(1, 4_096)
    conditional: bool = False
    loss: str = _choice(LOSSES)
    generator: Generator
    discriminator: Discriminator
    penalty: Penalty = field(default_factory=Penalty)
    adam: Adam = field(default_factory=Adam)
    ema: float = _number(0.0, 0.99999, 0.0)
    precision: str = _choice(PRECISIONS, "auto")
    seed: int = _number(0, 2**63 - 1, 0)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The config of a nested mapping such as `as_dict` gives; ConfigError if one is bad."""
        config = cast(Self, _build(cls, values, prefix=""))
        _check_combination(config)
        return config

    def as_dict(self) -> dict[str, Any]:
        """Nested plain values, fit for JSON and `from_dict`."""
        return asdict(self)

    @property
    def steps(self) -> int:
        """Generator steps in the whole budget."""
        return math.ceil(self.images / self.images_per_step)

    @property
    def images_per_step(self) -> int:
        """Real images shown to the discriminator in one generator step."""
        return self.batch * self.discriminator.steps

    def hash(self) -> str:
        """Hex SHA-256 of all that can change the result: everything but title and description."""
        values = {k: v for k, v in self.as_dict().items() if k not in ("title", "description")}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def available_configs() -> tuple[str, ...]:
    """Names of the shipped configs, sorted."""
    return tuple(sorted(path.stem for path in CONFIG_FOLDER.glob("*.toml")))


def load_config(name_or_path: str | Path, **overrides: Any) -> Config:
    """A shipped config by name, or any TOML file by path, with single values replaced.

    An override's key is a dotted path: `load_config("demo-15", **{"adam.beta1": 0})`.
    Raises ConfigError naming the file, key, value and choices.
    """
    values = _read_toml(name_or_path)
    for key, value in overrides.items():
        _override(values, key, value)
    return Config.from_dict(values)


def parse_override(text: str) -> tuple[str, Any]:
    """The key and TOML value of `key=value`; a value that is no TOML is taken as a string.

    >>> parse_override("adam.beta1=0.0"), parse_override("loss=minimax")
    (('adam.beta1', 0.0), ('loss', 'minimax'))
    """
    key, equals, value = text.partition("=")
    if not (key.strip() and equals):
        raise ConfigError(f"an override is written key=value, got {text!r}")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def _read_toml(name_or_path: str | Path) -> dict[str, Any]:
    path = Path(name_or_path)
    if str(name_or_path) in available_configs():
        path = CONFIG_FOLDER / f"{name_or_path}.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        choices = ", ".join(available_configs())
        raise ConfigError(
            f"no config {str(name_or_path)!r}: give a TOML file or one of {choices}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no valid TOML: {error}") from error


def _override(values: dict[str, Any], key: str, value: Any) -> None:
    *tables, leaf = key.split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise ConfigError(f"unknown key {key!r}: {table!r} is a value, not a table")
    values[leaf] = value


def _build(cls: type, values: Mapping[str, Any], prefix: str) -> Any:
    known = {item.name: item for item in fields(cls)}
    for key in values:
        if key not in known:
            choices = ", ".join(prefix + name for name in known)
            raise ConfigError(f"unknown key {prefix + key!r}, choose from {choices}")
    for name, item in known.items():
        if name not in values and item.default is MISSING and item.default_factory is MISSING:
            raise ConfigError(f"{prefix + name} is missing")
    return cls(**{key: _value(known[key], values[key], prefix + key) for key in values})


def _value(item: Field[Any], value: Any, key: str) -> Any:
    kind = cast(type, item.type)
    if is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{key} must be a table, got {value!r}")
        return _build(kind, value, prefix=f"{key}.")
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ConfigError(f"{key} must be {_KIND_NAMES[kind]}, got {value!r}")
    _check_rules(item.metadata, value, key)
    return value


_KIND_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def _check_rules(rules: Mapping[str, Any], value: Any, key: str) -> None:
    if "choices" in rules and value not in rules["choices"]:
        raise ConfigError(f"{key} must be one of {', '.join(rules['choices'])}, got {value!r}")
    if "low" in rules and not rules["low"] <= value <= rules["high"]:
        raise ConfigError(f"{key} must be from {rules['low']} to {rules['high']}, got {value!r}")


def _check_combination(config: Config) -> None:
    if config.penalty.name == "r1" and config.discriminator.normalisation == "batch":
        raise ConfigError(
            "penalty.name 'r1' takes the gradient of each image alone, but "
            "discriminator.normalisation 'batch' mixes the images: choose group or none"
        )
    if config.generator.architecture == "lecture" and config.generator.features < 2:
        raise ConfigError("generator.features must be at least 2 for architecture 'lecture', got 1")
