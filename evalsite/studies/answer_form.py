"""One answer as a browser sends it."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from evalsite.studies.checks import LARGEST_GRID
from evalsite.studies.models import ANSWERS

MOST_FRAMES = 1_000_000
LONGEST_MS = 1e12  # thirty years: sums of such times stay finite
CODE = re.compile(r"[A-Za-z0-9_-]{1,32}")


class CodesField(forms.Field):
    """Codes of images of one screen, or None if there are none to give."""

    def to_python(self, value: Any) -> list[str] | None:
        if value is None:
            return None
        if not isinstance(value, list) or len(value) > LARGEST_GRID or not _are_codes(value):
            raise ValidationError(f"a list of at most {LARGEST_GRID} image codes is expected")
        return value


def _are_codes(values: list[Any]) -> bool:
    return all(isinstance(value, str) and CODE.fullmatch(value) for value in values)


NOTED = ("too_fast", "exposure_off", "focus_lost")


class ResponseForm(forms.Form):
    """One answer as a browser sends it; `trial` is the code of the screen, its first image's."""

    trial = forms.RegexField(r"^[A-Za-z0-9_-]+$", max_length=32)
    answer = forms.ChoiceField(choices=[(word, word) for word in ANSWERS], required=False)
    chosen = CodesField(required=False)
    rt_ms = forms.FloatField(min_value=0, max_value=LONGEST_MS)
    shown_ms = forms.FloatField(min_value=0, max_value=LONGEST_MS, required=False)
    frames_shown = forms.IntegerField(min_value=0, max_value=MOST_FRAMES, required=False)
    frames_dropped = forms.IntegerField(min_value=0, max_value=MOST_FRAMES, required=False)
    refresh_hz = forms.FloatField(min_value=0, max_value=MOST_FRAMES, required=False)
    flags = forms.RegexField(r"^[a-z_;]+$", max_length=100, required=False)

    def clean_flags(self) -> str:
        """Only what a browser can know: whether a trial tests the observer, or counts, it cannot say."""
        noted = self.cleaned_data["flags"].split(";")
        return ";".join(word for word in NOTED if word in noted)

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if not given.get("answer") and given.get("chosen") is None and not self.errors:
            self.add_error("answer", "either an answer or what was chosen is expected")
        return given
