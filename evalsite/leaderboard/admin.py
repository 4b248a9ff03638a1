"""Generators and pools in the admin, which deletes what their own pages would, and no more."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from evalsite.catalog.models import Generator, Pool
from evalsite.leaderboard import deleting


class KeepingAdmin(admin.ModelAdmin):
    """What the rules of `deleting` keep is listed as protected, with the reason; all else goes with its files."""

    def why_stays(self, obj: Any) -> str:
        raise NotImplementedError

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """What would go; the rules say whether it may, so that rights to its parts are not asked for."""
        gone, counts, _, protected = super().get_deleted_objects(objs, request)
        stay = [f"{each}: {reason}" for each in objs if (reason := self.why_stays(each))]
        return gone, counts, set(), [*protected, *stay]

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for each in queryset:
            self.delete_model(request, each)


@admin.register(Generator)
class GeneratorAdmin(KeepingAdmin):
    list_display = ["name", "kind", "dataset", "owner", "created_at"]
    list_filter = ["kind", "dataset"]
    search_fields = ["name", "owner__email"]

    def why_stays(self, obj: Generator) -> str:
        return deleting.why_generator_stays(obj)

    def delete_model(self, request: HttpRequest, obj: Generator) -> None:
        deleting.delete_generator(obj)


@admin.register(Pool)
class PoolAdmin(KeepingAdmin):
    list_display = ["__str__", "state", "progress", "attempts", "queued_at", "finished_at"]
    list_filter = ["state"]
    readonly_fields = ["count", "seed", "images_seen", "content_hash", "split"]

    def why_stays(self, obj: Pool) -> str:
        return deleting.why_pool_stays(obj)

    def delete_model(self, request: HttpRequest, obj: Pool) -> None:
        deleting.delete_pool(obj)
