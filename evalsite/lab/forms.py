"""What the lab asks: numbers of the linear model, and classifiers to train or to keep."""

from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile

from evalsite.catalog.models import Dataset
from evalsite.lab.models import Classifier
from generators.adversarial.linear import EPSILON, EXAMPLE, WEIGHTS
from sandbox.errors import ModelRefusedError
from sandbox.recognise import check_upload

LARGEST_SEED = 2**31 - 1
LONGEST_TRAINING_S = 600
LARGEST_VALUE = 10.0


class LinearForm(forms.Form):
    """ε, and the six values of w and x; the lecture's where nothing is asked for."""

    epsilon = forms.FloatField(
        label="ε",
        min_value=0,
        max_value=1,
        initial=EPSILON,
        widget=forms.NumberInput(attrs={"type": "range", "step": "0.01"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for letter, values in (("w", WEIGHTS), ("x", EXAMPLE)):
            for number, value in enumerate(values, start=1):
                self.fields[f"{letter}{number}"] = forms.FloatField(
                    label=f"{letter}, value {number}",
                    min_value=-LARGEST_VALUE,
                    max_value=LARGEST_VALUE,
                    initial=f"{value:g}",
                    widget=forms.NumberInput(
                        attrs={"step": "any", "aria-label": f"{letter}, value {number}"}
                    ),
                )

    def boxes(self) -> tuple[list[forms.BoundField], list[forms.BoundField]]:
        """The fields of w, and those of x."""
        places = range(1, len(WEIGHTS) + 1)
        return [self[f"w{place}"] for place in places], [self[f"x{place}"] for place in places]

    def numbers(self) -> tuple[tuple[float, ...], tuple[float, ...], float]:
        """w, x and ε as they are asked for, the lecture's if they are not or make no sense."""
        if not self.is_valid():
            return WEIGHTS, EXAMPLE, EPSILON
        asked, places = self.cleaned_data, range(1, len(WEIGHTS) + 1)
        w, x = (tuple(asked[f"{letter}{place}"] for place in places) for letter in "wx")
        return w, x, asked["epsilon"]


class DatasetField(forms.ModelChoiceField):
    """A data set whose images have classes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            Dataset.objects.exclude(class_names=[]), label="Data set", empty_label=None, **options
        )


class ClassifierForm(forms.Form):
    """What every new classifier is asked."""

    name = forms.CharField(max_length=80)
    dataset = DatasetField(help_text="Whose classes it tells apart.")


class TrainForm(ClassifierForm):
    seconds = forms.FloatField(
        label="Training time, in seconds",
        min_value=1,
        max_value=LONGEST_TRAINING_S,
        initial=60,
        help_text="Of one processor. A minute is enough for small images.",
    )
    seed = forms.IntegerField(min_value=0, max_value=LARGEST_SEED, initial=0)


class UploadForm(ClassifierForm):
    file = forms.FileField(
        label="File",
        help_text="A network as one .onnx file (a black box: it is only asked), or the .safetensors of"
        " a classifier trained by this platform.",
    )

    def clean_file(self) -> TemporaryUploadedFile:
        file: TemporaryUploadedFile = self.cleaned_data["file"]
        size_mb = (file.size or 0) / 2**20
        if size_mb > settings.ONNX_MAX_MB:
            raise forms.ValidationError(
                f"The file has {size_mb:,.0f} MB; this site takes up to {settings.ONNX_MAX_MB:,} MB."
            )
        self.kind = _kind_of(file)
        return file


def _kind_of(file: TemporaryUploadedFile) -> Classifier.Kind:
    """Weights by their name, a network by its bytes; what is in them, a worker finds out."""
    name, path = file.name or "", Path(file.temporary_file_path())
    if name.lower().endswith(".safetensors"):
        return Classifier.Kind.WEIGHTS
    try:
        check_upload(path, largest_mb=settings.ONNX_MAX_MB)
    except ModelRefusedError as error:
        raise forms.ValidationError(str(error)) from error
    if not name.lower().endswith(".onnx"):
        raise forms.ValidationError(
            f"{name} is neither a network (.onnx) nor weights of a classifier (.safetensors)."
        )
    return Classifier.Kind.ONNX
