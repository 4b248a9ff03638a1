"""Forms for training, uploading and sampling generators, and for the weights of metrics."""

from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile

from evalsite.catalog.models import MAX_POOL, Dataset, Generator, Sweep, Weights
from evalsite.catalog.sweeps import (
    MOST_RUNS,
    Point,
    SpaceError,
    at_random,
    grid,
    read_space,
    words,
)
from evalsite.catalog.training_recipes import Recipe, recipes, refusals, too_many
from evalsite.catalog.uploads import PUBLISHED, UploadRefused, kind_of, weights_in
from generators.config import Config, ConfigError, load_config, parse_override

LARGEST_SEED = 2**31 - 1
LARGEST_BUDGET = 100_000_000
FEWEST_RUNS = 2
MOST_CLASSES = 100


def config_choices() -> list[tuple[str, list[tuple[str, Recipe]]]]:
    """Recipes under their groups; the page writes what each is."""
    return [
        (group, [(recipe.name, recipe) for recipe in found]) for group, found in recipes().items()
    ]


class GeneratorForm(forms.Form):
    """What every new generator is asked."""

    name = forms.CharField(max_length=80, help_text="As it will stand on the leaderboard.")
    dataset = forms.ModelChoiceField(
        Dataset.objects.all(), label="Data set", help_text="What it imitates.", empty_label=None
    )


class FindForm(forms.Form):
    """Which generators are looked for."""

    called = forms.CharField(
        max_length=80,
        required=False,
        label="Name",
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    dataset = forms.ModelChoiceField(
        Dataset.objects.all(), required=False, to_field_name="slug", widget=forms.HiddenInput
    )


class PoolForm(forms.Form):
    count = forms.IntegerField(
        label="Images", min_value=2, max_value=MAX_POOL, initial=2000, help_text="How many to draw."
    )
    seed = forms.IntegerField(
        min_value=0, max_value=LARGEST_SEED, initial=0, help_text="The same seed, the same images."
    )
    classes = forms.TypedMultipleChoiceField(
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="They take turns. None ticked: all.",
    )

    def __init__(self, *args: Any, generator: Generator, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["classes"].choices = list(enumerate(generator.classes))  # type: ignore[attr-defined]
        if not generator.classes:
            del self.fields["classes"]

    def clean_classes(self) -> list[int]:
        """All of them are what none is: the same pool."""
        chosen: list[int] = self.cleaned_data["classes"]
        if len(chosen) == len(self.fields["classes"].choices):  # type: ignore[attr-defined]
            return []
        if len(chosen) > MOST_CLASSES:
            raise forms.ValidationError(
                f"Choose at most {MOST_CLASSES} classes, or none for all: got {len(chosen)}."
            )
        return chosen


class TrainForm(GeneratorForm):
    config = forms.ChoiceField(label="Recipe", choices=config_choices, widget=forms.RadioSelect)
    changes = forms.CharField(
        label="Change values",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="Values of the recipe to replace, a line each: adam.beta1 = 0.0. Empty: none.",
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

    field_order = ["name", "dataset", "config", "changes", "images", "seed", "pool_size"]

    def clean_changes(self) -> dict[str, Any]:
        lines = self.cleaned_data["changes"].splitlines()
        changes: dict[str, Any] = {}
        try:
            for key, value in (parse_override(line.strip()) for line in lines if line.strip()):
                if key in changes:
                    raise forms.ValidationError(f"{key} stands in two lines: leave one of them")
                changes[key] = value
        except ConfigError as error:
            raise forms.ValidationError(str(error)) from error
        return changes

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            self._load(cleaned)
        return cleaned

    def _load(self, cleaned: dict[str, Any]) -> None:
        """Put the whole configuration into `cleaned["loaded"]`, or say beside a field what is wrong."""
        try:
            cleaned["loaded"] = self.load()
        except ConfigError as error:
            self.add_error("changes", str(error))
            return
        asked = cleaned["loaded"], cleaned["dataset"]
        for refusal in (found := refusals(*asked)):
            self.add_error("dataset", refusal)
        if not found and (words := too_many(*asked, cleaned["pool_size"])):
            self.add_error("pool_size", words)

    def load(self, **more: Any) -> Config:
        """The configuration that is asked for, `more` of its values replaced; may raise ConfigError."""
        asked = self.cleaned_data
        own = {"seed": asked["seed"]}
        if asked.get("images"):
            own["images"] = asked["images"]
            if "images" in asked["changes"]:
                raise ConfigError(
                    "images stands here and as the training length: leave one of them"
                )
        config = load_config(asked["config"], **own | asked["changes"] | more)
        for key, value, most in (
            ("images", config.images, LARGEST_BUDGET),
            ("seed", config.seed, LARGEST_SEED),
        ):
            if value > most:
                raise ConfigError(f"{key} must be at most {most}, got {value}")
        return config


class SweepForm(TrainForm):
    """What a training is asked, and which of its values vary."""

    space = forms.CharField(
        label="Values to try",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="A line for each key: loss = hinge, minimax, or penalty.weight = 0.1..10 log for a"
        " range in a random search.",
    )
    search = forms.ChoiceField(
        choices=Sweep.Search.choices, initial=Sweep.Search.GRID, widget=forms.RadioSelect
    )
    count = forms.IntegerField(
        label="Trainings",
        required=False,
        min_value=FEWEST_RUNS,
        max_value=MOST_RUNS,
        initial=8,
        help_text=f"How many a random search draws; at most {MOST_RUNS}. A grid has as many as it has"
        " combinations.",
    )
    draw_seed = forms.IntegerField(
        label="Seed of the search",
        min_value=0,
        max_value=LARGEST_SEED,
        initial=0,
        help_text="The same seed, the same values.",
    )

    field_order = [
        "name", "dataset", "config", "space", "search", "count", "draw_seed", "changes", "images",
        "seed", "pool_size",
    ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = "Its generators are numbered: NAME 1, NAME 2, …"
        self.fields["pool_size"].initial = 0

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.errors:
            try:
                cleaned["trainings"] = self._trainings(cleaned)
            except (SpaceError, ConfigError) as error:
                self.add_error("space", str(error))
        return cleaned

    def _trainings(self, asked: dict[str, Any]) -> list[tuple[Point, Config]]:
        """Every point with its configuration; all are good, or the first bad one is told of."""
        space = read_space(asked["space"])
        if asked["search"] == Sweep.Search.GRID:
            points = grid(space)
        elif asked["count"]:
            points = at_random(space, asked["count"], seed=asked["draw_seed"])
        else:
            raise SpaceError("a random search needs the number of trainings, got none")
        if len(points) < FEWEST_RUNS:
            raise SpaceError(f"a sweep has at least {FEWEST_RUNS} trainings, got {len(points)}")
        return [(point, self._fitting(point, asked["dataset"])) for point in points]

    def _fitting(self, point: Point, dataset: Dataset) -> Config:
        config = self.load(**point)
        if refused := refusals(config, dataset):
            raise SpaceError(f"{words(point)}: {refused[0]}")
        return config


class UploadForm(GeneratorForm):
    file = forms.FileField(
        label="File",
        help_text="An archive of images (.zip, .tar.gz; PNG, JPEG or WebP; or .npz), or a network as one .onnx"
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
