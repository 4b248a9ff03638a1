"""What is compared: data sets, generators and the pools of images they give."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "evalsite.catalog"
