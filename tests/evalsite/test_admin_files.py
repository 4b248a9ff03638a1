"""The admin names the files that it keeps, and links to none: the site serves no weights."""

import pytest
from django.urls import reverse

from tests import factories
from tests.evalsite.playing import trained

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_staff(client):
    client.force_login(factories.user(is_staff=True, is_superuser=True))
    return client


def change_page(client, row):
    name = f"admin:{row._meta.label_lower.replace('.', '_')}_change"
    return client.get(reverse(name, args=[row.pk])).content.decode()


def test_a_generators_weights_are_named_and_no_dead_link(as_staff):
    generator = trained()
    page = change_page(as_staff, generator)
    assert generator.file.name in page
    assert f'href="{generator.file.url}"' not in page


def test_a_trainings_checkpoint_is_named_and_no_dead_link(as_staff):
    run = trained().run
    run.checkpoint = "checkpoints/1-64.safetensors"
    run.save()
    page = change_page(as_staff, run)
    assert run.checkpoint.name in page
    assert f'href="{run.checkpoint.url}"' not in page
