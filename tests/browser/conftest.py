"""A headless Chromium, a live site to look at with it, and the people who do."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from bench.live import Site

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
MISSING = "no Chromium was found"
PATIENCE_MS = 20_000
UNLIMITED = (
    "reload",
    "offline",
    "tabs",
    "doubled",
    "held",
    "touch",
    "looked at",
    "secrets",
    "keyboard",
)


def find_chromium():
    """The browser to drive: CHROMIUM, then the PATH, then playwright's own; None if there is none."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def pytest_collection_modifyitems(items):
    ours = [item for item in items if "tests/browser/" in item.path.as_posix()]
    is_missing = bool(ours) and find_chromium() is None
    for item in ours:
        item.add_marker(pytest.mark.browser)
        if is_missing:
            item.add_marker(pytest.mark.skip(reason=MISSING))


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = [report for report in skipped if MISSING in str(report.longrepr)]
    if left_out:
        words = f"{len(left_out)} BROWSER TESTS WERE NOT RUN: {MISSING}"
        terminalreporter.write_sep("!", words, red=True, bold=True)
        terminalreporter.write_line(
            "Install one (apt install chromium, or playwright install chromium), or set CHROMIUM=/path."
        )


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*ARGUMENTS])
        yield browser
        browser.close()


@pytest.fixture
def person(chromium):
    """Lets one more person come, with a browser context (cookies, storage, screen) of their own."""
    contexts = []

    def come(**options):
        context = chromium.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        return context

    yield come
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def make_site(tmp_path_factory):
    """Starts a site in a new folder; `env` is its environment."""
    made = []

    def make(**env):
        site = Site(tmp_path_factory.mktemp("site") / "data", env)
        made.append(site)
        site.start("--workers", "1")
        return site

    yield make
    for site in made:
        site.destroy()


@pytest.fixture(scope="session")
def site(make_site):
    """The site that most tests look at."""
    return make_site()


@pytest.fixture(scope="session")
def studies(site):
    """The path of each study by its name: one for each test that answers in it."""
    unlimited = {"protocol": "unlimited", "trials": 12}
    wanted = [
        *({**unlimited, "name": name} for name in UNLIMITED),
        {"name": "flash", "protocol": "flash", "trials": 4, "practice_trials": 1},
        {"name": "practice", "protocol": "unlimited", "trials": 2, "practice_trials": 2},
    ]
    codes = site.fill(images=60, studies=wanted)
    return {name: f"{site.url}/s/{code}/" for name, code in codes.items()}
