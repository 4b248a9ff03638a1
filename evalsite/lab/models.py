"""What the lab keeps: classifiers to attack, attacks with a rung for each ε, and what transfers between them."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.urls import reverse

from evalsite.catalog.models import Dataset, Pool, random_key, store_url
from evalsite.jobs import Job
from evalsite.lab.words import rung_words
from generators.adversarial.plan import Plan
from pools import store


class Classifier(Job):
    """A network that takes images for classes; a worker trains it or opens it, and measures its accuracy."""

    task: ClassVar[str] = "classify"

    class Kind(models.TextChoices):
        TRAINED = "trained", "trained here"
        WEIGHTS = "weights", "uploaded weights"
        ONNX = "onnx", "uploaded network: a black box"
        EMBEDDED = "embedded", "comes with the site"

    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    dataset = models.ForeignKey(
        Dataset,
        models.PROTECT,
        null=True,
        related_name="classifiers",
        help_text="whose classes it tells apart; empty for the embedded network, which has its own",
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        related_name="classifiers",
        help_text="empty for the embedded network, which is everybody's",
    )
    file = models.FileField(
        upload_to="classifiers/", blank=True, help_text="empty until trained, and if embedded"
    )
    seconds = models.FloatField(default=0.0, help_text="how long to train; 0 if it is uploaded")
    seed = models.PositiveIntegerField(default=0)
    resolution_px = models.PositiveSmallIntegerField(null=True, help_text="empty until opened")
    channels = models.PositiveSmallIntegerField(null=True, help_text="empty until opened")
    class_names = models.JSONField(default=list, help_text="empty until opened")
    knows_gradient = models.BooleanField(default=False, help_text="false for a black box")
    accuracy = models.FloatField(
        null=True, help_text="on clean held-out images, 0 to 1; empty if none are there"
    )
    tested_on = models.PositiveIntegerField(default=0, help_text="images behind the accuracy")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(kind="embedded"), name="one_embedded_classifier"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("lab_classifier", args=[self.pk])


class Attack(Job):
    """Images forged to fool one classifier, a rung at a time."""

    task: ClassVar[str] = "forge"

    name = models.CharField(max_length=80)
    classifier = models.ForeignKey(Classifier, models.PROTECT, related_name="attacks")
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="attacks")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="attacks", null=True
    )
    asked = models.JSONField(help_text="see generators.adversarial.plan.Plan")
    film = models.FileField(
        upload_to="films/",
        blank=True,
        help_text="images while they were forged, a WebP; empty for attacks that forge no class",
    )
    indices = models.JSONField(help_text="which held-out images, in order")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("lab_attack", args=[self.pk])

    @property
    def plan(self) -> Plan:
        return Plan.from_dict(self.asked)


class Rung(models.Model):
    """One ε of an attack, or a control: how far it is, what came of each image, and the pool in the end."""

    attack = models.ForeignKey(Attack, models.CASCADE, related_name="rungs")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, help_text="forged, flipped or clean")
    epsilon = models.FloatField(null=True, help_text="empty without a bound")
    key = models.CharField(
        max_length=32, default=random_key, editable=False, help_text="of its images on disk"
    )
    outcomes = models.JSONField(
        default=dict,
        help_text="by name, a list of the images so far: see generators.adversarial.campaign.Forged",
    )
    detector = models.JSONField(
        default=dict,
        help_text="AUC of a network that tells these images from clean ones: value, low, high, n;"
        " empty where it is not known",
    )
    pool = models.OneToOneField(
        Pool, models.SET_NULL, null=True, related_name="rung", help_text="empty until it is whole"
    )

    class Meta:
        ordering = ["attack", "position"]
        constraints = [
            models.UniqueConstraint(fields=["attack", "position"], name="one_rung_per_position")
        ]

    def __str__(self) -> str:
        return f"{self.attack}, rung {self.position}"

    @property
    def words(self) -> str:
        return rung_words(self.kind, self.epsilon)

    @property
    def done(self) -> int:
        """Images of it that are kept."""
        return len(self.outcomes.get("fooled", []))

    @property
    def url(self) -> str:
        return store_url(self.key)

    def open(self) -> store.Pool:
        return store.open_pool(self.url)


class Transfer(Job):
    """One attack made on each of some classifiers and tried on all of them."""

    task: ClassVar[str] = "transfer"

    name = models.CharField(max_length=80)
    classifiers = models.ManyToManyField(Classifier, related_name="transfers")
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="transfers")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="transfers", null=True
    )
    asked = models.JSONField(help_text="see generators.adversarial.plan.Plan")
    result = models.JSONField(
        default=dict,
        help_text="names, and rows of how many images fool, and of how many; empty until made",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("lab_transfer", args=[self.pk])

    @property
    def plan(self) -> Plan:
        return Plan.from_dict(self.asked)
