"""The leaderboard's columns and a pool's metrics, by mouse, key and touch."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from bench.live import wait_until

FIRST_POOL = "select min(id) from catalog_pool where generator_id is not null"
MEASURED = (
    f"select count(*) from leaderboard_score where name = 'FD-lite0' and pool_id = ({FIRST_POOL})"
)

SHARED = """
from evalsite.leaderboard.models import SharingReport
from tests import factories
from tests.evalsite.measuring import sharing_report
SharingReport.jobs.create(pool_id={pk}, content=sharing_report(), **factories.ready())
"""


@pytest.fixture(scope="module")
def board(site, studies):
    """The address of a leaderboard with metrics."""
    wait_until(lambda: site.rows(MEASURED) == [(1,)], within_s=300, what="the pool's metrics")
    return f"{site.url}/leaderboard/?protocol=unlimited"


@pytest.fixture
def heading(board, person):
    """Opens the board as somebody has it; the heading of FD-lite0 in it."""

    def come(**options):
        page = person(**options).new_page()
        page.goto(board)
        return page.get_by_role("columnheader").filter(has_text="FD-lite0")

    return come


def test_a_heading_is_explained_under_the_mouse_until_it_leaves_or_escape_is_pressed(heading):
    under = heading()
    page = under.page
    about = page.locator("#about-FD-lite0")
    for leave in (lambda: page.mouse.move(0, 0), lambda: page.keyboard.press("Escape")):
        under.hover()
        expect(about).to_be_visible()
        expect(about).to_contain_text("Lower is better.")
        about.hover()
        expect(about).to_be_visible()
        leave()
        expect(about).to_be_hidden()
        page.mouse.move(0, 0)


def test_a_heading_is_explained_with_the_focus_and_by_touch(heading):
    for come in ({}, {"has_touch": True, "viewport": {"width": 360, "height": 740}}):
        button = heading(**come).get_by_role("button")
        about = button.page.locator("#about-FD-lite0")
        if come:
            button.tap()
            box = about.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 360
        else:
            button.focus()
        expect(about).to_be_visible()


def test_a_long_name_does_not_widen_the_board(heading):
    page = heading().page
    name = page.locator("table.board td.title a").first
    table = page.locator(".scroll:has(table.board)")
    before = table.evaluate("table => table.scrollWidth")
    name.evaluate("name => { name.textContent = 'W'.repeat(80) }")
    assert table.evaluate("table => table.scrollWidth") <= before


def test_columns_are_chosen_and_sorted_by_key_alone_and_stay_chosen(board, heading):
    page = heading().page
    page.locator("summary", has_text="Columns").press("Enter")
    for name in ("KID-lite0", "Recall-lite0"):
        page.get_by_role("checkbox", name=name).press("Space")
    page.get_by_role("button", name="Show these").press("Enter")
    heads = page.get_by_role("columnheader")
    expect(heads.filter(has_text="Recall-lite0")).to_be_visible()
    expect(heads.filter(has_text="KID-lite0")).to_have_count(0)
    for wanted in ("descending", "ascending"):
        heads.get_by_role("link", name="Recall-lite0").press("Enter")
        expect(heads.filter(has_text="Recall-lite0")).to_have_attribute("aria-sort", wanted)
    page.goto(board)
    expect(heads.filter(has_text="Recall-lite0")).to_be_visible()


@pytest.fixture(scope="module")
def pool(site, board):
    """The pool's number; what could be shared of it is told as well."""
    ((pk,),) = site.rows(FIRST_POOL)
    site.manage("shell", "--no-imports", "-c", SHARED.format(pk=pk))
    return pk


@pytest.mark.parametrize(
    ("address", "sign"), [("", "tr[data-figure=FD-lite0]"), ("sharing/", ".plots svg.plot")]
)
def test_axe_finds_nothing_wrong_with_what_metrics_say(site, pool, person, address, sign):
    page = person().new_page()
    page.goto(f"{site.url}/pools/{pool}/{address}")
    expect(page.locator(sign).first).to_be_visible()
    for width, scheme in ((360, "dark"), (1440, "light")):
        page.set_viewport_size({"width": width, "height": 740})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
