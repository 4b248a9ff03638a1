"""Data sets, generators and pools in the admin."""

from django.contrib import admin

from evalsite.catalog.models import Dataset, Generator, Pool, TrainingRun


@admin.register(Dataset)
class DatasetAdmin(admin.ModelAdmin):
    list_display = ["name", "resolution_px", "channels", "licence", "created_at"]
    search_fields = ["name"]
    readonly_fields = ["resolution_px", "channels"]


@admin.register(Generator)
class GeneratorAdmin(admin.ModelAdmin):
    list_display = ["name", "kind", "dataset", "owner", "created_at"]
    list_filter = ["kind", "dataset"]
    search_fields = ["name", "owner__email"]


@admin.register(Pool)
class PoolAdmin(admin.ModelAdmin):
    list_display = ["__str__", "state", "progress", "attempts", "queued_at", "finished_at"]
    list_filter = ["state"]
    readonly_fields = ["count", "seed", "content_hash", "split"]


@admin.register(TrainingRun)
class TrainingRunAdmin(admin.ModelAdmin):
    list_display = ["__str__", "state", "images_seen", "images_total", "attempts", "queued_at"]
    list_filter = ["state"]
    readonly_fields = ["config", "seed", "images_seen"]
