"""Generators and pools that their researcher takes away for good."""

from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from evalsite import jobs
from evalsite.catalog import services
from evalsite.catalog.models import Generator, Pool, TrainingRun
from evalsite.leaderboard.models import Score
from evalsite.studies import services as studies
from evalsite.studies.models import Response, Study
from tests import factories
from tests.evalsite import forging
from tests.evalsite.measuring import figure, measured
from tests.evalsite.trial_files import rows, taken, written

pytestmark = pytest.mark.django_db


@pytest.fixture
def mine(logged_in, tmp_path):
    """A trained generator of whoever is logged in, with losses, samples, a checkpoint and a pool."""
    made = services.start_training(
        owner=logged_in, name="Mine", dataset=factories.dataset(), config={}, images_total=100
    )
    services.record_progress(
        made.run, images_seen=10, seconds=1.0, values={"d_loss": 1.0}, sheet_png=b"png"
    )
    weights = tmp_path / "weights"
    weights.write_bytes(b"weights")
    services.keep_checkpoint(made.run, weights, images_seen=100, seconds=2.0)
    services.finish_training(made.run, weights)
    TrainingRun.jobs.update(state=jobs.JobState.READY)
    measured(factories.pool(made), figure("FD-lite0", 3.0))
    return made


@pytest.fixture
def on_commit(django_capture_on_commit_callbacks):
    return django_capture_on_commit_callbacks


def words(response):
    return response.content.decode()


def ask(client, name, key, on_commit):
    """Press the button of the page that asks; the page that comes then, in words."""
    with on_commit(execute=True):
        return words(client.post(reverse(name, args=[key]), follow=True))


def files_of(generator):
    run = generator.run
    return [
        generator.file.name,
        run.checkpoint.name,
        *(each.image.name for each in run.sheets.all()),
    ]


def test_a_generator_goes_with_its_files(client, mine, on_commit):
    files, images = files_of(mine), Path(mine.pools.get().url)
    assert all(map(default_storage.exists, files))
    assert images.exists()
    page = ask(client, "delete_generator", mine.slug, on_commit)
    assert "Deleted: Mine." in page
    assert not Generator.objects.exists()
    assert not Score.objects.exists()
    assert not any(map(default_storage.exists, files))
    assert not images.exists()


def test_a_pool_goes_and_its_generator_stays(client, mine, on_commit):
    pool = mine.pools.get()
    page = ask(client, "delete_pool", pool.pk, on_commit)
    assert "Deleted: 20 images, seed 0." in page
    assert not Pool.jobs.of_generators().exists()
    assert not Path(pool.url).exists()
    assert all(map(default_storage.exists, files_of(mine)))


def test_before_anything_goes_a_page_says_what_and_what_is_kept(client, mine):
    page = words(client.get(mine.get_absolute_url()))
    for name, key, gone in (
        ("delete_generator", mine.slug, "its training: losses, samples and checkpoints"),
        ("delete_pool", mine.pools.get().pk, "these images, with all that metrics say of them"),
    ):
        address = reverse(name, args=[key])
        assert f'href="{address}"' in page
        asked = words(client.get(address))
        assert gone in asked
        assert "What is kept" in asked
        assert "csrfmiddlewaretoken" in asked
    assert mine.pools.exists()


def test_what_a_study_asks_about_stays(client, mine, on_commit):
    pool = mine.pools.get()
    study = factories.study(pools=[pool], name="Which?")
    factories.finished(study)
    answers = Response.objects.count()
    for name, key in (("delete_generator", mine.slug), ("delete_pool", pool.pk)):
        reason = "Studies ask people about its images (“Which?”)"
        asked = words(client.get(reverse(name, args=[key])))
        assert reason in asked
        assert "for good</button>" not in asked
        assert reason in ask(client, name, key, on_commit)
    assert Response.objects.count() == answers > 0
    assert Path(pool.url).exists()


def test_what_a_waiting_study_will_ask_about_stays_until_that_is_deleted(client, mine, on_commit):
    pool = mine.pools.get()
    late = factories.pool(factories.generator(of=mine.dataset), is_ready=False)
    study = factories.study(pools=[pool, late], name="Which?")
    reason = "Studies that wait for images will ask about these (“Which?”): delete those first."
    assert reason in words(client.get(reverse("delete_pool", args=[pool.pk])))
    studies.delete_waiting(study)
    assert "Deleted" in ask(client, "delete_pool", pool.pk, on_commit)


def test_whom_imported_answers_speak_of_stays(client, mine, tmp_path, on_commit):
    taken(written(tmp_path, rows(generators=["Mine"])), mine.dataset)
    assert "Studies ask people" in ask(client, "delete_generator", mine.slug, on_commit)
    assert Study.objects.exists()
    assert Generator.objects.filter(pk=mine.pk).exists()


def test_images_that_an_attack_shows_stay(client, logged_in, on_commit):
    attack = forging.attack(
        forging.classifier(forging.dataset()), owner=logged_in, images=2, epsilons=(0.1,)
    )
    rung = forging.forged(attack)[0]
    page = ask(client, "delete_generator", rung.pool.generator.slug, on_commit)
    assert "The attack “Push” has made its images: delete that, and they go with it." in page
    assert Path(rung.pool.url).exists()


def test_what_a_worker_is_at_stays_until_it_is_done(client, mine, on_commit):
    TrainingRun.jobs.update(state=jobs.JobState.RUNNING)
    assert "cancel that first" in ask(client, "delete_generator", mine.slug, on_commit)
    TrainingRun.jobs.update(state=jobs.JobState.CANCELLED)
    Pool.jobs.update(state=jobs.JobState.RUNNING)
    assert "A worker is drawing" in ask(client, "delete_pool", mine.pools.get().pk, on_commit)
    assert "A worker is drawing" in ask(client, "delete_generator", mine.slug, on_commit)


def test_uploaded_images_go_with_their_generator_alone(client, logged_in, on_commit):
    pool = factories.pool(factories.generator(owner=logged_in))
    assert "delete the generator" in ask(client, "delete_pool", pool.pk, on_commit)
    ask(client, "delete_generator", pool.generator.slug, on_commit)
    assert not Generator.objects.exists()


@pytest.mark.parametrize("owner", ["nobody", "another"])
def test_what_is_not_ones_own_cannot_be_deleted(client, logged_in, owner):
    whose = None if owner == "nobody" else factories.user()
    theirs = factories.generator(owner=whose, kind=Generator.Kind.TRAINED)
    for name, key in (
        ("delete_generator", theirs.slug),
        ("delete_pool", factories.pool(theirs).pk),
    ):
        address = reverse(name, args=[key])
        assert address not in words(client.get(theirs.get_absolute_url()))
        assert client.get(address).status_code == client.post(address).status_code == 403
    client.logout()
    assert "/accounts/login/" in client.post(address).url
    assert theirs.pools.exists()


def test_staff_delete_whatever_nobody_was_asked_about(client, mine, on_commit):
    client.force_login(factories.user(is_staff=True))
    ask(client, "delete_generator", mine.slug, on_commit)
    assert not Generator.objects.exists()


def test_a_page_of_somewhere_else_cannot_press_the_button(mine, logged_in):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(logged_in)
    assert strict.post(reverse("delete_generator", args=[mine.slug])).status_code == 403
    assert Generator.objects.exists()
