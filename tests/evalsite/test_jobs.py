import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from evalsite import celery, jobs
from evalsite.catalog.models import Pool, TrainingRun
from evalsite.jobs import (
    JobState,
    Stopped,
    cancel,
    claim,
    count_ahead,
    release,
    retry,
    submit,
    sweep,
)
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _not_shutting_down():
    yield
    jobs.shutting_down.clear()


@pytest.fixture
def row():
    return factories.pool(is_ready=False)


def strand(row):
    """Let the row's lease run out, as when its worker has died."""
    Pool.jobs.filter(pk=row.pk).update(leased_until=timezone.now() - timedelta(seconds=1))


def test_a_queued_row_is_claimed_once(row):
    lease = claim(Pool, row.pk)
    assert claim(Pool, row.pk) is None
    assert lease.row.state == JobState.RUNNING
    assert lease.row.attempts == 1
    assert lease.row.started_at is not None


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="threads need a database on disk")
def test_of_many_workers_at_once_one_gets_the_row():
    row, won, ready = factories.pool(is_ready=False), [], threading.Barrier(8)

    def race():
        ready.wait()
        won.append(claim(Pool, row.pk) is not None)
        connection.close()

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


def test_a_second_message_is_left_alone(row, run_task, monkeypatch):
    claim(Pool, row.pk)
    run_task("sample", row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts) == (JobState.RUNNING, 1)


def test_a_message_for_a_row_that_is_gone_is_harmless(run_task):
    run_task("sample", 12345)
    assert not Pool.jobs.filter(pk=12345).exists()


def test_ready_clears_the_lease_and_failed_keeps_the_words(row):
    claim(Pool, row.pk).ready()
    row.refresh_from_db()
    assert (row.state, row.progress, row.lease_token) == (JobState.READY, 1.0, None)
    assert row.finished_at is not None
    other = factories.pool(is_ready=False)
    claim(Pool, other.pk).fail("no images in it")
    other.refresh_from_db()
    assert (other.state, other.error) == (JobState.FAILED, "no images in it")


def test_a_lease_that_is_not_renewed_is_swept_and_the_row_goes_back(row, enqueued):
    claim(Pool, row.pk)
    assert sweep() == 0
    strand(row)
    assert sweep() == 1
    row.refresh_from_db()
    assert (row.state, row.lease_token) == (JobState.QUEUED, None)
    assert ("sample", row.pk) in enqueued


def test_who_lost_a_lease_can_no_longer_end_the_row(row):
    lost = claim(Pool, row.pk)
    strand(row)
    sweep()
    assert claim(Pool, row.pk) is not None
    assert not lost.ready()
    assert not lost.fail("too late")
    lost.put_down()
    row.refresh_from_db()
    assert row.state == JobState.RUNNING
    with pytest.raises(Stopped):
        lost.report(0.5)


def test_a_row_whose_workers_keep_dying_fails_in_words(row):
    for _ in range(jobs.MAX_ATTEMPTS):
        assert claim(Pool, row.pk) is not None
        strand(row)
        sweep()
    row.refresh_from_db()
    assert row.state == JobState.FAILED
    assert f"died {jobs.MAX_ATTEMPTS} times" in row.error
    assert row.finished_at is not None
    assert claim(Pool, row.pk) is None


def test_a_finished_segment_forgives_earlier_deaths(row):
    claim(Pool, row.pk)
    strand(row)
    sweep()
    claim(Pool, row.pk).requeue()
    row.refresh_from_db()
    assert (row.state, row.attempts) == (JobState.QUEUED, 0)


def test_a_queued_row_is_cancelled_at_once(row):
    cancel(row)
    row.refresh_from_db()
    assert row.state == JobState.CANCELLED
    assert claim(Pool, row.pk) is None


def test_a_running_row_is_cancelled_at_its_next_report(row):
    lease = claim(Pool, row.pk)
    cancel(row)
    with pytest.raises(Stopped):
        lease.report(0.5)
    lease.put_down()
    row.refresh_from_db()
    assert (row.state, row.lease_token) == (JobState.CANCELLED, None)


def test_a_cancelled_row_of_a_dead_worker_is_not_worked_again(row, enqueued):
    claim(Pool, row.pk)
    cancel(row)
    strand(row)
    sweep()
    row.refresh_from_db()
    assert row.state == JobState.CANCELLED
    assert enqueued == []


def test_what_has_ended_cannot_be_cancelled(row):
    claim(Pool, row.pk).ready()
    assert not cancel(row)
    row.refresh_from_db()
    assert row.state == JobState.READY


@pytest.mark.parametrize("end", [JobState.FAILED, JobState.CANCELLED])
def test_retry_queues_an_ended_row_and_keeps_what_it_had(row, enqueued, end):
    Pool.jobs.filter(pk=row.pk).update(
        state=end, error="no", attempts=3, cancel_requested=True, content_hash="kept"
    )
    assert retry(row)
    row.refresh_from_db()
    assert (row.state, row.error, row.attempts) == (JobState.QUEUED, "", 0)
    assert (row.cancel_requested, row.content_hash, row.finished_at) == (False, "kept", None)
    assert enqueued == [("sample", row.pk)]


@pytest.mark.parametrize(
    "state", [JobState.WAITING, JobState.QUEUED, JobState.RUNNING, JobState.READY]
)
def test_only_what_has_failed_or_was_cancelled_is_retried(row, enqueued, state):
    Pool.jobs.filter(pk=row.pk).update(state=state)
    assert not retry(row)
    assert enqueued == []


def test_release_queues_a_waiting_row_once(row, enqueued):
    Pool.jobs.filter(pk=row.pk).update(state=JobState.WAITING)
    assert claim(Pool, row.pk) is None
    release(row)
    release(row)
    assert enqueued == [("sample", row.pk)]


def test_a_worker_that_shuts_down_puts_its_row_down_for_another(row, enqueued):
    lease = claim(Pool, row.pk)
    jobs.shutting_down.set()
    with pytest.raises(Stopped):
        lease.check()
    lease.put_down()
    row.refresh_from_db()
    assert (row.state, row.attempts) == (JobState.QUEUED, 0)
    assert enqueued == [("sample", row.pk)]


def test_reports_are_throttled_and_kept_within_bounds(row, monkeypatch):
    lease, now = claim(Pool, row.pk), [100.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[0])
    lease.report(0.25, "a quarter")
    lease.report(0.5, "a half")
    row.refresh_from_db()
    assert (row.progress, row.note, row.percent) == (0.25, "a quarter", 25)
    now[0] += 2 * jobs.REPORT_EVERY_S
    lease.report(7, "x" * 500)
    row.refresh_from_db()
    assert (row.progress, len(row.note)) == (1.0, 200)


def test_a_heartbeat_renews_the_lease(row, monkeypatch):
    lease = claim(Pool, row.pk)
    strand(row)
    lease._renew()
    assert not Pool.jobs.stranded().exists()
    assert not lease.should_stop()


def test_ahead_counts_unfinished_rows_of_any_kind_queued_before(row):
    first = factories.pool(is_ready=False)
    second = factories.pool(is_ready=False)
    done = factories.pool(is_ready=False)
    moments = {first: 3, done: 3, row: 2, second: 1}
    for pool, minutes in moments.items():
        Pool.jobs.filter(pk=pool.pk).update(queued_at=timezone.now() - timedelta(minutes=minutes))
    Pool.jobs.filter(pk=done.pk).update(state=JobState.READY)
    row.refresh_from_db()
    second.refresh_from_db()
    assert (row.ahead, second.ahead) == (1, 2)
    counted = list(Pool.jobs.filter(pk__in=[row.pk, second.pk]).order_by("queued_at"))
    count_ahead(counted)
    assert [each.ahead for each in counted] == [1, 2]
    claim(Pool, row.pk)
    row.refresh_from_db()
    second.refresh_from_db()
    assert (row.ahead, second.ahead) == (0, 2)


def test_a_row_put_down_to_wait_is_left_alone_until_it_is_released(row, enqueued):
    claim(Pool, row.pk).wait()
    sweep()
    row.refresh_from_db()
    assert (row.state, row.lease_token, enqueued) == (JobState.WAITING, None, [])
    release(row)
    assert enqueued == [("sample", row.pk)]


def test_a_report_says_whether_it_was_stored(row):
    lease = claim(Pool, row.pk)
    assert lease.report(0.25)
    assert not lease.report(0.5)
    row.refresh_from_db()
    assert row.progress == 0.25


def test_a_long_training_is_for_later_and_a_short_one_is_not(monkeypatch):
    sent = []
    monkeypatch.setattr(jobs, "enqueue", lambda task, pk, later: sent.append((pk, later)))
    for pk, seconds in ((1, 60.0), (2, 6000.0)):
        submit(TrainingRun(pk=pk, seconds=seconds))
    assert sent == [(1, False), (2, True)]


def test_a_lost_message_is_sent_again_only_when_the_queue_is_empty(row, enqueued, monkeypatch):
    assert sweep() == 0  # it was queued a moment ago
    Pool.jobs.filter(pk=row.pk).update(queued_at=timezone.now() - 2 * jobs.RESEND_AFTER)
    monkeypatch.setattr(jobs, "waiting", lambda queue: 3)
    sweep()
    assert enqueued == []
    monkeypatch.setattr(jobs, "waiting", lambda queue: 0)
    sweep()
    assert enqueued == [("sample", row.pk)]


def test_every_kind_of_job_has_its_queue():
    assert {model.task: jobs._queue(model) for model in jobs.kinds()} == {
        "train": "gpu",
        "sample": "gpu",
        "extract": "gpu",
        "measure": "gpu",
        "export": "gpu",
        "share": "gpu",
        "classify": "gpu",
        "forge": "gpu",
        "transfer": "gpu",
    }


@pytest.fixture
def sent(monkeypatch):
    """Messages that reach the broker."""
    messages = []
    monkeypatch.setattr(
        "celery.canvas.Signature.apply_async",
        lambda signature, **options: messages.append((signature.task, signature.args)),
    )
    return messages


def test_a_message_is_sent_after_the_commit_and_carries_the_key_alone(
    sent, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        celery.enqueue("train", 7)
        assert sent == []
    assert sent == [("workers.tasks.train", (7,))]


@pytest.mark.parametrize(
    ("task", "later", "priority"),
    [
        ("train", False, celery.SOON),
        ("train", True, celery.LATER),
        ("export", False, celery.FIRST),
        ("sample", False, celery.FIRST),
        ("sample", True, celery.LATER),
    ],
)
def test_a_message_says_whether_it_can_wait(
    task, later, priority, monkeypatch, django_capture_on_commit_callbacks
):
    sent = []
    monkeypatch.setattr(
        "celery.canvas.Signature.apply_async",
        lambda signature, **_: sent.append(signature.options["priority"]),
    )
    with django_capture_on_commit_callbacks(execute=True):
        celery.enqueue(task, 7, later=later)
    assert sent == [priority]


def test_what_is_rolled_back_is_never_sent(sent, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        celery.enqueue("train", 7)
        transaction.set_rollback(True)
    assert sent == []


def test_a_broker_that_is_away_loses_nothing(
    row, monkeypatch, caplog, django_capture_on_commit_callbacks
):
    def away(signature, **options):
        assert options["retry"] is False
        raise OperationalError("connection refused")

    monkeypatch.setattr("celery.canvas.Signature.apply_async", away)
    monkeypatch.setattr(jobs, "enqueue", celery.enqueue)
    with django_capture_on_commit_callbacks(execute=True):
        submit(row)
    row.refresh_from_db()
    assert row.state == JobState.QUEUED
    assert "the broker is away" in caplog.text


def test_what_is_cancelled_while_a_segment_ends_is_not_queued_for_the_next(row, enqueued):
    lease = claim(Pool, row.pk)
    cancel(row)
    lease.requeue()
    row.refresh_from_db()
    assert (row.state, enqueued) == (JobState.CANCELLED, [])
