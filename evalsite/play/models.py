"""Networks trained here in the form in which the site itself can run them."""

from typing import ClassVar, Self

from django.db import models

from evalsite.catalog.models import Generator
from evalsite.jobs import Job, JobQuerySet


class ExportQuerySet(JobQuerySet["Export"]):
    def told(self) -> Self:
        return self.none()


class Export(Job):
    """One network of a trained generator as an ONNX file; our own weights, so it needs no sandbox."""

    task: ClassVar[str] = "export"

    class Network(models.TextChoices):
        GENERATOR = "generator", "the generator"
        BACK = "back", "the way back"

    generator = models.ForeignKey(Generator, models.CASCADE, related_name="exports")
    network = models.CharField(max_length=10, choices=Network.choices)
    file = models.FileField(upload_to="exports/", blank=True, help_text="empty until it is ready")

    jobs = ExportQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ["generator", "network"]
        constraints = [
            models.UniqueConstraint(fields=["generator", "network"], name="one_export_per_network")
        ]

    def __str__(self) -> str:
        return f"{self.get_network_display()} of {self.generator} for the browser"
