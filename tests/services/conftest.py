"""Sites of real processes, each in a temporary folder, that are gone when their tests are."""

import sys

import pytest

from bench.live import Site


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/services/" in item.path.as_posix():
            item.add_marker(pytest.mark.services)
            if sys.platform != "linux":
                item.add_marker(pytest.mark.skip(reason="processes are looked at through /proc"))


@pytest.fixture(scope="module")
def make_site(tmp_path_factory):
    """Makes a site that is not started yet, in a new folder unless one is given."""
    made = []

    def make(folder=None, **env):
        folder = folder or tmp_path_factory.mktemp("site") / "data"
        made.append(Site(folder, env))
        return made[-1]

    yield make
    for site in made:
        site.destroy()
