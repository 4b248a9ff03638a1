"""Researchers in the admin, and how the admin keeps what is not to be deleted."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from django.utils.text import get_text_list

from evalsite.accounts.forms import SignUpForm
from evalsite.accounts.models import User


class KeepingAdmin(admin.ModelAdmin):
    """Lists what stays as protected, with the reason, and deletes all else."""

    def why_stays(self, obj: Any) -> str:
        """Why a row cannot be deleted, and what can be done; empty if it can."""
        raise NotImplementedError

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """What would go; `why_stays` says whether it may, so that rights to its parts are not asked for."""
        gone, counts, _, protected = super().get_deleted_objects(objs, request)
        stay = [f"{each}: {reason}" for each in objs if (reason := self.why_stays(each))]
        return gone, counts, set(), [*protected, *stay]


@admin.register(User)
class UserAdmin(KeepingAdmin, DjangoUserAdmin):
    add_form = SignUpForm
    list_display = ["email", "first_name", "last_name", "is_staff", "date_joined"]
    search_fields = ["email", "first_name", "last_name"]
    ordering = ["email"]
    fieldsets = [
        (None, {"fields": ["email", "password"]}),
        ("Name", {"fields": ["first_name", "last_name"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser", "groups"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "password1", "password2"]})]

    def why_stays(self, obj: User) -> str:
        """Who has made something stays: people's answers to it would go too."""
        made = get_text_list(_made_by(obj), "and")
        return made and f"has made {made}: take the right “Active” away instead"


def _made_by(user: User) -> list[str]:
    """What kinds of things of this site are a researcher's own."""
    own = (each for each in User._meta.related_objects if each.field.name == "owner")
    return sorted(name for each in own if getattr(user, name := str(each.related_name)).exists())
