"""Forms for training, uploading and sampling generators, and for the weights of metrics."""

from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.utils.functional import lazy

from evalsite.catalog.models import MAX_POOL, Dataset, Weights
from evalsite.catalog.uploads import PUBLISHED, UploadRefused, kind_of, weights_in
from generators.config import ConfigError, available_configs, load_config

LARGEST_SEED = 2**31 - 1
LARGEST_BUDGET = 100_000_000


def config_choices() -> list[tuple[str, str]]:
    configs = ((name, load_config(name)) for name in available_configs())
    return [(name, f"{config.title} — {config.description}") for name, config in configs]


class GeneratorForm(forms.Form):
    """What every new generator is asked."""

    name = forms.CharField(max_length=80, help_text="As it will stand on the leaderboard.")
    dataset = forms.ModelChoiceField(
        Dataset.objects.all(), label="Data set", help_text="What it imitates.", empty_label=None
    )


class PoolForm(forms.Form):
    count = forms.IntegerField(
        label="Images", min_value=2, max_value=MAX_POOL, initial=2000, help_text="How many to draw."
    )
    seed = forms.IntegerField(
        min_value=0, max_value=LARGEST_SEED, initial=0, help_text="The same seed, the same images."
    )


class TrainForm(GeneratorForm):
    config = forms.ChoiceField(
        label="Recipe", choices=lazy(config_choices, list), widget=forms.RadioSelect
    )
    images = forms.IntegerField(
        label="Training length",
        required=False,
        min_value=1,
        max_value=LARGEST_BUDGET,
        help_text="In images shown to the network. Empty: as the recipe says.",
    )
    seed = forms.IntegerField(
        min_value=0, max_value=LARGEST_SEED, initial=0, help_text="The same seed, the same network."
    )
    pool_size = forms.IntegerField(
        label="Then sample",
        min_value=0,
        max_value=MAX_POOL,
        initial=2000,
        help_text="Images to draw once it is trained; 0 for none.",
    )

    field_order = ["name", "dataset", "config", "images", "seed", "pool_size"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "config" in cleaned:
            overrides = {"images": cleaned["images"]} if cleaned.get("images") else {}
            try:
                cleaned["loaded"] = load_config(cleaned["config"], **overrides)
            except ConfigError as error:
                raise forms.ValidationError(str(error)) from error
        return cleaned


class UploadForm(GeneratorForm):
    file = forms.FileField(
        label="File",
        help_text="An archive of images (.zip, .tar.gz; PNG, JPEG or WebP), or a network as one .onnx"
        " file: noise in, images out.",
    )
    count = forms.IntegerField(
        label="Images",
        min_value=2,
        max_value=MAX_POOL,
        initial=2000,
        help_text="How many to draw from a network. An archive is taken whole.",
    )
    seed = forms.IntegerField(
        min_value=0, max_value=LARGEST_SEED, initial=0, help_text="The seed of a network's noise."
    )

    def clean_file(self) -> TemporaryUploadedFile:
        file: TemporaryUploadedFile = self.cleaned_data["file"]
        size_mb = (file.size or 0) / 2**20
        if size_mb > settings.UPLOAD_MAX_MB:
            raise forms.ValidationError(
                f"The file has {size_mb:,.0f} MB; this site takes up to {settings.UPLOAD_MAX_MB:,} MB."
                " Sample fewer images, or compress them as PNG."
            )
        path, name = Path(file.temporary_file_path()), file.name or ""
        try:
            self.kind = kind_of(path, name, largest_mb=settings.ONNX_MAX_MB)
        except UploadRefused as error:
            raise forms.ValidationError(str(error)) from error
        return file


class WeightsForm(forms.ModelForm):
    """Published weights, known by their checksum whatever the file is called."""

    upload = forms.FileField(
        label="File", help_text="; ".join(f"{known}, from {known.url}" for known in PUBLISHED)
    )

    class Meta:
        model = Weights
        fields: list[str] = []

    def clean_upload(self) -> TemporaryUploadedFile:
        file: TemporaryUploadedFile = self.cleaned_data["upload"]
        self.path = Path(file.temporary_file_path())
        try:
            self.known = weights_in(self.path, file.name or "the file")
        except UploadRefused as error:
            raise forms.ValidationError(str(error)) from error
        return file
