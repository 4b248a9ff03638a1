"""An annotator's session in a real browser: nothing lost, nothing doubled, whatever happens on the way."""

import re

import pytest

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
from tests.live import answer, answers_of, consent, press_card, wait_for_question


def test_a_reload_in_mid_block_neither_loses_nor_doubles_an_answer(site, studies, person):
    study, page = studies["reload"], person().new_page()
    start(page, study)
    first = ["real", "fake", "fake", "real", "fake"]
    give(page, first)
    page.reload()
    wait_for_question(page, 5)
    give(page, ["real"] * 6)
    give_last(page, "fake")
    assert kept(site, study) == [*first, *["real"] * 6, "fake"]
    page.goto(study)
    page.wait_for_url(RESULT)


def test_answers_given_offline_arrive_when_the_network_is_back(site, studies, person):
    study, context = studies["offline"], person()
    page = context.new_page()
    start(page, study)
    page.wait_for_load_state("networkidle")
    context.set_offline(True)
    given = ["fake", "real"] * 5
    give(page, given)
    page.get_by_text("Offline. Your answers are kept here").wait_for()
    assert kept(site, study) == []
    context.set_offline(False)
    give(page, ["real"])
    give_last(page, "fake")
    assert kept(site, study) == [*given, "real", "fake"]


def test_the_tab_opened_last_goes_on_and_the_other_says_so(site, studies, person):
    study, context = studies["tabs"], person()
    first, second = context.new_page(), context.new_page()
    start(first, study)
    give(first, ["real"] * 3)
    second.goto(study)
    first.get_by_text("You went on in another tab.").wait_for()
    first.bring_to_front()
    first.keyboard.press("ArrowRight")
    second.bring_to_front()
    wait_for_question(second, 3)
    give(second, ["fake"] * 4)
    first.bring_to_front()
    first.get_by_role("link", name="Load it again").click()
    second.get_by_text("You went on in another tab.").wait_for()
    wait_for_question(first, 7)
    give(first, ["real"] * 4)
    give_last(first, "fake")
    assert kept(site, study) == [*["real"] * 3, *["fake"] * 4, *["real"] * 4, "fake"]


def test_of_two_tabs_without_locks_the_first_answer_to_each_trial_stands(site, studies, person):
    study, context = studies["tabs without locks"], person()
    first, second = without_locks(context), without_locks(context)
    start(first, study)
    second.goto(study)
    press_card(second)
    wait_for_question(second, 0)
    first.bring_to_front()
    give(first, ["real"] * 6)
    second.bring_to_front()
    give(second, ["fake"] * 11)
    give_last(second, "fake")
    first.bring_to_front()
    give(first, ["real"] * 5)
    give_last(first, "real")
    assert kept(site, study) == [*["real"] * 6, *["fake"] * 6]


def test_going_back_and_coming_again_loses_nothing(site, studies, person):
    study, page = studies["back"], person().new_page()
    page.goto(f"{site.url}/leaderboard/")
    start(page, study)
    give(page, ["fake"] * 4)
    page.go_back()
    page.goto(study)
    wait_for_question(page, 4)
    give(page, ["real"] * 7)
    give_last(page, "real")
    assert kept(site, study) == [*["fake"] * 4, *["real"] * 8]
    page.go_back()
    page.wait_for_url(RESULT)


def test_a_page_restored_as_it_was_left_asks_the_server_again(studies, person):
    study, context = studies["restored"], person()
    page, other = context.new_page(), without_locks(context)
    start(page, study)
    other.goto(study)
    press_card(other)
    give(other, ["real"] * 10)  # a batch, so that it is sent
    page.bring_to_front()
    with page.expect_navigation():
        page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    wait_for_question(page, 10)


def test_a_trial_during_which_the_machine_slept_is_kept_and_flagged(site, studies, person):
    study, page = studies["asleep"], person().new_page()
    start(page, study)
    give(page, ["real"])
    page.evaluate("() => { const end = Date.now() + 4000; while (Date.now() < end); }")
    give(page, ["fake"] * 10)
    give_last(page, "real")
    assert kept(site, study) == ["real", *["fake"] * 10, "real"]
    is_flagged = ["focus_lost" in flags for *_, flags, _ in shown(site, study)]
    assert is_flagged == [False, True, *[False] * 10]


def test_answers_given_while_the_server_restarts_arrive_when_it_is_back(site, studies, person):
    study, page = studies["restart"], person().new_page()
    start(page, study)
    page.wait_for_load_state("networkidle")
    give(page, ["real"] * 3)
    site.stop()
    give(page, ["fake"] * 8)
    page.get_by_text("Your answers are kept here").wait_for()
    site.start("--workers", "1")
    give_last(page, "real")
    assert kept(site, study) == [*["real"] * 3, *["fake"] * 8, "real"]


def test_answers_posted_twice_count_once(site, studies, person):
    study, page = studies["doubled"], person().new_page()
    page.route("**/responses/", post_twice)
    start(page, study)
    give(page, ["real", "fake"] * 5)
    give(page, ["real"])
    give_last(page, "fake")
    assert kept(site, study) == ["real", "fake"] * 6


def test_answers_that_arrive_out_of_order_are_all_kept_and_none_is_asked_again(
    site, studies, person
):
    study, page = studies["out of order"], person().new_page()
    start(page, study)
    post(page, [11, 3, 7], "fake")
    post(page, [5, 0], "real")
    post(page, [3], "real")  # too late: the first answer stands
    page.reload()
    wait_for_question(page, 5)
    give(page, ["real"] * 6)
    give_last(page, "real")
    fakes = {3, 7, 11}
    assert kept(site, study) == ["fake" if place in fakes else "real" for place in range(12)]


def test_a_doubled_key_press_answers_one_trial(site, studies, person):
    page = person().new_page()
    start(page, studies["pressed twice"])
    page.evaluate(
        """() => [1, 2].forEach(() => document.body.dispatchEvent(
            new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true })))"""
    )
    wait_for_question(page, 1)
    page.wait_for_timeout(300)
    assert page.locator("#count").inner_text() == "1 of 12"


def test_a_key_that_is_held_down_answers_one_trial(studies, person):
    page = person().new_page()
    start(page, studies["held"])
    for _ in range(5):
        page.keyboard.down("ArrowRight")  # the second and later ones repeat
        page.wait_for_timeout(60)
    page.keyboard.up("ArrowRight")
    wait_for_question(page, 1)
    assert page.locator("#count").inner_text() == "1 of 12"


def test_a_phone_answers_by_touch_without_scrolling(site, studies, person):
    study, page = studies["touch"], person(**PHONE).new_page()
    page.goto(study)
    page.get_by_role("button", name="I agree").tap()
    page.locator("#card-button").tap()
    for given in ["Real", "Fake"] * 6:
        wait_for_question(page)
        button = page.get_by_role("button", name=given)
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= 48
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        assert box["y"] + box["height"] <= 740
        assert page.evaluate("[document.documentElement.scrollWidth, scrollY]") == [360, 0]
        before = page.locator("#count").inner_text()
        button.tap()
        page.wait_for_function(
            "before => document.querySelector('#count')?.textContent !== before", arg=before
        )
    page.wait_for_url(RESULT)
    assert kept(site, study) == ["real", "fake"] * 6


def test_practice_tells_right_from_wrong_and_does_not_count(site, studies, person):
    study, page = studies["practice"], person().new_page()
    consent(page, study)
    press_card(page)
    told = []
    for _ in range(2):
        wait_for_question(page)
        page.keyboard.press("ArrowLeft")
        told.append(is_told(page))
    assert set(told) <= {("✓", "Right: it was real."), ("✗", "Wrong: it was fake.")}
    page.get_by_text("Practice is over.").wait_for()
    press_card(page)
    give(page, ["real"])
    give_last(page, "real")
    assert len(kept(site, study)) == 2


def test_who_does_not_qualify_is_told_so_kindly_and_answers_nothing_that_counts(
    site, studies, person
):
    study, page = studies["qualification"], person().new_page()
    consent(page, study)
    press_card(page)
    for _ in range(8):
        wait_for_question(page)
        page.keyboard.press("ArrowLeft")  # all real: wrong for every fake
        page.wait_for_function("() => document.querySelector('#mark')?.textContent")
        page.wait_for_function("() => !document.querySelector('#mark')?.textContent")
    page.wait_for_url(RESULT)
    assert "Thank you" in page.locator("main").inner_text()
    assert kept(site, study) == []


def test_between_two_blocks_there_is_a_break(site, studies, person):
    study, page = studies["breaks"], person().new_page()
    start(page, study)
    give(page, ["real", "fake"])
    page.get_by_text("Time for a short break.").wait_for()
    assert "2 images left." in page.locator("#card-lines").inner_text()
    page.keyboard.press("Enter")  # its button has the focus
    give(page, ["fake"])
    give_last(page, "real")
    assert kept(site, study) == ["real", "fake", "fake", "real"]


def test_in_a_language_from_right_to_left_real_stays_on_the_left(site, studies, person):
    study, page = studies["right to left"], person(locale="ar").new_page()
    page.goto(study)
    page.locator("main form button").first.click()
    page.wait_for_url(re.compile("/trials/$"))
    press_card(page)
    page.wait_for_function(EVERY_CANVAS_SHOWS)
    assert page.locator("html").get_attribute("dir") == "rtl"
    left, right = (page.locator(each).bounding_box() for each in ("#real", "#fake"))
    assert left["x"] < right["x"]
    answer(page, "ArrowLeft")
    page.wait_for_event("response", lambda response: "/responses/" in response.url)
    assert kept(site, study) == ["real"]


def facts_of(response):
    """What a network log tells of a stimulus: size, and every header but the time of day."""
    headers = {name: value for name, value in response.all_headers().items() if name != "date"}
    return len(response.url), response.status, len(response.body()), tuple(sorted(headers.items()))


def test_the_network_log_does_not_tell_real_from_fake(site, studies, person):
    study, page = studies["secrets"], person().new_page()
    images, blocks = [], []
    page.on("response", lambda response: "/i/" in response.url and images.append(response))
    page.on("response", lambda response: "/block/" in response.url and blocks.append(response))
    start(page, study)
    page.wait_for_load_state("networkidle")
    [block] = [response.json() for response in blocks]
    facts = [facts_of(response) for response in images]
    give(page, ["real"] * 11)
    give_last(page, "real")
    truth = {code: truth for code, truth, _ in answers_of(site, study)}
    seen = {truth[response.url.rpartition("/")[2].removesuffix(".png")] for response in images}
    assert seen == {"real", "fake"}
    assert len(set(facts)) == 1, set(facts)
    screens = block["screens"]
    assert {tuple(screen) for screen in screens} == {("code", "images", "exposure_ms")}
    assert {(len(screen["code"]), screen["exposure_ms"]) for screen in screens} == {(22, None)}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_ground_under_the_image_is_the_same_grey_in_light_and_dark(studies, person, scheme):
    page = person(color_scheme=scheme).new_page()
    consent(page, studies["looked at"])
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(128, 128, 128)"
