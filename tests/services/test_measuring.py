"""A pool measured by two workers as a chord: one is killed in a range, which alone is repeated."""

import json
import os
import signal
import subprocess
import sys

import pytest

from bench.live import ROOT, wait_until

IMAGES, RANGE = 240, 120
RANGES = "select state, attempts from leaderboard_featurerange"
FIGURES = "select name, value from leaderboard_score where pool_id is not null"
STATE = "select state, error from leaderboard_measurement"
AGAIN = """
from evalsite.catalog.models import Pool
from evalsite.leaderboard.measuring import request_measurement
from evalsite.leaderboard.models import FeatureRange, Measurement, Score
for model in (Score, Measurement, FeatureRange):
    model._default_manager.all().delete()
request_measurement(Pool.jobs.of_generators().get())
"""


@pytest.fixture(scope="module")
def site(make_site):
    site = make_site(UNCANNY_RANGE_IMAGES=str(RANGE))
    site.start("--workers", "2")
    site.fill(images=IMAGES, studies=[])
    return site


def told_by_the_command(site):
    """Figures that `python -m metrics` gives on the site's own pools."""
    order = "order by generator_id is not null"
    keys = [key for (key,) in site.rows(f"select key from catalog_pool {order}")]
    pools = [str(site.folder / "pools" / f"{key}.zarr") for key in keys]
    done = subprocess.run(
        [sys.executable, "-m", "metrics", *pools, "--workers", "1", "--json"],
        cwd=ROOT,
        env=site.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    figures = json.loads(done.stdout)["figures"]
    return {each["name"]: each["value"] for each in figures if each["value"] is not None}


def wait_for_figures(site):
    """The figures that the site has stored, once it has measured."""

    def has_ended():
        return [row for row in site.rows(STATE) if row[0] in ("ready", "failed")]

    [(state, error)] = wait_until(has_ended, what="a measurement")
    assert (state, error) == ("ready", "")
    return dict(site.rows(FIGURES))


def running(site):
    return sum(state == "running" for state, _ in site.rows(RANGES))


def test_a_killed_worker_costs_its_range_alone_and_no_digit(site):
    wait_until(lambda: running(site) == 2, what="two ranges at work", poll_s=0.05)
    os.kill(site.pid_of("worker-1@"), signal.SIGKILL)
    told = told_by_the_command(site)
    assert wait_for_figures(site) == told
    assert sorted(site.rows(RANGES)) == [("ready", 1)] * 3 + [("ready", 2)]
    assert len(told) >= 8


def test_without_a_sweeper_the_chord_goes_on_by_itself(site):
    before = dict(site.rows(FIGURES))
    scheduler = site.pid_of(" beat ")
    os.kill(scheduler, signal.SIGSTOP)
    try:
        site.manage("shell", "--no-imports", "-c", AGAIN)
        assert wait_for_figures(site) == before
    finally:
        os.kill(scheduler, signal.SIGCONT)
