from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils import timezone

from evalsite import jobs
from evalsite.catalog import services
from evalsite.catalog.models import Generator, Pool
from evalsite.jobs import JobState
from evalsite.leaderboard import measuring
from evalsite.leaderboard.models import FeatureRange, Measurement, Score
from metrics.extractors import catalog
from metrics.measure import measure
from tests import factories
from tests.workers.pixels import Pixels

pytestmark = pytest.mark.django_db

SIZE, TRAIN = 42, 56


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Features are pixels."""
    monkeypatch.setitem(catalog.EXTRACTORS, "lite0", "tests.workers.pixels:Pixels")


@pytest.fixture
def pool():
    return factories.pool(
        factories.generator(of=factories.dataset(train=TRAIN, test=SIZE)), size=SIZE
    )


@pytest.fixture
def extracted(monkeypatch):
    """How many images each call of the extractor was given."""
    asked, extract = [], Pixels.extract

    def counted(network, images):
        asked.append(len(images))
        return extract(network, images)

    monkeypatch.setattr(Pixels, "extract", counted)
    return asked


def kept(pool):
    """All that is stored of a pool's measurement: its scores, and the rest."""
    measurement = Measurement.jobs.get(pool=pool)
    assert (measurement.state, measurement.error) == (JobState.READY, "")
    scores = {
        each.name: (each.value, each.low, each.high, each.details["reference"])
        for each in Score.objects.filter(pool=pool)
    }
    return scores, measurement.content


def drop_the_first(ranges):
    """Let a worker claim the first range and die."""
    first = ranges.first()
    assert jobs.claim(FeatureRange, first.pk)
    a_second_ago = timezone.now() - timedelta(seconds=1)
    FeatureRange.jobs.filter(pk=first.pk).update(leased_until=a_second_ago)
    return first


def test_a_drawn_pool_is_measured_with_its_n_and_extractor(work):
    data = factories.dataset(train=0, test=4)
    made = services.upload_generator(
        owner=None,
        name="Archive",
        dataset=data,
        kind=Generator.Kind.ARCHIVE,
        file=ContentFile(factories.image_zip(4), "images.zip"),
    )
    work()
    pool = made.pools.get()
    scores, content = kept(pool)
    assert {"IS-lite0", "KID-lite0"} <= set(scores)
    kernel = Score.objects.get(pool=pool, name="KID-lite0")
    assert (kernel.n, kernel.dataset) == ({"fake": 4, "real": 4}, data)
    assert kernel.details["extractor"].startswith("lite0")
    assert content["extractor"] == kernel.details["extractor"]
    assert Score.objects.get(pool=pool, name="IS-lite0").n == {"fake": 4}


@pytest.mark.parametrize("ranges", [1, 2, 7])
def test_any_ranges_give_the_digits_of_one_process(pool, work, settings, ranges):
    settings.RANGE_IMAGES = SIZE // ranges
    measuring.request_measurement(pool)
    work()
    assert FeatureRange.jobs.filter(pool=pool).ready().count() == ranges
    data = pool.imitates
    alone = measure(data.held_out_pool.open(), pool.open(), train=data.train_pool.open()).as_dict()
    scores, content = kept(pool)
    told = [figure for figure in alone["figures"] if figure["value"] is not None]
    assert scores == {
        each["name"]: (each["value"], each["low"], each["high"], each["reference"]) for each in told
    }
    assert {**content, "figures": []} == {**alone, "figures": []}


def test_figures_come_before_the_training_images_are_read(pool, work, run_task, enqueued):
    measurement = measuring.request_measurement(pool)
    train = pool.imitates.train_pool
    while enqueued and not FeatureRange.jobs.filter(pool=train).exists():
        run_task(*enqueued.pop(0))
    measurement.refresh_from_db()
    assert measurement.state == JobState.WAITING
    assert Score.objects.get(name="KID-lite0").details["reference"] is None
    assert measurement.content["n_train"] is None
    assert measurement.is_later
    asked = [("extract", FeatureRange.jobs.get(pool=train).pk), ("gather", measurement.pk)]
    assert enqueued == asked
    work()
    assert kept(pool)[1]["n_train"] == TRAIN
    assert Score.objects.get(name="KID-lite0").details["reference"]["n"] == SIZE


def test_real_images_are_read_once_for_all_pools(pool, work, extracted):
    other = factories.pool(pool.generator, size=SIZE, seed=5)
    for each in (pool, other):
        measuring.request_measurement(each)
    work()
    assert sum(extracted) == SIZE + TRAIN + 2 * SIZE
    Measurement.jobs.all().delete()
    measuring.request_measurement(pool)
    work()
    assert sum(extracted) == SIZE + TRAIN + 2 * SIZE


def test_a_range_whose_worker_died_is_repeated_alone(pool, work, settings, enqueued):
    settings.RANGE_IMAGES = 10
    measurement = measuring.request_measurement(pool)
    died = drop_the_first(measurement.ranges)
    work()
    measurement.refresh_from_db()
    assert measurement.state == JobState.WAITING
    jobs.sweep()
    assert enqueued == [("extract", died.pk)]
    work()
    measuring.catch_up()
    work()
    kept(pool)
    attempts = dict(FeatureRange.jobs.values_list("pk", "attempts"))
    assert attempts.pop(died.pk) == 2
    assert set(attempts.values()) == {1}


def test_a_range_that_comes_twice_is_worked_once(pool, run_task, extracted):
    measurement = measuring.request_measurement(pool)
    first = measurement.ranges.first()
    run_task("extract", first.pk)
    done = len(extracted)
    run_task("extract", first.pk)
    FeatureRange.jobs.filter(pk=first.pk).update(state=JobState.QUEUED)
    run_task("extract", first.pk)
    assert len(extracted) == done > 0


def test_features_that_were_lost_are_computed_again_with_the_same_digits(pool, work, settings):
    measuring.request_measurement(pool)
    work()
    before = kept(pool)
    settings.FEATURES_DIR = settings.FEATURES_DIR / "another machine's"
    Measurement.jobs.update(state=JobState.QUEUED)
    jobs.submit(Measurement.jobs.get())
    work()
    assert kept(pool) == before


def test_a_pool_of_one_image_fails_in_words_and_would_fail_again(work, client):
    pool = factories.pool(factories.generator(of=factories.dataset(test=4)), size=1)
    measurement = measuring.request_measurement(pool)
    work()
    measurement.refresh_from_db()
    assert measurement.state == JobState.FAILED
    assert "at least 2 images" in measurement.error
    assert measurement.is_refused
    client.force_login(factories.user(is_superuser=True, is_staff=True))
    assert "Measure again" not in client.get(reverse("pool", args=[pool.pk])).content.decode()
    client.post(reverse("retry_pool", args=[pool.pk]))
    measurement.refresh_from_db()
    assert measurement.state == JobState.FAILED


def test_a_pool_that_lost_images_is_not_measured_as_if_they_were_black(pool, work):
    (lost,) = Path(pool.url.removeprefix("file://")).glob("images/c/*/*/*/*")
    lost.unlink()
    measurement = measuring.request_measurement(pool)
    work()
    measurement.refresh_from_db()
    assert measurement.state == JobState.FAILED
    assert f"lacks some of its {SIZE} images" in measurement.error


def test_a_range_that_fails_ends_the_measurement_in_its_words(pool, work, monkeypatch):
    def broken(network, images):
        raise ValueError("these images are not to be had")

    monkeypatch.setattr(Pixels, "extract", broken)
    measurement = measuring.request_measurement(pool)
    work()
    measurement.refresh_from_db()
    assert (measurement.state, measurement.error) == (
        JobState.FAILED,
        "these images are not to be had",
    )
    assert not measurement.is_refused


def test_what_failed_is_measured_again_range_by_range_with_the_same_digits(
    pool, work, settings, monkeypatch, client, enqueued
):
    def full(*_):
        raise OSError("no space left")

    measuring.request_measurement(pool)
    work()
    before = kept(pool)
    Measurement.jobs.all().delete()
    FeatureRange.jobs.all().delete()
    settings.FEATURES_DIR, settings.RANGE_IMAGES = settings.FEATURES_DIR / "full", 10
    with monkeypatch.context() as broken:
        broken.setattr(Pixels, "extract", full)
        measurement = measuring.request_measurement(pool)
        work()
    measurement.refresh_from_db()
    assert measurement.state == JobState.FAILED
    ranges = set(FeatureRange.jobs.values_list("pk", flat=True))
    client.force_login(factories.user(is_superuser=True, is_staff=True))
    client.post(reverse("retry_pool", args=[pool.pk]))
    assert {pk for task, pk in enqueued if task == "extract"} == ranges
    measurement.refresh_from_db()
    assert measurement.state == JobState.WAITING
    work()
    assert kept(pool) == before
    assert {each.attempts for each in FeatureRange.jobs.filter(pk__in=ranges)} == {1}


def test_ranges_of_real_images_that_failed_for_one_pool_are_tried_for_the_next(pool, work):
    measuring.request_measurement(pool)
    FeatureRange.jobs.update(state=JobState.FAILED, error="no room", progress=0.96)
    measuring.request_measurement(factories.pool(factories.generator(of=pool.imitates)))
    of_real = FeatureRange.jobs.filter(pool=pool.imitates.held_out_pool)
    assert {(each.state, each.error, each.progress) for each in of_real} == {
        (JobState.QUEUED, "", 0.0)
    }


def test_a_checkpoint_is_measured_by_kid_and_fd_infinity_alone(pool, work):
    Pool.jobs.filter(pk=pool.pk).update(images_seen=400)
    measuring.catch_up()
    work()
    scores, content = kept(pool)
    assert set(scores) | {each["name"] for each in content["figures"]} == {
        "KID-lite0",
        "FD∞-lite0",
    }
    assert content["n_train"] is None
    assert not FeatureRange.jobs.filter(pool=pool.imitates.train_pool).exists()
