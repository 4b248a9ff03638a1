"""The results page as its reader has it: it renews itself, and words can be taken away."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.live import log_in


@pytest.fixture(scope="module")
def code(studies):
    return studies["results"].rstrip("/").rpartition("/")[2]


@pytest.fixture(scope="module")
def simulate(site, code):
    """Lets three more simulated observers take part; the first three have."""

    def more():
        site.manage("simulate", code, "--observers", "3")

    more()
    return more


@pytest.fixture
def page(site, code, simulate, person):
    """The owner's page of the study, with results."""
    page = person().new_page()
    log_in(page, site)
    page.goto(f"{site.url}/studies/{code}/")
    expect(page.locator("#methods-text")).to_be_visible()
    return page


def observers(page):
    words = page.locator("#methods-text").inner_text()
    return int(re.search(r"by (\d+) simulated observers", words).group(1))


def test_new_answers_appear_and_what_was_opened_stays_open(page, simulate):
    before = observers(page)
    page.get_by_text("What the figures mean").click()
    meaning = page.locator("#meanings").get_by_text("Share of wrong answers")
    expect(meaning).to_be_visible()
    simulate()
    wanted = re.compile(f"by {before + 3} simulated observers")
    expect(page.locator("#methods-text")).to_have_text(wanted, timeout=60_000)
    expect(meaning).to_be_visible()


def test_the_methods_paragraph_can_be_copied(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#methods-text").inner_text()


def test_without_a_clipboard_the_paragraph_is_selected(page):
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Selected")).to_be_visible()
    selected = page.evaluate("getSelection().toString()")
    assert selected.strip() == page.locator("#methods-text").inner_text().strip()


def test_the_owner_sees_the_single_images(page):
    still = page.locator(".stills img").first
    still.scroll_into_view_if_needed()
    page.wait_for_function("image => image.naturalWidth > 0", arg=still.element_handle())
    width = still.evaluate("image => [image.naturalWidth, image.clientWidth]")
    assert width[1] % width[0] == 0


@pytest.mark.parametrize("address", ["", "/leaderboard/?protocol=unlimited"])
def test_axe_finds_nothing_wrong(page, site, address):
    if address:
        page.goto(site.url + address)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
