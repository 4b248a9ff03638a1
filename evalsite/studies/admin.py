"""Studies in the admin: to look at, and to close."""

from django.contrib import admin
from django.http import HttpRequest

from evalsite.studies.models import Observer, Study

FROZEN = ["code", "owner", "dataset", "protocol", "design", "design_hash", "opened_at"]


@admin.register(Study)
class StudyAdmin(admin.ModelAdmin):
    list_display = ["name", "code", "protocol", "dataset", "state", "owner", "opened_at"]
    list_select_related = ["dataset", "owner"]
    list_filter = ["state", "protocol", "dataset"]
    fields = ["name", "state", *FROZEN]
    readonly_fields = FROZEN

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Study | None = None) -> bool:
        """What people answer stays; one that waits for images is deleted on its page."""
        return False


@admin.register(Observer)
class ObserverAdmin(admin.ModelAdmin):
    list_display = ["__str__", "counts", "simulated", "consented_at", "finished_at"]
    list_select_related = ["study"]
    list_filter = ["counts", "simulated"]
    exclude = ["token"]

    def has_delete_permission(self, request: HttpRequest, obj: Observer | None = None) -> bool:
        """Answers are withdrawn by who gave them."""
        return False
