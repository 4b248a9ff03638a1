"""What the page of a translation sends."""

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS


class TurnForm(forms.Form):
    """One image: an example by its number, or an upload; `back` turns it the other way."""

    example = forms.IntegerField(required=False, min_value=0)
    image = forms.FileField(required=False, allow_empty_file=True)
    back = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if (asked.get("example") is None) == (asked.get("image") is None) and not self.errors:
            raise forms.ValidationError("give either the number of an example or one image file")
        return asked

    @property
    def words(self) -> str:
        """What is wrong, in one line."""
        return "; ".join(
            f"{name}: {text}" if name != NON_FIELD_ERRORS else str(text)
            for name, texts in self.errors.items()
            for text in texts
        )
