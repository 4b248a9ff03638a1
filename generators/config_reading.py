"""Plain nested values made into checked dataclasses, with errors that name key, value and choices."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from typing import Any, cast

LONGEST_SAID = 80


class ConfigError(ValueError):
    """A config that cannot be trained; the message names the key, its value and the choices."""


def number(low: float, high: float, default: Any = MISSING) -> Any:
    """A field whose value is from `low` to `high`."""
    return field(default=default, metadata={"low": low, "high": high})


def choice(choices: tuple[str, ...], default: Any = MISSING) -> Any:
    """A field whose value is one of these words."""
    return field(default=default, metadata={"choices": choices})


def said(value: Any) -> str:
    """A value as Python writes it, cut where nobody would read on.

    >>> said("hinge"), len(said(10**4000))
    ("'hinge'", 81)
    """
    told = repr(value)
    return told if len(told) <= LONGEST_SAID else f"{told[:LONGEST_SAID]}…"


def build(cls: type, values: Mapping[str, Any], prefix: str = "") -> Any:
    """An instance of the dataclass; ConfigError for a key that is unknown, missing or out of range."""
    known = {item.name: item for item in fields(cls)}
    for key in values:
        if key not in known:
            choices = ", ".join(prefix + name for name in known)
            raise ConfigError(f"unknown key {said(prefix + key)}, choose from {choices}")
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
            raise ConfigError(f"{key} must be a table, got {said(value)}")
        return build(kind, value, prefix=f"{key}.")
    whole = kind is float and type(value) is int
    if type(value) is not kind and not whole:
        raise ConfigError(f"{key} must be {_KIND_NAMES[kind]}, got {said(value)}")
    _check_rules(item.metadata, value, key)
    return float(value) if whole else value


_KIND_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def _check_rules(rules: Mapping[str, Any], value: Any, key: str) -> None:
    if "choices" in rules and value not in rules["choices"]:
        choices = ", ".join(rules["choices"])
        raise ConfigError(f"{key} must be one of {choices}, got {said(value)}")
    if "low" in rules and not rules["low"] <= value <= rules["high"]:
        ends = f"{rules['low']} to {rules['high']}"
        raise ConfigError(f"{key} must be from {ends}, got {said(value)}")
