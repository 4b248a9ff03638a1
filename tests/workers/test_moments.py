from dataclasses import dataclass

import numpy as np
import pytest

from evalsite import jobs
from evalsite.catalog.models import Pool
from evalsite.leaderboard.models import Measurement
from generators.sampling import sample
from generators.training import Trainer
from workers import moments

pytestmark = pytest.mark.django_db


@pytest.fixture
def drawn(monkeypatch):
    """Pools of four images are drawn, without rest: `drawn()` gives (images seen, pool) in order."""
    monkeypatch.setattr(moments, "IMAGES", 4)
    monkeypatch.setattr(moments, "REST_S", 0.0)
    return lambda: [
        (each.images_seen, each) for each in Pool.jobs.order_by("images_seen") if each.images_seen
    ]


@pytest.fixture
def train(run_task, enqueued):
    """Run the trainings that were asked for, and nothing else."""

    def until_done():
        while keys := [key for key in enqueued if key[0] == "train"]:
            enqueued.remove(keys[0])
            run_task(*keys[0])

    return until_done


@dataclass
class At:
    """A moment of a training of 1,600 images."""

    images_seen: int
    seconds: float
    images_total: int = 1600


def is_due(at, *, before=0, rested_at_s=0.0):
    return moments.is_due(at, before=before, rested_at_s=rested_at_s)


def test_pools_are_drawn_at_even_moments_and_last_when_it_is_done(train_tiny, train, drawn):
    made = train_tiny(images=64)
    train()
    assert [images_seen for images_seen, _ in drawn()] == [8, 16, 24, 32, 40, 48, 56, 64]
    assert {pool.generator for _, pool in drawn()} == {made}
    for _, pool in drawn():
        assert pool.is_ready
        assert pool.content_hash == pool.open().content_hash()
        assert pool.open().labels.tolist() == [0, 1, 0, 1]
    asked = Measurement.jobs.filter(extractor="lite0").values_list("pool__images_seen", flat=True)
    assert sorted(asked) == [8, 16, 24, 32, 40, 48, 56, 64]


def test_the_last_pool_is_what_the_finished_generator_draws(train_tiny, train, drawn):
    made = train_tiny()
    train()
    made.refresh_from_db()
    (*_, (images_seen, last)) = drawn()
    assert images_seen == 24
    images = np.concatenate(list(sample(made.file.path, 4, seed=moments.SEED)))
    np.testing.assert_array_equal(last.open().read(0, 4), images)


def test_segments_draw_what_an_unbroken_run_draws(train_tiny, train, drawn, monkeypatch):
    train_tiny()
    train()
    whole = drawn()
    advance = Trainer.advance
    monkeypatch.setattr(
        Trainer,
        "advance",
        lambda trainer, seconds, **options: advance(trainer, images=8, **options),
    )
    train_tiny()
    train()
    parts = [each for each in drawn() if each not in whole]
    assert [(seen, pool.content_hash) for seen, pool in parts] == [
        (seen, pool.content_hash) for seen, pool in whole
    ]


def test_what_a_dead_worker_has_drawn_is_not_drawn_again(train_tiny, train, drawn, monkeypatch):
    made = train_tiny()
    train()
    before = drawn()
    run = made.run
    run.checkpoint.delete(save=False)
    type(run).jobs.filter(pk=run.pk).update(state="queued", images_seen=0, checkpoint="")
    Pool.jobs.filter(images_seen__gt=12).delete()
    jobs.submit(run)
    train()
    assert [seen for seen, _ in drawn()] == [seen for seen, _ in before]
    assert [pool.key for seen, pool in drawn() if seen <= 12] == [
        pool.key for seen, pool in before if seen <= 12
    ]


def test_a_short_training_rests_between_pools_but_for_the_last():
    assert is_due(At(200, seconds=2.0))
    assert not is_due(At(400, seconds=3.0), before=200, rested_at_s=7.0)
    assert is_due(At(800, seconds=8.0), before=200, rested_at_s=7.0)
    assert is_due(At(1600, seconds=9.0), before=800, rested_at_s=13.0)
    assert not is_due(At(1600, seconds=9.0), before=1600)


def test_a_long_training_has_a_first_pool_after_a_few_seconds():
    assert not is_due(At(20, seconds=14.0))
    assert is_due(At(20, seconds=15.0))
    assert not is_due(At(40, seconds=40.0), before=20, rested_at_s=20.0)
