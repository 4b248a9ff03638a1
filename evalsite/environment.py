"""What the environment may say: whatever is misspelt or makes no sense is refused, in words that name it."""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from math import inf

from django.core.exceptions import ImproperlyConfigured

PREFIX = "UNCANNY_"
TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
FALSE = frozenset({"0", "false", "f", "no", "n", "off"})
ALIKE = 0.8  # of their letters: two names of which one may be the other misspelt
LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")
READ_ELSEWHERE = {
    "UNCANNY_WEIGHTS_DIR",
    "UNCANNY_INCEPTION_WEIGHTS",
    "UNCANNY_DINOV2_WEIGHTS",
    "UNCANNY_CLIP_WEIGHTS",
}
"""By the metrics, which know no settings."""


class Environment:
    """Variables by name; one that is empty counts as absent."""

    def __init__(self) -> None:
        self._read = set(READ_ELSEWHERE)

    def text(self, name: str, default: str) -> str:
        self._read.add(name)
        return os.environ.get(name) or default

    def required(self, name: str, what_for: str) -> str:
        found = self.text(name, "")
        if not found:
            raise ImproperlyConfigured(f"{name} is missing: {what_for}")
        return found

    def truth(self, name: str, default: bool) -> bool:
        found = self.text(name, str(default)).lower()
        if found not in TRUE | FALSE:
            raise ImproperlyConfigured(f"{name} must be true or false, got {found!r}")
        return found in TRUE

    def number(self, name: str, default: int, *, most: int | None = None) -> int:
        """A whole number from 1 on."""
        found = self.text(name, str(default))
        if not found.isdecimal() or not 1 <= int(found) <= (most or inf):
            wanted = f"from 1 to {most}" if most else "a whole number of at least 1"
            raise ImproperlyConfigured(f"{name} must be {wanted}, got {found!r}")
        return int(found)

    def listed(self, name: str, default: list[str]) -> list[str]:
        """What it names with commas between, and blanks or not."""
        found = self.text(name, ",".join(default)).split(",")
        return [each for part in found if (each := part.strip())]

    def level(self, name: str, default: str) -> str:
        found = self.text(name, default).upper()
        if found not in LEVELS:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(LEVELS)}, got {found!r}")
        return found

    def refuse_unread(self, names: Iterable[str]) -> None:
        """Of the names, those that begin as ours do and that nothing reads are misspelt."""
        for name in sorted(names):
            if name.startswith(PREFIX) and name not in self._read:
                near = get_close_matches(name, self._read, 1, ALIKE)
                meant = f": did you mean {near[0]}?" if near else ""
                raise ImproperlyConfigured(f"there is no setting {name}{meant}")
