"""The admin's lists ask the database as often for many rows as for few."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evalsite.catalog.models import Sweep
from tests import factories
from tests.evalsite.playing import trained

pytestmark = pytest.mark.django_db

LISTS = (
    "catalog_generator",
    "catalog_pool",
    "catalog_sweep",
    "catalog_trainingrun",
    "studies_observer",
    "studies_study",
)


def more(number):
    """More rows of every kind, each of an owner and a data set of its own."""
    for each in range(number):
        owner = factories.user()
        run = trained(owner=owner).run
        Sweep.objects.create(
            config={},
            space={},
            count=2,
            seed=0,
            name="Sweep",
            slug=f"sweep-{owner.pk}-{each}",
            dataset=run.generator.dataset,
            owner=owner,
        )
        factories.finished(factories.study(owner=owner))


def queries(client, name):
    with CaptureQueriesContext(connection) as asked:
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200
    return len(asked)


def test_a_list_asks_no_more_often_for_more_rows(client):
    client.force_login(factories.user(is_staff=True, is_superuser=True))
    more(2)
    few = {name: queries(client, name) for name in LISTS}
    more(3)
    assert {name: queries(client, name) for name in LISTS} == few
