"""What the lab asks for an attack or a transfer; what makes no sense is refused beside its field."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms

from evalsite.catalog.models import Dataset
from evalsite.lab.forms import LARGEST_SEED, DatasetField
from evalsite.lab.models import Classifier
from generators.adversarial.errors import AttackError
from generators.adversarial.plan import ATTACKS, Plan, attack_called, class_number

MOST_IMAGES = 2000
FROM_CODES = "codes"
Asked = dict[str, Any]

WORDS = {
    "target": "target",
    "ε": "epsilons",
    "norm": "norm",
    "closeness": "closeness",
    "flip": "flipped",
    "steps": "steps",
    "seed": "seed",
    "images": "images",
}
"""By which word of an error it is known which field it speaks of, in this order."""


class EpsilonsField(forms.CharField):
    """Numbers apart by commas or spaces."""

    def clean(self, value: Any) -> tuple[float, ...]:
        words = re.split(r"[,;\s]+", super().clean(value).strip())
        try:
            return tuple(float(word) for word in words if word)
        except ValueError as error:
            raise forms.ValidationError(
                "Give numbers apart by commas, such as 0.02, 0.05."
            ) from error


class ClassifierField(forms.ModelChoiceField):
    def label_from_instance(self, classifier: Classifier) -> str:
        return label_of(classifier)


class ClassifiersField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, classifier: Classifier) -> str:
        return label_of(classifier)


def label_of(classifier: Classifier) -> str:
    """Its name, size, and how it can be attacked."""
    sees = f"{classifier.resolution_px} px, {len(classifier.class_names)} classes"
    return f"{classifier} ({sees}{'' if classifier.knows_gradient else ', black box'})"


class PlanForm(forms.Form):
    """An attack, as forms ask for it; `cleaned_data["plan"]` is the plan."""

    name = forms.CharField(max_length=80)
    dataset = DatasetField(help_text="Its held-out images are attacked.")
    attack = forms.ChoiceField(
        choices=[
            (each.name, each.label) for each in ATTACKS.values() if each.starts_from != FROM_CODES
        ],
        initial="pgd",
    )
    epsilons = EpsilonsField(
        label="ε",
        required=False,
        initial="0.02, 0.05, 0.1",
        help_text="How far a pixel (l∞) or the whole image (l2) may move, of values from 0 to 1: one rung"
        " for each. Left aside by attacks without a bound.",
    )
    norm = forms.ChoiceField(
        choices=[
            ("", "the attack’s own"),
            ("linf", "l∞: every pixel"),
            ("l2", "l2: the whole image"),
        ],
        required=False,
    )
    steps = forms.IntegerField(
        required=False, min_value=1, help_text="Empty: as many as are usual for the attack."
    )
    images = forms.IntegerField(
        min_value=1,
        max_value=MOST_IMAGES,
        initial=100,
        help_text="How many held-out images, drawn by the seed.",
    )
    seed = forms.IntegerField(
        min_value=0, max_value=LARGEST_SEED, initial=0, help_text="The same seed, the same images."
    )

    def chosen(self) -> Sequence[Classifier]:
        """The classifiers that are attacked: one, or several."""
        asked = self.cleaned_data
        return asked["classifiers"] if "classifiers" in asked else [asked["classifier"]]

    def clean(self) -> Asked:
        asked = super().clean() or {}
        if not self.errors:
            self._plan(asked)
        return asked

    def _plan(self, asked: Asked) -> None:
        """Put the plan into `asked`, or say beside a field what is wrong."""
        dataset = asked["dataset"]  # an error beside it takes it out of `asked`
        for classifier in self.chosen():
            self._fit(classifier, dataset)
        if self.errors:
            return
        try:
            asked["plan"] = self._made(asked)
        except AttackError as error:
            self.add_error(_field_of(str(error), self.fields), str(error))

    def _target(self) -> str:
        return str(self.cleaned_data.get("target") or "")

    def _made(self, asked: Asked) -> Plan:
        about, target = attack_called(asked["attack"]), self._target()
        names = tuple(self.chosen()[0].class_names)
        return Plan(
            about.name,
            norm=asked["norm"] or None,
            epsilons=asked["epsilons"] if about.bounded else (),
            steps=asked["steps"],
            target=class_number(target, names) if target else None,
            images=asked["images"],
            seed=asked["seed"],
            flipped=asked.get("flipped", False),
            clean=asked.get("unchanged", False),
            closeness=asked.get("closeness") if about.weighted else None,
        )

    def _fit(self, classifier: Classifier, dataset: Dataset) -> None:
        """Say what does not fit: the size of the images, their classes, a black box without gradient."""
        about = ATTACKS[self.cleaned_data["attack"]]
        own = (classifier.resolution_px, classifier.channels)
        if own != (dataset.resolution_px, dataset.channels):
            self.add_error(
                "dataset",
                f"{classifier} takes images of {_size(*own)}; {dataset} has "
                f"{_size(dataset.resolution_px, dataset.channels)}.",
            )
        elif len(classifier.class_names) != len(dataset.class_names) and not self._target():
            self.add_error(
                "dataset",
                f"{classifier} tells {len(classifier.class_names):,} classes apart; {dataset} has "
                f"{len(dataset.class_names):,}, so that only a target of its own makes sense.",
            )
        elif _learned_others(classifier, dataset) and not self._target():
            self.add_error(
                "dataset",
                f"{classifier} tells the classes of {classifier.dataset} apart, which are not those of"
                f" {dataset}, so that only a target of its own makes sense.",
            )
        if about.needs == "gradient" and not classifier.knows_gradient:
            self.add_error(
                "attack",
                f"{about.label} needs the network’s gradient, and {classifier} is a black box: choose"
                " an attack that only asks.",
            )


def _learned_others(classifier: Classifier, dataset: Dataset) -> bool:
    """Whether its classes are called otherwise than those of a data set that it was not made for."""
    is_own = classifier.dataset in (None, dataset)
    return not is_own and list(classifier.class_names) != list(dataset.class_names)


def _size(resolution_px: int | None, channels: int | None) -> str:
    return f"{resolution_px} × {resolution_px} px in {'grey' if channels == 1 else 'colour'}"


def _field_of(error: str, fields: Any) -> str | None:
    """The field that the error speaks of."""
    return next((name for word, name in WORDS.items() if word in error and name in fields), None)


class AttackForm(PlanForm):
    classifier = ClassifierField(Classifier.jobs.none(), empty_label=None)
    target = forms.CharField(
        label="Target",
        required=False,
        max_length=80,
        help_text="The class that images are to be taken for, by name or number. Empty: any wrong one.",
    )
    closeness = forms.FloatField(
        label="Closeness λ",
        required=False,
        min_value=0,
        help_text="For images forged from an image: how much staying close to it counts. Empty: the"
        " usual weight.",
    )
    flipped = forms.BooleanField(
        label="With a control: each change mirrored",
        required=False,
        initial=True,
        help_text="As large a change that should not fool (Elsayed et al. 2018).",
    )
    unchanged = forms.BooleanField(
        label="With a control: the images as they are", required=False, initial=True
    )

    field_order = [
        "name", "classifier", "dataset", "attack", "epsilons", "norm", "target", "steps", "closeness",
        "images", "seed", "flipped", "unchanged",
    ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["classifier"]
        assert isinstance(field, ClassifierField)  # noqa: S101  # for the type
        field.queryset = Classifier.jobs.ready()


class TransferForm(PlanForm):
    classifiers = ClassifiersField(
        Classifier.jobs.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text="At least two, of one data set.",
    )

    field_order = [
        "name", "classifiers", "dataset", "attack", "epsilons", "norm", "steps", "images", "seed",
    ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["epsilons"].initial = "0.1"
        field = self.fields["classifiers"]
        assert isinstance(field, ClassifiersField)  # noqa: S101  # for the type
        field.queryset = Classifier.jobs.ready()

    def clean_classifiers(self) -> list[Classifier]:
        chosen = list(self.cleaned_data["classifiers"])
        if len(chosen) < 2:
            raise forms.ValidationError(f"Choose at least 2 classifiers, got {len(chosen)}.")
        return chosen

    def clean_epsilons(self) -> tuple[float, ...]:
        epsilons: tuple[float, ...] = self.cleaned_data["epsilons"]
        if len(epsilons) > 1:
            raise forms.ValidationError(f"A matrix has one ε, got {len(epsilons)}.")
        return epsilons
