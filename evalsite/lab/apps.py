"""The adversarial lab: classifiers to attack, and the images that fool them."""

from django.apps import AppConfig


class LabConfig(AppConfig):
    name = "evalsite.lab"
