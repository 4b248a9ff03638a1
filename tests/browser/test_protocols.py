"""Each protocol as a person meets it in a real browser: what is shown, for how long, and what is kept."""

from itertools import pairwise

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.session import (
    EVERY_CANVAS_SHOWS,
    PHONE,
    RESULT,
    give,
    give_last,
    is_told,
    kept,
    post,
    post_twice,
    shown,
    start,
    without_locks,
)
from tests.live import TWO_FRAMES, consent, press_card, wait_for_question

PROTOCOLS = ("looked at", "limited", "flash", "pair", "select", "name")
LEAST_TARGET_PX = 44

RECORD_DRAWING = """
  window.drawn = [];
  const { drawImage } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.drawImage = function (image, ...where) {
    drawn.push([document.timeline.currentTime, image.height, where[1]]);
    return drawImage.call(this, image, ...where);
  };
"""
IS_BARE = """() => [...document.querySelectorAll("canvas")].every((canvas) =>
  canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.every((x) => !x))"""


def watched(context):
    """A page that records what is drawn: (time of the frame, height of the picture, from its row)."""
    page = context.new_page()
    page.add_init_script(RECORD_DRAWING)
    return page


def wait_for_grid(page, words):
    """Wait until a grid can be marked, the one at which the line above says `words`."""
    page.locator("#count").get_by_text(words).wait_for()
    page.get_by_text("Click every image that was made by a computer.").wait_for()
    page.wait_for_function(EVERY_CANVAS_SHOWS)
    page.evaluate(TWO_FRAMES)  # the grid before it may still have been there


def is_on_time(exposure_ms, shown_ms, refresh_hz, flags):
    return abs(shown_ms - exposure_ms) <= 500 / refresh_hz + 1 or "exposure_off" in flags


def assert_one_staircase(rows):
    """Every exposure follows from the answer before it, by the rule, from 500 ms."""
    assert rows[0][0] == 500
    for (before_ms, *_, is_right), (exposure_ms, *_) in pairwise(rows):
        assert exposure_ms == before_ms + (-10 if is_right else 30)


def give_flashes(page, answers):
    """Answer one flash after the other; each is told right or wrong."""
    for key in answers:
        wait_for_question(page)
        page.keyboard.press(key)
        page.wait_for_function(
            "() => !/real\\?$/.test(document.querySelector('#words')?.textContent)"
        )


def test_a_limited_image_is_shown_for_its_time_and_gone_when_it_is_judged(site, studies, person):
    study, page = studies["limited"], watched(person())
    start(page, study)
    assert page.evaluate(IS_BARE)
    give(page, ["real"])
    give_last(page, "fake")
    rows = shown(site, study)
    assert [exposure_ms for exposure_ms, *_ in rows] == [1000, 1000]
    assert all(is_on_time(*row[:4]) for row in rows)
    assert kept(site, study) == ["real", "fake"]


def test_nobody_can_answer_while_a_limited_image_is_shown(site, studies, person):
    page = person().new_page()
    consent(page, studies["limited"])
    press_card(page)
    page.get_by_text("Look.").wait_for()
    page.keyboard.press("ArrowLeft")
    wait_for_question(page, 0)
    assert page.locator("#count").inner_text().startswith("0 of")


def test_an_image_slept_through_is_kept_flagged_and_the_next_is_shown(site, studies, person):
    study, page = studies["slept through"], person().new_page()
    consent(page, study)
    press_card(page)
    page.wait_for_function(EVERY_CANVAS_SHOWS)
    page.evaluate("() => { const end = Date.now() + 4000; while (Date.now() < end); }")
    give(page, ["real"])
    give_last(page, "real")
    first, second = (set(flags.split(";")) for *_, flags, _ in shown(site, study))
    assert first == {"exposure_off", "focus_lost"}
    assert "focus_lost" not in second


def test_a_flash_study_keeps_each_measured_exposure_and_follows_the_staircase(
    site, studies, person
):
    study, page = studies["flash"], person().new_page()
    consent(page, study)
    press_card(page)
    give_flashes(page, ["ArrowLeft"])
    page.get_by_text("Practice is over.").wait_for()
    press_card(page)
    give_flashes(page, ["ArrowLeft"] * 3)
    page.wait_for_url(RESULT)
    rows = shown(site, study)
    assert len(rows) == 3
    assert_one_staircase(rows)
    assert all(is_on_time(*row[:4]) for row in rows)


def test_after_a_flash_come_four_masks_that_were_loaded_before(studies, person):
    page = watched(person())
    asked = []
    page.on("request", lambda request: "/m/" in request.url and asked.append(request.url))
    start(page, studies["masks"])
    page.keyboard.press("ArrowLeft")
    page.get_by_text("it was").wait_for()
    (onset_ms, height_px, _), *masks = page.evaluate("drawn")
    assert height_px == 28
    assert [(height, top) for _, height, top in masks] == [(112, top) for top in (0, 28, 56, 84)]
    assert 490 < masks[0][0] - onset_ms < 600
    assert len(set(asked)) == len(asked) == 3  # of all trials, each once


def test_two_tabs_share_one_staircase(site, studies, person):
    study, context = studies["flash in two tabs"], person()
    first = context.new_page()
    start(first, study)
    give_flashes(first, ["ArrowLeft"])
    second = context.new_page()
    second.goto(study)
    first.get_by_text("You went on in another tab.").wait_for()
    second.bring_to_front()
    press_card(second)
    give_flashes(second, ["ArrowRight"] * 2)
    second.wait_for_url(RESULT)
    assert kept(site, study) == ["real", "fake", "fake"]
    assert_one_staircase(shown(site, study))


def test_two_tabs_without_locks_do_not_fork_the_staircase(site, studies, person):
    study, context = studies["flash in two tabs without locks"], person()
    first = without_locks(context)
    start(first, study)
    second = without_locks(context)
    second.goto(study)
    press_card(second)
    wait_for_question(second)
    first.bring_to_front()
    give_flashes(first, ["ArrowLeft"] * 2)
    second.bring_to_front()
    give_flashes(second, ["ArrowRight"] * 3)
    second.wait_for_url(RESULT)
    assert kept(site, study) == ["real", "real", "fake"]
    assert_one_staircase(shown(site, study))


def test_flashes_posted_twice_step_the_staircase_once(site, studies, person):
    study, page = studies["flash posted twice"], person().new_page()
    page.route("**/responses/", post_twice)
    start(page, study)
    give_flashes(page, ["ArrowLeft"] * 3)
    page.wait_for_url(RESULT)
    assert_one_staircase(shown(site, study))


def test_flashes_answered_out_of_order_make_one_staircase(site, studies, person):
    study, page = studies["flash out of order"], person().new_page()
    start(page, study)
    post(page, [1, 0], "real")
    page.reload()
    press_card(page)
    give_flashes(page, ["ArrowLeft"])
    page.wait_for_url(RESULT)
    assert_one_staircase(shown(site, study))


def test_a_pair_is_shown_in_one_frame_and_judged_by_key_by_click_or_not_at_all(
    site, studies, person
):
    study, page = studies["pair"], watched(person())
    consent(page, study)
    press_card(page)
    wait_for_question(page)
    (left_ms, *_), (right_ms, *_) = page.evaluate("drawn")
    assert left_ms == right_ms
    page.keyboard.press("ArrowLeft")
    assert is_told(page) in [
        ("✓", "Right: this one is real."),
        ("✗", "Wrong: the other one is real."),
    ]
    press_card(page)
    wait_for_question(page, 0)
    page.keyboard.press("ArrowRight")
    wait_for_question(page, 1)
    page.locator(".slot").first.click()
    wait_for_question(page, 2)
    page.keyboard.press("t")
    page.wait_for_url(RESULT)
    assert kept(site, study) == ["fake", "real", "real", "fake", "tie", "tie"]


def test_on_an_upright_phone_a_pair_stands_one_above_the_other(site, studies, person):
    study, page = studies["pair on a phone"], person(**PHONE).new_page()
    start(page, study)
    upper, lower = (page.locator(".slot").nth(place).bounding_box() for place in (0, 1))
    assert upper["x"] == lower["x"]
    assert upper["y"] + upper["height"] <= lower["y"]
    assert lower["y"] + lower["height"] <= 740
    assert not page.get_by_role("button", name="I cannot tell").is_visible()
    page.locator(".slot").nth(1).tap()
    wait_for_question(page, 1)
    page.locator(".slot").nth(0).tap()
    page.wait_for_url(RESULT)
    assert kept(site, study) == ["fake", "real", "real", "fake"]


def test_a_grid_is_marked_and_unmarked_by_mouse_and_practice_tells_all(site, studies, person):
    study, page = studies["select"], person().new_page()
    consent(page, study)
    press_card(page)
    wait_for_grid(page, "Practice")
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Go on").wait_for()
    told = page.locator(".truth").all_inner_texts()
    assert set(told) <= {"✓ real", "✗ fake"}  # nothing was marked
    assert len(told) == 6
    page.get_by_role("button", name="Go on").click()
    press_card(page)
    for number, marked in enumerate(([0, 5], [])):
        wait_for_grid(page, f"{number} of 2")
        for place in {*marked, 3}:
            page.locator(".slot").nth(place).click()
        page.locator(".slot").nth(3).click()  # not that one after all
        pressed = page.locator(".slot[aria-pressed=true]")
        assert pressed.count() == len(marked)
        page.get_by_role("button", name="Done").dblclick()  # as some do with any button
    page.wait_for_url(RESULT)
    assert kept(site, study) == ["fake", *["real"] * 4, "fake", *["real"] * 6]


def test_a_grid_is_done_by_keyboard_alone(site, studies, person):
    study, page = studies["select by keyboard"], person().new_page()
    consent(page, study)
    page.locator("#card-button").wait_for()
    page.keyboard.press("Enter")
    for number in range(2):
        wait_for_grid(page, f"{number} of 2")
        page.keyboard.press("Space")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.id") == "done"
        page.keyboard.press("Enter")
    page.wait_for_url(RESULT)
    assert kept(site, study) == ["fake", "real", "real", "real", "fake", "real"] * 2


def test_a_grid_is_marked_by_touch_on_a_phone_without_scrolling(site, studies, person):
    study, page = studies["select on a phone"], person(**PHONE).new_page()
    page.goto(study)
    page.get_by_role("button", name="I agree").tap()
    page.locator("#card-button").tap()
    for number in range(2):
        wait_for_grid(page, f"{number} of 2")
        boxes = [slot.bounding_box() for slot in page.locator(".slot").all()]
        assert min(min(box["width"], box["height"]) for box in boxes) >= LEAST_TARGET_PX
        assert max(box["x"] + box["width"] for box in boxes) <= 360
        assert page.evaluate("[document.documentElement.scrollWidth, scrollY]") == [360, 0]
        page.locator(".slot").nth(2).tap()
        page.get_by_role("button", name="Done").tap()
    page.wait_for_url(RESULT)
    assert kept(site, study) == ["real", "real", "fake", "real", "real", "real"] * 2


def test_an_image_is_named_by_key_and_by_mouse_and_practice_says_whether_rightly(
    site, studies, person
):
    study, page = studies["name"], person().new_page()
    consent(page, study)
    press_card(page)
    wait_for_question(page)
    page.get_by_role("button", name="None of them").click()
    page.get_by_text("Wrong.", exact=True).wait_for()
    press_card(page)
    for number, press in enumerate(
        (
            lambda: page.keyboard.press("7"),
            lambda: page.keyboard.press("x"),
            lambda: page.get_by_role("button", name="3", exact=True).click(),
        )
    ):
        wait_for_question(page, number)
        press()
    page.wait_for_url(RESULT)
    assert kept(site, study) == ["7", "none", "3"]


def test_names_fit_a_phone_and_a_finger_upright_and_on_its_side(site, studies, person):
    study, page = studies["name on a phone"], person(**PHONE).new_page()
    start(page, study)
    for width, height in ((360, 740), (740, 360)):
        page.set_viewport_size({"width": width, "height": height})
        boxes = [each.bounding_box() for each in page.locator("#names button").all()]
        assert len(boxes) == 11
        assert min(min(box["width"], box["height"]) for box in boxes) >= LEAST_TARGET_PX
        assert max(box["x"] + box["width"] for box in boxes) <= width
        assert max(box["y"] + box["height"] for box in boxes) <= height
        image = page.locator("canvas").bounding_box()
        assert image["y"] + image["height"] <= height
    page.get_by_role("button", name="1", exact=True).tap()
    wait_for_question(page, 1)
    page.get_by_role("button", name="None of them").tap()
    page.wait_for_url(RESULT)
    assert kept(site, study) == ["1", "none"]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_axe_finds_nothing_wrong_with_the_card_or_the_question(studies, person, name):
    page = person(**PHONE).new_page()
    consent(page, studies[name])
    page.locator("#card-button").wait_for()
    assert violations(page) == []
    press_card(page)
    page.wait_for_function(
        "() => /(real\\?|computer\\.|What is it\\?)$/.test(document.querySelector('#words').textContent)"
    )
    assert violations(page) == []


def violations(page):
    found = Axe().run(page).response["violations"]
    return [(each["id"], [node["target"] for node in each["nodes"]]) for each in found]
