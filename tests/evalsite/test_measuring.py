import os
from datetime import timedelta

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError

from evalsite import celery, jobs
from evalsite.catalog.models import Generator, Pool, TrainingRun
from evalsite.jobs import JobState
from evalsite.leaderboard import measuring
from evalsite.leaderboard.board import board_of
from evalsite.leaderboard.models import FeatureRange, Measurement, Score
from metrics.extractors.weights import INCEPTION
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_ranges(settings):
    settings.RANGE_IMAGES = 8


@pytest.fixture
def pool():
    """20 forged images, beside 20 held-out and 20 training ones."""
    return factories.pool(size=20)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Where Inception's weights would be."""
    path = tmp_path / "inception.pth"
    monkeypatch.setenv(INCEPTION.variable, str(path))
    return path


def bounds(pool):
    return list(FeatureRange.jobs.filter(pool=pool).values_list("start", "stop"))


def end(ranges, state=JobState.READY):
    ranges.update(state=state, progress=1.0, finished_at=timezone.now())


def figure(name, value, **fields):
    interval = {"low": None, "high": None} if value is None else {"low": value, "high": value}
    same = {"n_real": 20, "n_fake": 20, "resampled": "images", "note": "", "reference": None}
    return {"name": name, "value": value, **interval, **same, **fields}


def record(measurement, *figures, **rest):
    measuring.record_measurement(measurement, {"figures": list(figures), "seed": 0, **rest})


def test_a_measurement_asks_for_every_range_of_its_pool_and_of_the_held_out_images(pool, enqueued):
    measurement = measuring.request_measurement(pool)
    real = pool.imitates.held_out_pool
    assert bounds(pool) == bounds(real) == [(0, 8), (8, 16), (16, 20)]
    assert bounds(pool.imitates.train_pool) == []
    assert [task for task, _ in enqueued] == ["extract"] * 6 + ["gather"]
    assert enqueued[-1] == ("gather", measurement.pk)
    assert measurement.state == JobState.WAITING


def test_asked_for_twice_it_is_made_once(pool, enqueued):
    measuring.request_measurement(pool)
    asked = list(enqueued)
    measuring.request_measurement(pool)
    assert enqueued == asked


def test_features_of_real_images_are_shared(pool, enqueued):
    measuring.request_measurement(pool)
    end(FeatureRange.jobs.filter(pool=pool.imitates.held_out_pool))
    enqueued.clear()
    other = factories.pool(factories.generator(of=pool.imitates), size=7)
    measurement = measuring.request_measurement(other)
    assert enqueued == [
        ("extract", measurement.ranges.get(pool=other).pk),
        ("gather", measurement.pk),
    ]
    assert measurement.ranges.count() == 4


def test_where_every_feature_is_there_nothing_is_waited_for(pool, enqueued):
    measuring.request_measurement(pool)
    end(FeatureRange.jobs)
    Measurement.jobs.all().delete()
    enqueued.clear()
    measurement = measuring.request_measurement(pool)
    assert enqueued == [("measure", measurement.pk)]


def test_ranges_of_large_networks_are_smaller(settings):
    settings.RANGE_IMAGES = 2000
    assert (measuring.range_images("lite0"), measuring.range_images("tf1")) == (2000, 250)


def test_a_measurement_goes_on_when_its_last_range_has_ended(pool, enqueued, run_task):
    measurement = measuring.request_measurement(pool)
    first = measurement.ranges.first()
    end(measurement.ranges.exclude(pk=first.pk))
    enqueued.clear()
    run_task("gather", measurement.pk)
    assert enqueued == []
    end(measurement.ranges.filter(pk=first.pk))
    run_task("gather", measurement.pk)
    run_task("gather", measurement.pk)
    assert enqueued == [("measure", measurement.pk)]
    measurement.refresh_from_db()
    assert measurement.state == JobState.QUEUED


@pytest.mark.parametrize("state", [JobState.READY, JobState.FAILED])
def test_a_lost_chord_only_delays(pool, enqueued, state):
    measurement = measuring.request_measurement(pool)
    end(measurement.ranges, state)
    enqueued.clear()
    measuring.catch_up()
    assert enqueued == [("measure", measurement.pk)]


def test_a_lost_range_is_sent_again_alone(pool, enqueued):
    measurement = measuring.request_measurement(pool)
    lost = measurement.ranges.first()
    end(measurement.ranges.exclude(pk=lost.pk))
    long_ago = timezone.now() - 2 * jobs.RESEND_AFTER
    measurement.ranges.filter(pk=lost.pk).update(queued_at=long_ago)
    enqueued.clear()
    jobs.sweep()
    measuring.catch_up()
    assert enqueued == [("extract", lost.pk)]


def test_a_waiting_measurement_says_how_far_its_features_are(pool):
    measurement = measuring.request_measurement(pool)
    begun = measurement.ranges.filter(pool=pool)
    ten_s_ago = timezone.now() - timedelta(seconds=10)
    Measurement.jobs.update(queued_at=ten_s_ago)
    begun.update(started_at=ten_s_ago)
    end(begun.filter(start=0))
    begun.filter(start=8).update(state=JobState.RUNNING, progress=0.25)
    measuring.report_gathering(begun.get(start=8))
    measurement.refresh_from_db()
    found = measurement.gathering
    assert (found.images_done, found.images_total) == (10, 40)
    assert (found.ranges_done, found.ranges_total) == (1, 6)
    assert found.images_per_s == pytest.approx(1, rel=0.05)
    assert found.seconds_left == pytest.approx(30, rel=0.05)
    assert (measurement.progress, measurement.note) == (
        0.25,
        "10 of 40 images, 1 a second, 30 s left",
    )


@pytest.mark.parametrize(("state", "done"), [("running", 4), ("queued", 0), ("failed", 0)])
def test_what_a_worker_that_died_had_done_of_a_range_is_not_done(pool, state, done):
    measurement = measuring.request_measurement(pool)
    measurement.ranges.filter(pool=pool, start=0).update(state=state, progress=0.5)
    assert measurement.gathering.images_done == done


def test_a_pace_is_told_only_when_there_is_one(pool):
    measurement = measuring.request_measurement(pool)
    assert str(measurement.gathering) == "0 of 40 images"
    assert measurement.gathering.seconds_left is None


def test_people_are_told_of_measurements_and_not_of_their_ranges(client, pool):
    measuring.request_measurement(pool)
    page = client.get("/").content.decode()
    assert f"metrics of {pool}" in page
    assert "images 0 to 8" not in page


def test_a_refused_figure_is_kept_with_its_reason_and_is_no_score(pool):
    measurement = measuring.request_measurement(pool)
    record(measurement, figure("FD-lite0", 3.0), figure("IS-lite0", 2.0))
    refused = figure("FD-lite0", None, note="20 images are too few: read KID")
    record(measurement, refused, figure("IS-lite0", 2.5), warnings=["equal images"])
    assert {each.name: each.value for each in Score.objects.all()} == {"IS-lite0": 2.5}
    measurement.refresh_from_db()
    assert measurement.content == {"figures": [refused], "seed": 0, "warnings": ["equal images"]}


def test_a_score_keeps_what_a_perfect_generator_would_score(pool):
    perfect = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 20}
    record(
        measuring.request_measurement(pool),
        figure("FD-lite0", 3.0, reference=perfect, metric="fid"),
    )
    score = Score.objects.get()
    assert (score.details["reference"], score.details["metric"]) == (perfect, "fid")
    assert score.details["real"] == str(pool.imitates.held_out_pool)


def test_inception_is_measured_with_once_its_weights_are_at_hand(pool, settings, weights):
    settings.METRIC_EXTRACTORS = ["lite0", "tf1"]
    measuring.catch_up()
    assert [each.extractor for each in Measurement.jobs.all()] == ["lite0"]
    weights.touch()
    measuring.catch_up()
    assert [each.extractor for each in Measurement.jobs.all()] == ["lite0", "tf1"]
    assert {each.extractor for each in measuring.request_measurements(pool)} == {"lite0", "tf1"}


def test_what_failed_with_broken_weights_is_measured_once_more_with_those_that_come(
    pool, settings, weights, enqueued
):
    settings.METRIC_EXTRACTORS = ["tf1"]
    weights.write_text("broken")
    failed = measuring.request_measurement(pool, "tf1")
    an_hour_ago = timezone.now() - timedelta(hours=1)
    Measurement.jobs.update(state=JobState.FAILED, error="broken", finished_at=an_hour_ago)
    two_hours_ago = (timezone.now() - timedelta(hours=2)).timestamp()
    os.utime(weights, (two_hours_ago, two_hours_ago))
    measuring.catch_up()
    assert Measurement.jobs.get().state == JobState.FAILED
    weights.write_text("whole")
    enqueued.clear()
    measuring.catch_up()
    assert (Measurement.jobs.get().state, enqueued[-1]) == (JobState.WAITING, ("gather", failed.pk))
    Measurement.jobs.update(state=JobState.FAILED, error="no", finished_at=timezone.now())
    measuring.catch_up()
    assert Measurement.jobs.get().state == JobState.FAILED


@pytest.mark.parametrize(
    ("name", "variable", "file"),
    [
        ("dinov2", "UNCANNY_DINOV2_WEIGHTS", "dinov2_vitl14_pretrain.pth"),
        ("clip", "UNCANNY_CLIP_WEIGHTS", "ViT-L-14-336px.safetensors"),
    ],
)
def test_networks_without_a_package_are_left_out_until_their_weights_are_there(
    name, variable, file, settings, tmp_path, monkeypatch
):
    settings.METRIC_EXTRACTORS = ["lite0", name]
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("UNCANNY_WEIGHTS_DIR", str(tmp_path))
    assert measuring.extractors() == ["lite0"]
    (tmp_path / file).touch()
    assert measuring.extractors() == ["lite0", name]
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    assert measuring.extractors() == ["lite0"]


def test_weights_count_in_the_folder_that_uploads_go_to(tmp_path, monkeypatch):
    monkeypatch.delenv(INCEPTION.variable, raising=False)
    monkeypatch.setenv("UNCANNY_WEIGHTS_DIR", str(tmp_path))
    assert not measuring.is_at_hand("clean")
    (tmp_path / INCEPTION.file).touch()
    assert measuring.is_at_hand("clean")


@pytest.fixture
def checkpoint():
    """A ready pool that a generator drew while it was trained, and has no other."""
    drawn = factories.pool(size=600)
    Pool.jobs.filter(pk=drawn.pk).update(images_seen=3200)
    return Pool.jobs.get(pk=drawn.pk)


def test_what_a_training_draws_on_its_way_is_kept_out_of_all_else(checkpoint, client):
    assert str(checkpoint) == f"{checkpoint.generator} after 3,200 images"
    assert not Pool.jobs.of_generators().exists()
    assert not Pool.jobs.that_can_be_shown().exists()
    made = Generator.objects.with_state().get()
    assert list(made.pools.all()) == []
    assert made.shown_pool is None
    assert Generator.objects.get().shown_pool is None
    assert board_of(checkpoint.imitates, "unlimited").rows == []


def test_checkpoints_are_measured_by_unbiased_figures_alone_and_while_nothing_else_waits(
    checkpoint, settings, weights
):
    weights.touch()
    settings.METRIC_EXTRACTORS = ["lite0", "tf1"]
    measuring.catch_up()
    measurement = Measurement.jobs.get()
    assert (measurement.pool, measurement.is_later) == (checkpoint, True)
    assert measuring.metrics_of(checkpoint) == ("kid", "fid_inf")
    assert measuring.train_pool_of(checkpoint) is None
    assert not Measurement.jobs.all().told().exists()


def test_the_curve_of_a_generator_is_its_checkpoints_in_order(checkpoint):
    earlier = factories.pool(checkpoint.generator, seed=1)
    Pool.jobs.filter(pk=earlier.pk).update(images_seen=400)
    final = factories.pool(checkpoint.generator, seed=2)
    for drawn, value in ((checkpoint, 0.1), (earlier, 0.5), (final, 0.01)):
        measurement = measuring.request_measurement(drawn)
        record(measurement, figure("KID-lite0", value), figure("FD∞-lite0", 10 * value))
    curve = Score.objects.of_checkpoints(checkpoint.generator)
    assert [(each.name, each.pool.images_seen, each.value) for each in curve] == [
        ("FD∞-lite0", 400, 5.0),
        ("FD∞-lite0", 3200, 1.0),
        ("KID-lite0", 400, 0.5),
        ("KID-lite0", 3200, 0.1),
    ]
    assert {score.pool for score in Score.objects.of_pools()} == {final}


@pytest.fixture
def sent(monkeypatch):
    """Chords that reach the broker, as (header, body) of (task, arguments, priority)."""
    chords = []

    def told(signature):
        return signature.task, signature.args, signature.options["priority"]

    def send(chord, body, **options):
        assert options == {"retry": False}
        chords.append(([told(each) for each in chord.tasks], told(body)))

    monkeypatch.setattr("celery.canvas._chord.__call__", send)
    return chords


def test_a_chord_is_sent_after_the_commit_and_carries_keys_alone(
    sent, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        celery.enqueue_chord("extract", [3, 4], then="gather", pk=7, later=True)
        assert sent == []
    header = [("workers.tasks.extract", (pk,), celery.LATER) for pk in (3, 4)]
    assert sent == [(header, ("workers.tasks.gather", (7,), celery.LATER))]


def test_a_broker_that_is_away_loses_no_chord(
    monkeypatch, caplog, django_capture_on_commit_callbacks
):
    def away(*_, **__):
        raise OperationalError("connection refused")

    monkeypatch.setattr("celery.canvas._chord.__call__", away)
    with django_capture_on_commit_callbacks(execute=True):
        celery.enqueue_chord("extract", [3], then="gather", pk=7)
    assert "the broker is away" in caplog.text


def test_a_pool_that_is_measured_is_one_job_ahead_of_a_training_however_many_its_ranges(pool):
    measuring.request_measurement(pool)
    assert FeatureRange.jobs.queued().count() > 1
    assert TrainingRun().ahead == 1


def test_the_next_pool_is_drawn_before_this_one_is_measured(pool):
    measuring.request_measurement(pool)
    assert factories.pool(is_ready=False).ahead == 0
    assert factories.pool(is_ready=False).ahead == 1
