"""Those who take part read their own language, from the consent to the end, on a small phone as well."""

import re

import pytest
from django.utils import translation
from playwright.sync_api import expect

from tests.browser.annotators import LANGUAGES, PAGES, Visit, cast
from tests.browser.session import EVERY_CANVAS_SHOWS, RESULT
from tests.live import TWO_FRAMES, answer

LOCALES = {"zh-hans": "zh-CN"}
FOREIGN = [code for code in LANGUAGES if code != "en"]
WIDEST = ("fr", "ar", "hi")
SPILL = "document.documentElement.scrollWidth - innerWidth"
NARROW = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def people(site, studies):
    return cast(site)


@pytest.fixture
def visit(people, person):
    """Lets somebody come who reads a language."""

    def come(code):
        context = person(locale=LOCALES.get(code, code), viewport=NARROW)
        return Visit(context.new_page(), people, code)

    return come


def said(code, text):
    with translation.override(code):
        return translation.gettext(text)


def start(page):
    """From the consent to the first card."""
    page.locator("main form button").click()
    page.wait_for_url(re.compile("/trials/$"))
    page.locator("#card-button").wait_for()


def judge(page):
    """Answer the open question; what comes next is there when this returns."""
    page.wait_for_function(EVERY_CANVAS_SHOWS)
    page.evaluate(TWO_FRAMES)
    answer(page)


@pytest.mark.parametrize("code", FOREIGN)
def test_a_whole_study_is_in_the_readers_language(visit, code):
    visit = visit(code)
    page = visit.page
    PAGES["consent to images"](visit)
    start(page)
    question = page.locator("#card-title").inner_text()
    assert question == said(code, "Is this image real?")
    page.locator("#card-button").click()
    expect(page.locator("#real")).to_contain_text(said(code, "Real"))
    expect(page.locator("#fake")).to_contain_text(said(code, "Fake"))
    judge(page)
    judge(page)
    expect(page.locator("#card-button")).to_have_text(said(code, "Go on"))
    page.locator("#card-button").click()
    judge(page)
    page.locator("#words").get_by_text(question).wait_for()
    page.locator("#real").click()
    page.wait_for_url(RESULT)
    expect(page.get_by_text(said(code, "Every answer has arrived. Thank you!"))).to_be_visible()
    assert page.locator("html").get_attribute("lang") == code


def test_a_language_that_is_chosen_is_kept_on_the_trial_and_in_another_tab(visit):
    visit = visit("ar")
    page = visit.page
    PAGES["consent to images"](visit)
    page.get_by_label(said("ar", "Language")).select_option(label="Français")
    page.get_by_role("button", name=said("ar", "Change")).click()
    start(page)
    assert page.locator("html").get_attribute("dir") == "ltr"
    assert page.locator("#card-button").inner_text() == "Commencer"
    other = visit.context.new_page()
    other.goto(visit.cast.study("pair"))
    assert other.locator("html").get_attribute("lang") == "fr"


@pytest.mark.parametrize("code", WIDEST)
def test_no_page_is_wider_than_a_small_phone(visit, code):
    visit, spills = visit(code), {}
    for name, come in PAGES.items():
        come(visit)
        spills[name] = visit.page.evaluate(SPILL)
    assert spills == dict.fromkeys(PAGES, 0)


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_plot_of_the_result_stays_within_the_page(visit, code):
    visit = visit(code)
    PAGES["own result"](visit)
    for text in visit.page.locator(".plot text").all():
        box = text.bounding_box()
        assert box["height"] >= 10
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
