"""Whoever comes without a mouse, or without eyes, can take part: axe, the keyboard alone, what is read out."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.annotators import PAGES, Visit, cast
from tests.browser.session import EVERY_CANVAS_SHOWS, RESULT
from tests.live import TWO_FRAMES, answer, wait_for_question

LOOKS = {
    "en": [(360, "light"), (1440, "dark")],
    "ar": [(360, "dark"), (1440, "light")],
}
"""Every width and every scheme in both languages, and every pair of them once."""

FROM_RIGHT_TO_LEFT = ("consent to flashes", "own result", "wrong code")

FOCUSED = """() => {
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
  return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
}"""


@pytest.fixture(scope="module")
def people(site, studies):
    return cast(site)


@pytest.fixture
def visit(people, person):
    """Lets somebody come who reads a language."""

    def come(language):
        return Visit(person(locale=language).new_page(), people, language)

    return come


def violations(visit):
    """What axe finds wrong with the page as it is, in each of the language's looks."""
    found = {}
    for width, scheme in LOOKS[visit.language]:
        visit.page.set_viewport_size({"width": width, "height": 740})
        visit.page.emulate_media(color_scheme=scheme)
        for each in Axe().run(visit.page).response["violations"]:
            found[width, scheme, each["id"]] = [node["target"] for node in each["nodes"]]
    return found


@pytest.mark.parametrize(
    ("language", "names"), [("en", tuple(PAGES)), ("ar", FROM_RIGHT_TO_LEFT)], ids=LOOKS
)
def test_axe_finds_nothing_wrong_with_any_page(visit, language, names):
    visit, found = visit(language), {}
    for name in names:
        PAGES[name](visit)
        found[name] = violations(visit)
    assert found == {name: {} for name in names}


@pytest.mark.parametrize("language", LOOKS)
def test_axe_finds_nothing_wrong_from_the_first_card_to_the_break(visit, language):
    visit = visit(language)
    page = visit.page
    PAGES["consent to images"](visit)
    page.locator("main form button").click()
    page.locator("#card-button").wait_for()
    assert violations(visit) == {}
    page.locator("#card-button").click()
    page.wait_for_function(EVERY_CANVAS_SHOWS)
    assert violations(visit) == {}
    page.locator("#stop").click()
    page.locator("#leaving").wait_for()
    assert violations(visit) == {}
    page.keyboard.press("Escape")
    for key in ("ArrowLeft", "ArrowRight"):
        page.wait_for_function(EVERY_CANVAS_SHOWS)
        page.evaluate(TWO_FRAMES)
        answer(page, key)
    page.locator("#card-button").wait_for()
    assert violations(visit) == {}


def tab_to(page, name):
    """Go on by Tab until a control with this name has the focus, which is seen all the way."""
    wanted = page.get_by_role("button", name=name).or_(page.get_by_role("link", name=name)).first
    for _ in range(30):
        page.keyboard.press("Tab")
        assert page.evaluate(FOCUSED), page.evaluate("document.activeElement.outerHTML")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"Tab does not reach {name!r}")


def begin(visit, name):
    """From the address to the first question without a mouse."""
    page = visit.page
    page.goto(visit.cast.study(name))
    tab_to(page, "I agree, let me start")
    page.keyboard.press("Enter")
    expect(page.locator("#card-button")).to_be_focused()
    page.keyboard.press("Enter")
    return page


def test_images_are_judged_by_keyboard_alone(visit):
    visit = visit("en")
    page = begin(visit, "unlimited")
    for number, key in enumerate(["ArrowLeft", "f", "r", "ArrowRight"]):
        if number == 2:
            expect(page.locator("#card-button")).to_be_focused()
            page.keyboard.press("Space")
        wait_for_question(page, number)
        page.keyboard.press(key)
    page.wait_for_url(RESULT)
    tab_to(page, "have your answers deleted")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/withdraw/$"))


def test_an_answer_is_reached_by_tab_and_given_with_the_space_bar(visit):
    page = begin(visit("en"), "unlimited")
    wait_for_question(page, 0)
    for name in ("Real", "Fake"):
        tab_to(page, name)
    page.keyboard.press("Space")
    wait_for_question(page, 1)


def test_pairs_are_judged_by_keyboard_alone(visit):
    page = begin(visit("en"), "pair")
    wait_for_question(page, 0)
    page.keyboard.press("ArrowRight")
    wait_for_question(page, 1)
    tab_to(page, "I cannot tell")
    page.keyboard.press("Enter")
    page.wait_for_url(RESULT)


def test_grids_are_marked_by_keyboard_alone_and_say_what_is_marked(visit):
    page = begin(visit("en"), "select")
    first = page.get_by_role("button", name="Image 1")
    for number in range(2):
        page.locator("#count").get_by_text(f"{number} of 2").wait_for()
        expect(first).to_be_focused()
        assert page.evaluate(FOCUSED)
        page.keyboard.press("Space")
        expect(first).to_have_attribute("aria-pressed", "true")
        tab_to(page, "Done")
        page.keyboard.press("Enter")
    page.wait_for_url(RESULT)


def test_what_comes_first_is_a_way_past_what_every_page_has(visit):
    visit = visit("en")
    PAGES["withdraw"](visit)
    visit.page.keyboard.press("Tab")
    expect(visit.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.press("Tab")
    expect(visit.page.get_by_label("Your code")).to_be_focused()


def test_the_consent_is_read_out_in_order(visit):
    visit = visit("en")
    PAGES["consent to images"](visit)
    expect(visit.page.locator("body")).to_match_aria_snapshot("""
      - link "Skip to the content"
      - banner:
        - link "Uncanny"
        - text: Language
        - combobox "Language"
        - button "Change"
      - main:
        - heading "Is this image real?" [level=1]
        - paragraph: Say of each image whether it is real.
        - paragraph:
          - strong: 4 images
        - paragraph: /Answer with the keys of your keyboard/
        - paragraph: You are paid 1.50 USD when you have finished.
        - button "I agree, let me start"
      - contentinfo:
        - link "Have your answers deleted"
    """)


def test_the_trial_is_read_out_in_order(visit):
    page = begin(visit("en"), "unlimited")
    wait_for_question(page, 0)
    expect(page.locator("body")).to_match_aria_snapshot("""
      - banner:
        - heading "Is this image real?" [level=1]
        - progressbar "Questions answered"
        - paragraph: 0 of 4
        - status
        - link "Stop for now"
      - main:
        - img "The image to judge"
        - paragraph: Is this image real?
        - button "Real"
        - button "Fake"
    """)


def test_the_end_is_read_out_in_order(visit):
    visit = visit("en")
    PAGES["own result"](visit)
    expect(visit.page.locator("main")).to_match_aria_snapshot("""
      - main:
        - heading "You were right about 6 of 6 images" [level=1]
        - paragraph: Every answer has arrived. Thank you!
        - region "Completion code":
          - paragraph:
            - strong: One thing is left.
            - strong:
              - code: C1DONE
          - link "Go back and hand in the code"
        - paragraph: /You took 0 generated images for real/
        - figure /who finished this study/:
          - 'img "You: 100 % right."'
        - paragraph:
          - link "have your answers deleted"
        - link "See the leaderboard"
        - link "Front page"
    """)
