"""Studies in the admin: to look at, and to close."""

from django.contrib import admin
from django.http import HttpRequest

from evalsite.studies.models import Observer, Study

FROZEN = ["code", "owner", "dataset", "protocol", "design", "design_hash", "opened_at"]


@admin.register(Study)
class StudyAdmin(admin.ModelAdmin):
    list_display = ["name", "code", "protocol", "dataset", "state", "owner", "opened_at"]
    list_filter = ["state", "protocol", "dataset"]
    fields = ["name", "state", *FROZEN]
    readonly_fields = FROZEN

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Observer)
class ObserverAdmin(admin.ModelAdmin):
    list_display = ["__str__", "counts", "simulated", "consented_at", "finished_at"]
    list_filter = ["counts", "simulated"]
    exclude = ["token"]
