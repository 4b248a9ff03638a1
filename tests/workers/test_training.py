import uuid

import numpy as np
import pytest

from evalsite import jobs
from evalsite.catalog.models import SampleSheet, TrainingRun
from evalsite.catalog.training import history, verdicts
from evalsite.jobs import JobState
from generators.training import Trainer
from workers import tasks
from workers.moments import Watch

pytestmark = pytest.mark.django_db


@pytest.fixture
def advanced(monkeypatch):
    """How often a trainer was asked to go on."""
    calls, advance = [], Trainer.advance

    def counted(trainer, **options):
        calls.append(trainer.images_seen)
        advance(trainer, **options)

    monkeypatch.setattr(Trainer, "advance", counted)
    return calls


def stop_after(monkeypatch, images, *, act=None):
    """Let every segment end after so many images; `act` is done at every report."""
    advance = Trainer.advance

    def short(trainer, *, seconds, on_progress, should_stop):
        def told(progress):
            if act:
                act(progress)
            on_progress(progress)

        advance(trainer, images=images, on_progress=told, should_stop=should_stop)

    monkeypatch.setattr(Trainer, "advance", short)


def test_a_training_ends_ready_with_weights_losses_and_samples(train_tiny, work, losses):
    made = train_tiny()
    work()
    made.refresh_from_db()
    run = TrainingRun.jobs.get()
    assert (run.state, run.progress, run.images_seen) == (JobState.READY, 1.0, 24)
    assert run.seconds > 0
    assert made.can_sample
    assert losses(run)[:, 0].tolist() == [4, 8, 12, 16, 20, 24]
    assert SampleSheet.objects.get(images_seen=24).image.read().startswith(b"\x89PNG")


def test_segments_give_what_an_unbroken_run_gives(train_tiny, work, losses, monkeypatch, advanced):
    whole = train_tiny()
    work()
    assert advanced == [0]
    stop_after(monkeypatch, 8)
    parts = train_tiny()
    work()
    assert advanced == [0, 0, 8, 16]
    assert whole.run.losses.count() == parts.run.losses.count() == 6
    np.testing.assert_array_equal(losses(whole.run), losses(parts.run))
    whole.refresh_from_db()
    parts.refresh_from_db()
    assert whole.file.read() == parts.file.read()


def test_a_worker_that_has_lost_its_lease_leaves_the_run_alone(train_tiny, work, monkeypatch):
    made = train_tiny()

    def taken_by_another(progress):
        TrainingRun.jobs.filter(generator=made).update(lease_token=uuid.uuid4())

    stop_after(monkeypatch, 8, act=taken_by_another)
    work()
    run = TrainingRun.jobs.get(generator=made)
    assert not run.checkpoint
    assert run.state == JobState.RUNNING


def test_a_worker_that_is_killed_as_it_trains_leaves_no_checkpoint_in_the_temporary_folder(
    train_tiny, work, monkeypatch, tmp_path
):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    found = []
    stop_after(monkeypatch, 8, act=lambda _: found.extend(temporary.rglob("*.safetensors")))
    made = train_tiny()
    work()
    assert made.run.losses.count() == 6
    assert found == []


def test_a_segment_without_time_still_goes_on_later(train_tiny, work, monkeypatch):
    monkeypatch.setattr(tasks, "SEGMENT_S", 1e-9)
    asked = []
    made = train_tiny()
    monkeypatch.setattr(jobs, "enqueue", lambda task, pk, later: asked.append((task, pk)))
    work()
    run = TrainingRun.jobs.get(generator=made)
    assert (run.state, run.images_seen) == (JobState.QUEUED, 0)
    assert asked == [("train", run.pk)]


def test_cancelling_keeps_what_was_trained_and_resuming_completes_it(
    train_tiny, work, losses, monkeypatch, run_task, enqueued
):
    unbroken = train_tiny()
    work()
    made = train_tiny()
    run = made.run

    def cancel(progress):
        if progress.images_seen == 12:
            jobs.cancel(run)

    with monkeypatch.context() as patched:
        patched.setattr("generators.training.STOP_POLL_S", 0.0)
        patched.setattr(jobs, "REPORT_EVERY_S", -1.0)
        stop_after(patched, None, act=cancel)
        work()
    run = TrainingRun.jobs.get(pk=run.pk)
    assert (run.state, run.images_seen) == (JobState.CANCELLED, 12)
    assert run.checkpoint
    assert enqueued == []
    assert jobs.retry(run)
    work()
    run = TrainingRun.jobs.get(pk=run.pk)
    assert (run.state, run.images_seen, run.cancel_requested) == (JobState.READY, 24, False)
    np.testing.assert_array_equal(losses(run), losses(unbroken.run))


def test_a_worker_that_shuts_down_hands_the_training_on(
    train_tiny, work, monkeypatch, enqueued, run_task
):
    made = train_tiny()
    with monkeypatch.context() as patched:
        patched.setattr("generators.training.STOP_POLL_S", 0.0)
        stop_after(patched, None, act=lambda progress: jobs.shutting_down.set())
        run_task(*enqueued.pop())
    jobs.shutting_down.clear()
    run = TrainingRun.jobs.get(generator=made)
    assert (run.state, run.images_seen) == (JobState.QUEUED, 4)
    assert enqueued == [("train", run.pk)]
    work()
    assert TrainingRun.jobs.get().state == JobState.READY


def test_a_worker_that_lost_its_lease_stores_no_checkpoint(
    train_tiny, monkeypatch, run_task, enqueued
):
    made = train_tiny()

    def taken_over(progress):
        TrainingRun.jobs.filter(generator=made).update(lease_token=uuid.uuid4())

    with monkeypatch.context() as patched:
        stop_after(patched, 8, act=taken_over)
        run_task(*enqueued.pop())
    run = TrainingRun.jobs.get(generator=made)
    assert run.state == JobState.RUNNING
    assert not run.checkpoint
    assert enqueued == []


def test_a_training_that_diverges_fails_in_words_and_keeps_them_as_its_verdict(
    train_tiny, work, monkeypatch
):
    def diverge(trainer, **options):
        trainer._sums += float("nan")
        trainer.step = 2
        trainer._finite_sums()

    monkeypatch.setattr(Trainer, "advance", diverge)
    train_tiny()
    work()
    run = TrainingRun.jobs.get()
    assert run.state == JobState.FAILED
    assert "lower the learning rates" in run.error
    (verdict,) = verdicts(run, history(run))
    assert (verdict.name, verdict.evidence, verdict.since_images) == ("not-a-number", run.error, 8)
    assert jobs.retry(run)
    run.refresh_from_db()
    assert verdicts(run, history(run)) == []  # it may go better this time


def test_the_log_tells_of_a_verdict_once_and_when_it_is_taken_back(train_tiny, caplog):
    run = train_tiny(images=12_000).run
    watch = Watch(run)
    for seen, d_loss in zip(range(1200, 1200 * 13, 1200), [0.01] * 11 + [1.4], strict=True):
        run.losses.create(images_seen=seen, values={"d_loss": d_loss, "g_loss": 6.0})
        with caplog.at_level("INFO"):
            watch.pass_by()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert told[0].startswith("training of Tiny: vanishing-gradient since 1,200 images. The discri")
    assert told[1] == "training of Tiny: vanishing-gradient no more"


def test_a_training_on_images_that_are_gone_fails_in_words(train_tiny, work, digits):
    from pools import store

    made = train_tiny()
    store.remove(digits.train_pool.url)
    work()
    run = TrainingRun.jobs.get(generator=made)
    assert run.state == JobState.FAILED
    assert "no readable pool" in run.error


def test_a_config_of_another_time_fails_in_words(train_tiny, work):
    made = train_tiny()
    TrainingRun.jobs.filter(generator=made).update(config={"title": "old"})
    work()
    run = TrainingRun.jobs.get(generator=made)
    assert run.state == JobState.FAILED
    assert "platform" not in run.error
