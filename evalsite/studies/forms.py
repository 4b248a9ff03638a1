"""Forms: launching a study, and one answer as the browser sends it."""

from typing import Any

from django import forms

from evalsite.catalog.models import Dataset, Pool
from evalsite.studies.models import Protocol, Response

CONSENT = (
    "You will see images one at a time. Some are real, some were made by a computer; about half of each. "
    "Say for each whether you think it is real. There is no trick, and no personal data is asked: we keep "
    "your answers, their times and the size of your screen. You may stop whenever you like."
)
MOST_FRAMES = 1_000_000
SECONDS_A_TRIAL = {Protocol.UNLIMITED: 3.0, Protocol.FLASH: 5.0}


class PoolsField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, pool: Pool) -> str:
        state = "" if pool.is_ready else f", {pool.get_state_display()}"
        return f"{pool}, imitates {pool.imitates}{state}"


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
        choices=[
            (Protocol.UNLIMITED, "Unlimited: one image until answered. Scores the error rate."),
            (Protocol.FLASH, "Flash: one image for a fraction of a second. Scores the threshold."),
        ],
        widget=forms.RadioSelect,
        initial=Protocol.UNLIMITED,
    )
    trials = forms.IntegerField(
        label="Trials per observer",
        min_value=2,
        max_value=1000,
        initial=60,
        help_text="Half of them real. HYPE used 100 unlimited, 450 flashed.",
    )
    practice_trials = forms.IntegerField(
        label="Practice trials",
        min_value=0,
        max_value=100,
        initial=4,
        help_text="With feedback, not scored.",
    )
    seed = forms.IntegerField(
        min_value=0, max_value=2**31 - 1, initial=0, help_text="Shuffles images and order."
    )
    consent_text = forms.CharField(
        label="Consent text",
        widget=forms.Textarea(attrs={"rows": 5}),
        initial=CONSENT,
        help_text="Shown before anything else.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        pools = self.fields["pools"]
        assert isinstance(pools, PoolsField)  # noqa: S101  # for the type
        pools.queryset = Pool.jobs.that_can_be_shown().select_related("generator__dataset")


class ResponseForm(forms.Form):
    """One answer as a browser sends it; `trial` is the code in the image's address."""

    trial = forms.RegexField(r"^[A-Za-z0-9_-]+$", max_length=32)
    answer = forms.ChoiceField(choices=Response.Answer.choices)
    rt_ms = forms.FloatField(min_value=0)
    shown_ms = forms.FloatField(min_value=0, required=False)
    frames_shown = forms.IntegerField(min_value=0, max_value=MOST_FRAMES, required=False)
    frames_dropped = forms.IntegerField(min_value=0, max_value=MOST_FRAMES, required=False)
    refresh_hz = forms.FloatField(min_value=0, required=False)
    flags = forms.RegexField(r"^[a-z_;]+$", max_length=100, required=False)
