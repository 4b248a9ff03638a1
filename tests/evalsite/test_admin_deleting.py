"""The admin deletes what the site's own pages would, with its files, and keeps what they keep."""

from pathlib import Path

import pytest
from django.urls import reverse

from evalsite.accounts.models import User
from evalsite.catalog.models import Dataset, Generator, Pool, Sweep, TrainingRun
from evalsite.studies.models import Observer, Response, Study
from tests import factories
from tests.evalsite.playing import trained

pytestmark = pytest.mark.django_db

BOTH_WAYS = pytest.mark.parametrize("in_a_list", [False, True])


@pytest.fixture
def press(client, django_capture_on_commit_callbacks):
    """Delete rows in the admin, one or as a list; the page that comes then, in words."""
    client.force_login(factories.user(is_staff=True, is_superuser=True))

    def delete(row, *, in_a_list=False):
        name = f"admin:{row._meta.label_lower.replace('.', '_')}"
        asked = {"post": "yes"}
        if in_a_list:
            address = reverse(f"{name}_changelist")
            asked |= {"action": "delete_selected", "_selected_action": [row.pk]}
        else:
            address = reverse(f"{name}_delete", args=[row.pk])
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(address, asked).content.decode()

    return delete


@pytest.fixture
def asked_about():
    """A pool that people have answered about."""
    pool = factories.pool(factories.generator(kind=Generator.Kind.TRAINED))
    factories.finished(factories.study(pools=[pool], name="Which?"))
    return pool


@BOTH_WAYS
def test_what_people_answered_about_stays_with_the_reason(press, asked_about, in_a_list):
    for row in (asked_about, asked_about.generator):
        assert "Studies ask people about its images (“Which?”)" in press(row, in_a_list=in_a_list)
    assert Pool.jobs.filter(pk=asked_about.pk).exists()
    assert Path(asked_about.url).exists()


@BOTH_WAYS
def test_a_generator_takes_its_training_and_its_files_along(press, in_a_list):
    generator = trained()
    pool = factories.pool(generator)
    press(generator, in_a_list=in_a_list)
    assert not Generator.objects.exists()
    assert not Path(pool.url).exists()


@BOTH_WAYS
def test_a_pool_takes_its_images_along(press, in_a_list):
    pool = factories.pool(factories.generator(kind=Generator.Kind.TRAINED))
    press(pool, in_a_list=in_a_list)
    assert not Path(pool.url).exists()
    assert Generator.objects.exists()


def test_real_images_go_with_their_data_set_alone(press):
    data = factories.dataset()
    assert "delete that" in press(data.held_out_pool)
    assert Dataset.objects.get().held_out_pool


def test_a_training_studies_and_observers_stay(press, asked_about):
    for row in (trained().run, Study.objects.get(), Observer.objects.get()):
        press(row)
        press(row, in_a_list=True)
        row.refresh_from_db()
    assert Response.objects.exists()


@BOTH_WAYS
def test_a_sweep_goes_after_its_trainings(press, in_a_list):
    generator, maker = trained(), factories.user()
    sweep = Sweep.objects.create(
        dataset=generator.dataset, owner=maker, config={}, space=[], count=1
    )
    TrainingRun.jobs.update(sweep=sweep)
    assert "the generators of its trainings first" in press(sweep, in_a_list=in_a_list)
    assert Sweep.objects.exists()
    press(generator, in_a_list=in_a_list)
    press(sweep, in_a_list=in_a_list)
    assert not Sweep.objects.exists()


@BOTH_WAYS
def test_who_has_made_something_stays(press, in_a_list):
    maker, other = factories.user("maker@example.org"), factories.user("other@example.org")
    pool = factories.pool(trained(owner=maker))
    factories.study(pools=[pool], owner=maker)
    words = press(maker, in_a_list=in_a_list)
    assert "has made generators and studies: take the right “Active” away instead" in words
    press(other, in_a_list=in_a_list)
    assert set(User.objects.filter(is_staff=False)) == {maker}
