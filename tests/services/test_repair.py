"""What `manage.py up` does when one of its processes is killed: it comes back, and no work is lost or done twice."""

import os
import signal

import pytest

from bench.live import wait_until

QUEUE_TRAINING = """
from evalsite.catalog.models import Dataset
from evalsite.catalog.services import start_training
from generators.config import load_config
config = load_config("demo-15", images=1600)
start_training(owner=None, name="{name}", dataset=Dataset.objects.get(), config=config.as_dict(),
               images_total=config.images, pool_size=20)
"""
RUN = """
select run.state, run.images_seen, run.attempts from catalog_trainingrun run
join catalog_generator generator on generator.id = run.generator_id where generator.name = ?
"""
POOLS = """
select pool.state, pool.count from catalog_pool pool
join catalog_generator generator on generator.id = pool.generator_id
where generator.name = ? and pool.images_seen is null
"""


@pytest.fixture(scope="module")
def site(make_site):
    site = make_site()
    site.start("--workers", "1")
    site.fill(images=40, studies=[])
    return site


def train(site, name):
    site.manage("shell", "--no-imports", "-c", QUEUE_TRAINING.format(name=name))


def kill(site, words):
    """SIGKILL the first process with `words` in its command line; wait for another in its place."""
    before = site.processes()
    os.kill(site.pid_of(words), signal.SIGKILL)

    def has_come_back():
        now = site.processes()
        return any(words in command for pid, command in now.items() if pid not in before)

    wait_until(has_come_back, what=f"another {words}")


def wait_for_pool(site, name):
    """Wait until the training and its pool are complete, and `up` has said so."""
    wait_until(
        lambda: site.rows(POOLS, name) == [("ready", 20)] and f"ready: {name} (20" in site.output,
        what=f"the pool of {name}",
    )


def test_a_killed_worker_comes_back_and_its_training_is_finished_once(site):
    train(site, "Interrupted")
    wait_until(lambda: site.rows(RUN, "Interrupted")[0][1] > 0, what="a first step")
    kill(site, "worker-1@")
    wait_for_pool(site, "Interrupted")
    [(state, images_seen, _)] = site.rows(RUN, "Interrupted")  # attempts: of the last segment alone
    assert (state, images_seen) == ("ready", 1600)
    losses = site.rows("select images_seen from catalog_losspoint order by images_seen")
    assert losses[-1] == (1600,)
    assert site.output.count("ready: training of Interrupted") == 1


def test_a_killed_broker_comes_back_and_work_queued_before_is_done_once(site):
    worker = site.pid_of("worker-1@")
    os.kill(worker, signal.SIGSTOP)
    try:
        train(site, "Queued")
        kill(site, "valkey-server")
    finally:
        os.kill(worker, signal.SIGCONT)
    wait_for_pool(site, "Queued")
    [(state, images_seen, attempts)] = site.rows(RUN, "Queued")
    assert (state, images_seen, attempts) == ("ready", 1600, 1)
    assert site.output.count("ready: training of Queued") == 1


def test_a_killed_web_server_answers_again_and_leaves_no_old_process(site):
    before = {pid for pid, command in site.processes().items() if "gunicorn" in command}
    kill(site, "gunicorn")
    wait_until(site.is_healthy, what="the site's answer")
    after = {pid for pid, command in site.processes().items() if "gunicorn" in command}
    assert not before & after
