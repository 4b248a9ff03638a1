"""What a trained generator can do, in the browser."""

from django.apps import AppConfig


class PlayConfig(AppConfig):
    name = "evalsite.play"
