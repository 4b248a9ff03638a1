"""Trainings of the site as TensorBoard reads them."""

import numpy as np
import pytest
from django.urls import reverse
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from evalsite.catalog import services
from evalsite.catalog.models import TrainingRun
from evalsite.jobs import JobState
from evalsite.leaderboard.models import Measurement, Score
from generators.config import load_config
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def trained(logged_in):
    """A training that ran for 100 seconds, to its half."""
    generator = services.start_training(
        owner=logged_in,
        name="Mine",
        dataset=factories.dataset("Digits", classes=("0", "1")),
        config=load_config("demo-15", loss="hinge").as_dict(),
        images_total=2_000,
    )
    for images_seen in (500, 1_000):
        services.record_progress(
            generator.run,
            images_seen=images_seen,
            seconds=images_seen / 10,
            values={"d_loss": images_seen / 100, "g_loss": 0.5},
            sheet_png=factories.png(np.full((4, 6), images_seen % 256, np.uint8)),
        )
    return generator


def measure(generator, images_seen, value):
    images = factories.pixels(20, seed=images_seen)
    pool = services.keep_checkpoint_pool(
        generator, images, np.arange(20) % 2, images_seen=images_seen, seed=0
    )
    Measurement.jobs.create(pool=pool, state=JobState.READY)
    Score.objects.create(
        generator=generator,
        dataset=generator.dataset,
        pool=pool,
        name="FD∞-lite0",
        value=value,
        low=value,
        high=value,
    )


def read(folder):
    return EventAccumulator(str(folder), size_guidance={"images": 0}).Reload()


def told_of(client, generator, folder):
    response = client.get(reverse("training_events", args=[generator.slug]))
    name = response["Content-Disposition"].partition('filename="')[2].rstrip('"')
    assert "tfevents" in name
    (folder / name).write_bytes(response.content)
    return read(folder)


def settings_of(events):
    plugin = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data
    return metadata.parse_session_start_info_plugin_data(plugin.content).hparams


def test_a_training_is_told_with_settings_curves_samples_and_quality(client, trained, tmp_path):
    measure(trained, 1_000, 41.5)
    events = told_of(client, trained, tmp_path)
    losses = events.Scalars("d_loss")
    assert [(event.step, event.value) for event in losses] == [(500, 5.0), (1_000, 10.0)]
    assert losses[1].wall_time - losses[0].wall_time == pytest.approx(50, abs=0.01)
    assert [(event.step, event.value) for event in events.Scalars("FD∞-lite0")] == [(1_000, 41.5)]
    sheets = events.Images("samples")
    assert [(sheet.step, sheet.width, sheet.height) for sheet in sheets] == [
        (500, 6, 4),
        (1_000, 6, 4),
    ]
    assert settings_of(events)["loss"].string_value == "hinge"


def test_the_page_leads_to_the_event_file(client, trained):
    page = client.get(trained.get_absolute_url()).content.decode()
    assert reverse("training_events", args=[trained.slug]) in page


def test_a_training_that_has_told_nothing_has_no_event_file(client, trained):
    TrainingRun.jobs.update(images_seen=0)
    assert client.get(reverse("training_events", args=[trained.slug])).status_code == 404
    upload = factories.generator()
    assert client.get(reverse("training_events", args=[upload.slug])).status_code == 404


def test_settings_of_another_time_are_left_out_and_the_curves_told(client, trained, tmp_path):
    TrainingRun.jobs.update(config={"loss": "no longer known"})
    events = told_of(client, trained, tmp_path)
    assert not settings_of(events)
    assert len(events.Scalars("d_loss")) == 2
