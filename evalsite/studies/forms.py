"""Forms: launching a study, a code to withdraw by."""

import re
from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from evalsite.catalog.models import Dataset, Pool
from evalsite.studies.checks import LARGEST_GRID, LIMITED_MS, SMALLEST_GRID
from evalsite.studies.design import Payment, Rules, Stopping
from evalsite.studies.models import Protocol
from evalsite.studies.words import CONSENT, consent_for
from scoring.exclusions import Criteria
from scoring.staircase import RULES, ConstantStimuli

PROTOCOLS = {
    Protocol.UNLIMITED: "Unlimited: one image until answered. Scores the error rate.",
    Protocol.LIMITED: "Limited: one image for a few seconds. Scores the error rate by time.",
    Protocol.FLASH: "Flash: one image for a fraction of a second. Scores the threshold.",
    Protocol.PAIR: "Pair: two images side by side. Scores how often each is taken for real.",
    Protocol.SELECT: "Select: a grid, of which the generated images are marked. Scores the error rate.",
    Protocol.NAME: "Name: what is it? One image, to be called by its class. Scores the share named right.",
}
LEVELS_MS = next(rule.levels_ms for rule in RULES.values() if isinstance(rule, ConstantStimuli))
FEWEST_TRIALS, MOST_TRIALS = 1, 1000
Asked = dict[str, Any]


class PoolsField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, pool: Pool) -> str:
        state = "" if pool.is_ready else f", {pool.get_state_display()}"
        return f"{pool}, imitates {pool.imitates}{state}"


class LevelsField(forms.CharField):
    """Whole numbers apart by commas or spaces."""

    def clean(self, value: Any) -> tuple[int, ...]:
        words = re.split(r"[,;\s]+", super().clean(value).strip())
        try:
            return tuple(int(word) for word in words if word)
        except ValueError as error:
            raise ValidationError("Give whole numbers of milliseconds, apart by commas.") from error


class PercentField(forms.FloatField):
    """Asked as a percentage, given as a share; None if it is left empty."""

    def __init__(self, *, label: str, help_text: str, least: int = 0) -> None:
        super().__init__(
            min_value=least, max_value=100, label=label, help_text=help_text, required=False
        )

    def clean(self, value: Any) -> Any:
        percent = super().clean(value)
        return None if percent is None else percent / 100


def _optional_number(label: str, help_text: str, **limits: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, help_text=help_text, required=False, **limits)


class LaunchForm(forms.Form):
    name = forms.CharField(max_length=120, help_text="Only researchers see it.")
    dataset = forms.ModelChoiceField(
        Dataset.objects.filter(generators__pools__isnull=False).distinct(),
        label="Real images",
        empty_label=None,
        help_text="What the chosen generators imitate.",
    )
    pools = PoolsField(
        Pool.jobs.none(),
        label="Generators’ images",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose the images of at least one generator."},
    )
    protocol = forms.ChoiceField(
        choices=PROTOCOLS.items(), widget=forms.RadioSelect, initial=Protocol.UNLIMITED
    )
    trials = forms.IntegerField(
        label="Trials per observer",
        min_value=FEWEST_TRIALS,
        max_value=MOST_TRIALS,
        initial=60,
        help_text="Images, pairs or grids. HYPE used 100 unlimited, 450 flashed.",
    )
    practice_trials = forms.IntegerField(
        label="Practice trials",
        min_value=0,
        max_value=100,
        initial=4,
        help_text="With feedback, not scored.",
    )

    exposures_s = forms.TypedMultipleChoiceField(
        label="Seconds",
        coerce=int,
        required=False,
        choices=[(ms // 1000, f"{ms // 1000} s") for ms in LIMITED_MS],
        initial=[ms // 1000 for ms in LIMITED_MS],
        widget=forms.CheckboxSelectMultiple,
        help_text="Of several, one is drawn for each image, all equally often.",
    )
    staircase = forms.ChoiceField(
        label="Exposures",
        required=False,
        choices=[
            ("weighted", "Weighted staircase: −10 / +30 ms, settles where 75 % are right"),
            ("three_down", "3-down-1-up staircase: ±30 ms, settles where 79.4 % are right"),
            ("constant", "Constant stimuli: fixed levels, equally often"),
        ],
        widget=forms.RadioSelect,
        initial="weighted",
    )
    levels_ms = LevelsField(
        label="Levels, in ms",
        required=False,
        initial=", ".join(f"{ms:g}" for ms in LEVELS_MS),
        help_text="For constant stimuli only.",
    )
    against = forms.ChoiceField(
        label="Pairs",
        required=False,
        choices=[
            ("real", "A generated image beside a real one: which is real?"),
            ("generators", "Images of two generators: which looks more real?"),
        ],
        widget=forms.RadioSelect,
        initial="real",
    )
    allow_ties = forms.BooleanField(
        label="People may say that they cannot tell", required=False, initial=False
    )
    grid = forms.IntegerField(
        label="Images in a grid",
        required=False,
        min_value=SMALLEST_GRID,
        max_value=LARGEST_GRID,
        initial=9,
        help_text="A third to two thirds of them are generated.",
    )

    images = _optional_number(
        "Images of each pool",
        "Empty for all. Fewer images are named by more people each.",
        min_value=2,
        initial=50,
    )
    observers_per_image = forms.IntegerField(
        label="People for each image",
        required=False,
        min_value=1,
        initial=Rules().observers_per_image,
        help_text="Fewer than 5 say little of a majority. Those of a study with a fixed end must be enough.",
    )

    break_every = _optional_number(
        "Trials between breaks",
        "Empty for no breaks; in a flash study for blocks of at least 150.",
        min_value=1,
    )
    qualify_at = PercentField(
        label="To qualify, % right in practice",
        help_text="Of real and of generated images each; what is to be named is practised on real ones."
        " Empty for no such test. HYPE asked for 65 of 100.",
        least=1,
    )
    catch_trials = forms.IntegerField(
        label="Catch trials",
        min_value=0,
        max_value=MOST_TRIALS,
        initial=0,
        required=False,
        help_text="Images of shuffled pixels, which nobody who looks takes for real.",
    )

    catch_right = PercentField(
        label="Fewer catch trials right than, %", help_text="Empty not to ask."
    )
    fastest_ms = forms.FloatField(
        label="Median response faster than, ms",
        min_value=0,
        required=False,
        help_text="Empty not to ask.",
    )
    one_answer = PercentField(
        label="One and the same answer more often than, %",
        help_text="Empty not to ask.",
        least=50,
    )
    fewest_trials = _optional_number("Fewer answers than", "Empty not to ask.", min_value=1)

    most_observers = _optional_number(
        "Stop after so many observers", "Empty to close it yourself.", min_value=1
    )
    goal_points = forms.FloatField(
        label="Stop when every interval is within ± points",
        min_value=0.1,
        max_value=50,
        required=False,
        help_text="An anytime-valid interval: looking early does not cheat.",
    )

    base = forms.FloatField(
        label="Pay for finishing", min_value=0, max_value=1000, initial=0, required=False
    )
    bonus = forms.FloatField(
        label="Bonus for each right answer", min_value=0, max_value=100, initial=0, required=False
    )
    currency = forms.RegexField(
        r"^[A-Z]{3}$",
        initial="USD",
        required=False,
        help_text="Three letters.",
        error_messages={"invalid": "Give the three letters of a currency, such as USD."},
    )
    budget = forms.FloatField(
        label="Budget",
        min_value=0.01,
        max_value=1e6,
        required=False,
        help_text="Nobody else is let in once it would be passed. Empty for no limit.",
    )
    completion_code = forms.CharField(
        max_length=60, required=False, help_text="Empty to give every observer a code of their own."
    )
    return_url = forms.URLField(
        label="Return address",
        max_length=300,
        required=False,
        assume_scheme="https",
        help_text="Where people go at the end; the code is added as cc.",
    )
    screened_out_url = forms.URLField(
        label="Return address of who did not qualify",
        max_length=300,
        required=False,
        assume_scheme="https",
    )

    seed = forms.IntegerField(
        min_value=0, max_value=2**31 - 1, initial=0, help_text="Shuffles images and order."
    )
    consent_text = forms.CharField(
        label="Consent text",
        widget=forms.Textarea(attrs={"rows": 5}),
        initial=CONSENT,
        help_text="Shown before anything else. The one given here is translated for people, and suits the"
        " question.",
    )

    ESSENTIALS = ("name", "dataset", "pools", "protocol")
    OF_PROTOCOL = {
        "limited": ("exposures_s",),
        "flash": ("staircase", "levels_ms"),
        "pair": ("against", "allow_ties"),
        "select": ("grid",),
        "name": ("images", "observers_per_image"),
    }
    NUMBERS = ("trials", "practice_trials")
    MORE = {
        "Breaks, qualification, catch trials": ("break_every", "qualify_at", "catch_trials"),
        "Whose answers are left out": (
            "catch_right",
            "fastest_ms",
            "one_answer",
            "fewest_trials",
        ),
        "When it stops": ("most_observers", "goal_points"),
        "Payment": ("base", "bonus", "currency", "budget"),
        "Prolific and Mechanical Turk": ("completion_code", "return_url", "screened_out_url"),
        "Words and seed": ("consent_text", "seed"),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        pools = self.fields["pools"]
        assert isinstance(pools, PoolsField)  # noqa: S101  # for the type
        pools.queryset = Pool.jobs.that_can_be_shown().select_related("generator__dataset")
        if ticked := {str(key) for key in self.initial.get("pools", ())}:
            for pool in pools.queryset:
                if str(pool.pk) in ticked:
                    self.initial.setdefault("dataset", pool.imitates.pk)

    def essentials(self) -> list[forms.BoundField]:
        return self._bound(self.ESSENTIALS)

    def of_protocol(self) -> Iterator[tuple[str, list[forms.BoundField]]]:
        return ((name, self._bound(fields)) for name, fields in self.OF_PROTOCOL.items())

    def numbers(self) -> list[forms.BoundField]:
        return self._bound(self.NUMBERS)

    def more(self) -> Iterator[tuple[str, list[forms.BoundField], bool]]:
        """Title, fields and whether one of them has something to say now."""
        for title, names in self.MORE.items():
            fields = self._bound(names)
            yield title, fields, any(field.errors for field in fields)

    def _bound(self, names: tuple[str, ...]) -> list[forms.BoundField]:
        return [self[name] for name in names]

    def launch_options(self) -> Asked:
        """What `launch_study` takes, but for the owner; Refused has the last word on it."""
        asked = self.cleaned_data
        plain = ("name", "dataset", "pools", "protocol", "trials", "practice_trials", "seed")
        words = ("completion_code", "return_url", "screened_out_url")
        return {
            **{name: asked[name] for name in (*plain, *words)},
            "consent_text": consent_for(asked["protocol"], asked["consent_text"]),
            "rules": rules_of(asked),
            "blocks": _blocks(asked),
        }


def rules_of(asked: Asked) -> Rules:
    """The rules a launch form asks for; what belongs to another protocol is left aside."""
    protocol, plain = asked["protocol"], Rules()
    is_pair, is_name = protocol == Protocol.PAIR, protocol == Protocol.NAME
    return Rules(
        exposures_ms=_exposures_ms(asked),
        staircase=(protocol == Protocol.FLASH and asked["staircase"]) or plain.staircase,
        grid=(protocol == Protocol.SELECT and asked["grid"]) or plain.grid,
        against=(is_pair and asked["against"]) or plain.against,
        allow_ties=is_pair and asked["allow_ties"],
        images=asked["images"] if is_name else plain.images,
        observers_per_image=(is_name and asked["observers_per_image"]) or plain.observers_per_image,
        qualify_at=asked["qualify_at"],
        catch_trials=asked["catch_trials"] or 0,
        criteria=_part(Criteria, asked),
        stopping=_part(Stopping, asked),
        payment=_part(Payment, {name: value for name, value in asked.items() if value}),
    )


def _part(kind: Any, asked: Asked) -> Any:
    return kind(**{name: asked[name] for name in kind.__dataclass_fields__ if name in asked})


def _exposures_ms(asked: Asked) -> tuple[int, ...]:
    if asked["protocol"] == Protocol.LIMITED:
        return tuple(1000 * seconds for seconds in asked["exposures_s"])
    if asked["protocol"] == Protocol.FLASH and asked["staircase"] == "constant":
        return tuple(asked["levels_ms"])
    return ()


def _blocks(asked: Asked) -> int | None:
    trials, every = asked["trials"], asked["break_every"]
    return max(1, round(trials / every)) if every else None


class WithdrawForm(forms.Form):
    code = forms.CharField(
        label=_("Your code"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "dir": "ltr"}),
    )
