import numpy as np
import pytest

import metrics.sharing
from evalsite import jobs
from evalsite.catalog.models import Pool
from evalsite.jobs import JobState
from evalsite.leaderboard import sharing
from evalsite.leaderboard.models import SharingReport
from metrics.extractors import catalog
from tests import factories
from tests.workers.pixels import Pixels

pytestmark = pytest.mark.django_db

TRAIN, TEST, SIZE = 120, 110, 70


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Features are pixels, and classifiers do two steps."""
    monkeypatch.setitem(catalog.EXTRACTORS, "lite0", "tests.workers.pixels:Pixels")
    whole = metrics.sharing.share
    monkeypatch.setattr(metrics.sharing, "share", lambda sets, **more: whole(sets, steps=2, **more))


@pytest.fixture
def pool():
    data = factories.dataset(train=TRAIN, test=TEST, resolution_px=16, classes=["cat", "dog"])
    forger = factories.generator(of=data)
    images = factories.stored(factories.pixels(SIZE, 16, seed=5), np.arange(SIZE) % 2)
    return Pool.jobs.create(generator=forger, **images, **factories.ready())


def test_a_pool_is_judged_beside_training_and_held_out_images(pool, work):
    report = sharing.request_report(pool)
    work()
    report.refresh_from_db()
    assert (report.state, report.error) == (JobState.READY, "")
    found = report.content
    assert (found["n_fake"], found["n_train"], found["n_held_out"]) == (SIZE, TRAIN, TEST)
    assert found["usefulness"]["trts"]["classes"]["1"]["n"] == SIZE // 2
    assert found["attacks"]["pixels"]["n"] == TEST
    assert found["level"] == "no sign"
    assert sharing.drawn(found, ["cat", "dog"]).classes[1][0] == "dog"


def test_features_are_computed_once(pool, work, monkeypatch):
    asked, extract = [], Pixels.extract

    def counted(network, images):
        asked.append(len(images))
        return extract(network, images)

    monkeypatch.setattr(Pixels, "extract", counted)
    report = sharing.request_report(pool)
    work()
    SharingReport.jobs.filter(pk=report.pk).update(state=JobState.QUEUED)
    jobs.submit(report)
    work()
    assert sum(asked) == TRAIN + TEST + SIZE


def test_what_cannot_be_judged_fails_in_words_and_can_be_tried_again(pool, work, monkeypatch):
    def broken(network, images):
        raise ValueError("these images are not to be had")

    with monkeypatch.context() as patched:
        patched.setattr(Pixels, "extract", broken)
        report = sharing.request_report(pool)
        work()
    report.refresh_from_db()
    assert (report.state, report.error) == (JobState.FAILED, "these images are not to be had")
    sharing.request_report(pool)
    work()
    report.refresh_from_db()
    assert (report.state, report.error) == (JobState.READY, "")


def test_a_worker_that_is_told_to_stop_leaves_the_report_to_another(pool, run_task, monkeypatch):
    report = sharing.request_report(pool)
    monkeypatch.setattr(jobs.Lease, "should_stop", lambda lease: True)
    run_task("share", report.pk)
    report.refresh_from_db()
    assert (report.state, report.content) == (JobState.QUEUED, {})
