"""Researchers in the admin."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from django.utils.text import get_text_list

from evalsite.accounts.forms import SignUpForm
from evalsite.accounts.models import User


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
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

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Who has made something stays: people's answers to it would go too."""
        gone, counts, needed, protected = super().get_deleted_objects(objs, request)
        stay = [_why_stays(user, made) for user in objs if (made := _made_by(user))]
        return gone, counts, needed, [*protected, *stay]


def _why_stays(user: User, made: list[str]) -> str:
    return f"{user} has made {get_text_list(made, 'and')}: take the right “Active” away instead"


def _made_by(user: User) -> list[str]:
    """What kinds of things of this site are a researcher's own."""
    own = (each for each in User._meta.related_objects if each.field.name == "owner")
    return [name for each in own if getattr(user, name := str(each.related_name)).exists()]
