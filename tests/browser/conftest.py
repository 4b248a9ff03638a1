"""A headless Chromium, a live site to look at with it, and the people who do."""

from collections import defaultdict

import pytest
from playwright.sync_api import expect

from bench.chromium import ADVICE, MISSING, find_chromium, running_chromium
from bench.live import Site

PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)  # a busy machine is no failure
UNLIMITED = (
    "reload",
    "offline",
    "tabs",
    "tabs without locks",
    "back",
    "restored",
    "asleep",
    "restart",
    "pressed twice",
    "doubled",
    "out of order",
    "held",
    "touch",
    "looked at",
    "secrets",
    "keyboard",
    "right to left",
)
PLAIN = {"protocol": "unlimited", "trials": 12}
FLASH = {"protocol": "flash", "trials": 3}
SELECT = {"protocol": "select", "trials": 2, "rules": {"grid": 6}}
STUDIES = {
    **dict.fromkeys(UNLIMITED, PLAIN),
    "practice": {"protocol": "unlimited", "trials": 2, "practice_trials": 2},
    "results": PLAIN,
    "breaks": {"protocol": "unlimited", "trials": 4, "blocks": 2},
    "qualification": {**PLAIN, "practice_trials": 8, "rules": {"qualify_at": 1.0}},
    "limited": {"protocol": "limited", "trials": 2, "rules": {"exposures_ms": [1000]}},
    "slept through": {"protocol": "limited", "trials": 2, "rules": {"exposures_ms": [1000]}},
    "flash": {**FLASH, "practice_trials": 1},
    "flash in two tabs": FLASH,
    "flash in two tabs without locks": FLASH,
    "flash posted twice": FLASH,
    "flash out of order": FLASH,
    "masks": FLASH,
    "pair": {"protocol": "pair", "trials": 3, "practice_trials": 1, "rules": {"allow_ties": True}},
    "pair on a phone": {"protocol": "pair", "trials": 2},
    "select": {**SELECT, "practice_trials": 1},
    "select on a phone": SELECT,
    "select by keyboard": SELECT,
    "name": {"protocol": "name", "trials": 3, "practice_trials": 1},
    "name on a phone": {"protocol": "name", "trials": 2},
}


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
        terminalreporter.write_line(ADVICE)


@pytest.fixture(scope="session")
def chromium():
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def contexts(chromium):
    """Browser contexts that nobody uses, by their options: a new one costs more than most tests."""
    return defaultdict(list)


@pytest.fixture
def person(chromium, contexts, sites):
    """Lets one more person come, with a browser context (cookies, storage, screen) of their own.

    It was another's in an earlier test, and holds nothing of theirs.
    """
    lent = []

    def come(**options):
        free = contexts[repr(options)]
        context = free.pop() if free else chromium.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        lent.append((free, context))
        return context

    yield come
    for free, context in lent:
        forget(context, [site.url for site in sites])
        free.append(context)


def forget(context, origins):
    """Leave a context as if nobody had used it, on the page that was opened last: a new one is slow.

    The pages leave before the cookies go: a page posts its last answers as it leaves, and one sent
    without cookies would be answered with a new one, in the midst of whoever comes next.
    """
    context.set_offline(False)
    context.clear_permissions()
    page = context.pages[-1] if context.pages else context.new_page()
    for each in context.pages:
        each.goto("about:blank")
    for other in context.pages[:-1]:
        other.close()
    context.clear_cookies()
    browser = context.new_cdp_session(page)
    for origin in origins:
        browser.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
    page.close()


@pytest.fixture(scope="session")
def sites():
    """All that were started."""
    return []


@pytest.fixture(scope="session")
def make_site(tmp_path_factory, sites):
    """Starts a site in a new folder; `env` is its environment."""

    def make(**env):
        site = Site(tmp_path_factory.mktemp("site") / "data", env)
        sites.append(site)
        site.start("--workers", "1")
        return site

    yield make
    for site in sites:
        site.destroy()


@pytest.fixture(scope="session")
def site(make_site):
    """The site that most tests look at."""
    return make_site()


@pytest.fixture(scope="session")
def studies(site):
    """The path of each study by its name: one for each test that answers in it."""
    wanted = [{"name": name, **about} for name, about in STUDIES.items()]
    codes = site.fill(images=60, studies=wanted)
    return {name: f"{site.url}/s/{code}/" for name, code in codes.items()}
