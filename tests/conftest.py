"""Every test has folders of its own and no broker: what the site asks of workers is a list."""

import os

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by torch when it is imported
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright leaves its loop running


EXPORTING = ("commands", "networks", "norms", "onnx_export", "onnx_sampling", "stackgan")
TOGETHER = {
    "exports": (
        *(f"tests/generators/test_{name}.py" for name in EXPORTING),
        "tests/evalsite/test_play.py",
    ),
    "services": ("tests/services/",),
    "trials": tuple(f"tests/browser/test_{name}.py" for name in ("journey", "protocols", "trials")),
    "browser": ("tests/browser/",),
}
"""Tests that share what is slow to be ready: servers, or torch's exporter, which takes seconds the first time.

A test is of the first that fits; the last take longest.
"""


class Together(LoadFileScheduling):
    """Hands out tests a file at a time but first, to one process each, all that share what is slow."""

    def _assign_work_unit(self, node):
        for name in TOGETHER:
            if name in self.workqueue:
                self.workqueue.move_to_end(name, last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid):
        path = super()._split_scope(nodeid)
        return next((name for name, paths in TOGETHER.items() if path.startswith(paths)), path)


def pytest_xdist_make_scheduler(config, log):
    return Together(config, log)


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "data"
    settings.FEATURES_DIR = tmp_path / "features"
    settings.METRIC_EXTRACTORS = ["lite0"]
    settings.POOL_STORE = str(tmp_path / "pools")
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.WHITENOISE_AUTOREFRESH = True  # else every client looks for all static files
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def enqueued(monkeypatch):
    """What workers were asked for, as [(task, key)]; the queues look empty."""
    from evalsite import jobs
    from evalsite.leaderboard import measuring
    from evalsite.leaderboard import services as leaderboard
    from evalsite.studies.services import finishing

    asked = []

    def enqueue(task, pk, *, later=False):
        asked.append((task, pk))

    def enqueue_chord(task, pks, *, then, pk, later=False):
        asked.extend([*((task, each) for each in pks), (then, pk)])

    for module in (jobs, leaderboard, finishing):
        monkeypatch.setattr(module, "enqueue", enqueue)
    monkeypatch.setattr(measuring, "enqueue_chord", enqueue_chord)
    monkeypatch.setattr(jobs, "waiting", lambda queue: 0)
    monkeypatch.setattr(jobs, "HEARTBEAT_S", 600.0)  # its thread sees no uncommitted rows
    return asked


@pytest.fixture
def run_task():
    """`run_task("score", pk)`: as a worker runs it."""
    from evalsite.celery import app

    app.loader.import_default_modules()
    return lambda task, *arguments: app.tasks[f"workers.tasks.{task}"](*arguments)


@pytest.fixture
def work(enqueued, run_task):
    """Run all that was asked for, and what that asks for in turn, until nothing is left."""

    def until_done():
        while enqueued:
            run_task(*enqueued.pop(0))

    return until_done


@pytest.fixture
def logged_in(client, db):
    """A researcher, logged in with `client`."""
    from tests import factories

    user = factories.user()
    client.force_login(user)
    return user
