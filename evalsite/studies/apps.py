"""What people are shown and what they answer."""

from django.apps import AppConfig


class StudiesConfig(AppConfig):
    name = "evalsite.studies"
