"""Data sets, trainings, sweeps and the weights of metrics in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from evalsite.accounts.admin import KeepingAdmin
from evalsite.catalog import services
from evalsite.catalog.forms import WeightsForm
from evalsite.catalog.kept_weights import keep_weights, remove_weights
from evalsite.catalog.models import Dataset, Sweep, TrainingRun, Weights


@admin.register(Dataset)
class DatasetAdmin(admin.ModelAdmin):
    list_display = ["name", "resolution_px", "channels", "licence", "created_at"]
    search_fields = ["name"]
    readonly_fields = ["resolution_px", "channels"]

    def delete_model(self, request: HttpRequest, obj: Dataset) -> None:
        services.remove_dataset(obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for each in queryset:
            services.remove_dataset(each)


@admin.register(Sweep)
class SweepAdmin(KeepingAdmin):
    """Its trainings go with their generators, one by one, and it can go after them."""

    list_display = ["name", "dataset", "search", "owner", "created_at"]
    list_select_related = ["dataset", "owner"]
    search_fields = ["name", "owner__email"]

    def why_stays(self, obj: Sweep) -> str:
        return "delete the generators of its trainings first" if obj.runs.exists() else ""


@admin.register(TrainingRun)
class TrainingRunAdmin(admin.ModelAdmin):
    """It goes with its generator, and so do its files."""

    list_display = ["__str__", "state", "images_seen", "images_total", "attempts", "queued_at"]
    list_select_related = ["generator"]
    list_filter = ["state"]
    exclude = ["checkpoint"]
    readonly_fields = ["config", "seed", "images_seen", "kept_as"]

    @admin.display(description="checkpoint")
    def kept_as(self, obj: TrainingRun) -> str:
        """The file's name alone: Django's own links to an address that this site does not serve."""
        return str(obj.checkpoint.name)

    def has_delete_permission(self, request: HttpRequest, obj: TrainingRun | None = None) -> bool:
        return False


@admin.register(Weights)
class WeightsAdmin(admin.ModelAdmin):
    """Upload and remove; a file is what its checksum says, so that there is nothing to change."""

    form = WeightsForm
    list_display = ["file", "sha256", "size_bytes", "created_at"]

    def has_change_permission(self, request: HttpRequest, obj: Weights | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Weights, form: Any, change: bool) -> None:
        kept = keep_weights(form.path, form.known)
        obj.pk, obj.file = kept.pk, kept.file

    def delete_model(self, request: HttpRequest, obj: Weights) -> None:
        remove_weights(obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for each in queryset:
            remove_weights(each)
