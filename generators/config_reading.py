"""Plain nested values made into checked dataclasses, with errors that name key, value and choices."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from typing import Any, cast


class ConfigError(ValueError):
    """A config that cannot be trained; the message names the key, its value and the choices."""


def number(low: float, high: float, default: Any = MISSING) -> Any:
    """A field whose value is from `low` to `high`."""
    return field(default=default, metadata={"low": low, "high": high})


def choice(choices: tuple[str, ...], default: Any = MISSING) -> Any:
    """A field whose value is one of these words."""
    return field(default=default, metadata={"choices": choices})


def build(cls: type, values: Mapping[str, Any], prefix: str = "") -> Any:
    """An instance of the dataclass; ConfigError for a key that is unknown, missing or out of range."""
    known = {item.name: item for item in fields(cls)}
    for key in values:
        if key not in known:
            choices = ", ".join(prefix + name for name in known)
            raise ConfigError(f"unknown key {prefix + key!r}, choose from {choices}")
    for name, item in known.items():
        if name not in values and item.default is MISSING and item.default_factory is MISSING:
            choices = item.metadata.get("choices", ())
            among = f": choose one of {', '.join(choices)}" if choices else ""
            raise ConfigError(f"{prefix + name} is missing{among}")
    return cls(**{key: _value(known[key], values[key], prefix + key) for key in values})


def _value(item: Field[Any], value: Any, key: str) -> Any:
    kind = cast(type, item.type)
    if is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{key} must be a table, got {value!r}")
        return build(kind, value, prefix=f"{key}.")
    whole = kind is float and type(value) is int
    if type(value) is not kind and not whole:
        raise ConfigError(f"{key} must be {_KIND_NAMES[kind]}, got {value!r}")
    _check_rules(item.metadata, value, key)
    return float(value) if whole else value


_KIND_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def _check_rules(rules: Mapping[str, Any], value: Any, key: str) -> None:
    if "choices" in rules and value not in rules["choices"]:
        raise ConfigError(f"{key} must be one of {', '.join(rules['choices'])}, got {value!r}")
    if "low" in rules and not rules["low"] <= value <= rules["high"]:
        raise ConfigError(f"{key} must be from {rules['low']} to {rules['high']}, got {value!r}")
