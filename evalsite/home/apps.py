"""The front page, its live pair, and the demo."""

from django.apps import AppConfig


class HomeConfig(AppConfig):
    name = "evalsite.home"
