"""Generators and pools in the admin, which deletes what their own pages would, and no more."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from evalsite.accounts.admin import KeepingAdmin
from evalsite.catalog.models import Generator, Pool
from evalsite.leaderboard import deleting


class DeletingAdmin(KeepingAdmin):
    """Deletes row by row, so that the files go too."""

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for each in queryset:
            self.delete_model(request, each)


@admin.register(Generator)
class GeneratorAdmin(DeletingAdmin):
    list_display = ["name", "kind", "dataset", "owner", "created_at"]
    list_select_related = ["dataset", "owner"]
    list_filter = ["kind", "dataset"]
    search_fields = ["name", "owner__email"]
    exclude = ["file"]
    readonly_fields = ["kept_as"]

    @admin.display(description="file")
    def kept_as(self, obj: Generator) -> str:
        """The file's name alone: Django's own links to an address that this site does not serve."""
        return str(obj.file.name)

    def why_stays(self, obj: Generator) -> str:
        return deleting.why_generator_stays(obj)

    def delete_model(self, request: HttpRequest, obj: Generator) -> None:
        deleting.delete_generator(obj)


@admin.register(Pool)
class PoolAdmin(DeletingAdmin):
    list_display = ["__str__", "state", "progress", "attempts", "queued_at", "finished_at"]
    list_select_related = ["dataset", "generator__dataset"]
    list_filter = ["state"]
    readonly_fields = ["count", "seed", "images_seen", "content_hash", "split"]

    def why_stays(self, obj: Pool) -> str:
        return deleting.why_pool_stays(obj)

    def delete_model(self, request: HttpRequest, obj: Pool) -> None:
        deleting.delete_pool(obj)
