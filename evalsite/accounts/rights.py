"""Who may change what: its owner, the staff, and, for the demo's own, every researcher; who may delete it."""

from typing import Protocol

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from evalsite.accounts.models import User


class Owned(Protocol):
    @property
    def owner(self) -> User | None: ...


def may_change(request: HttpRequest, thing: Owned) -> bool:
    user = request.user
    return user.is_authenticated and (user.is_staff or thing.owner in (None, user))


def require_change(request: HttpRequest, thing: Owned) -> None:
    """Raise PermissionDenied, in words, unless `may_change`."""
    if not may_change(request, thing):
        raise PermissionDenied("Only the researcher who made this can change it.")


def may_delete(request: HttpRequest, thing: Owned) -> bool:
    """What is the demo's own belongs to all, so that no single researcher deletes it."""
    user = request.user
    return user.is_authenticated and (user.is_staff or thing.owner == user)


def require_delete(request: HttpRequest, thing: Owned) -> None:
    """Raise PermissionDenied, in words, unless `may_delete`."""
    if not may_delete(request, thing):
        raise PermissionDenied("Only the researcher who made this can delete it.")
