"""An annotator's session in a real browser: nothing lost, nothing doubled, whatever happens on the way."""

import re
from itertools import pairwise

import pytest

from tests.live import answer, answers_of, consent, press_card, wait_for_question

RESULT = re.compile("/result/$")
KEYS = {"real": "ArrowLeft", "fake": "ArrowRight"}


def kept(site, study):
    return [given for _, _, given in answers_of(site, study)]


def start(page, study):
    consent(page, study)
    press_card(page)
    wait_for_question(page, 0)


def give(page, answers):
    """Answer one question after the other."""
    for given in answers:
        wait_for_question(page)
        answer(page, KEYS[given])


def give_last(page, given):
    wait_for_question(page)
    page.keyboard.press(KEYS[given])
    page.wait_for_url(RESULT)


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


def test_of_two_tabs_the_first_answer_to_each_trial_stands(site, studies, person):
    study, context = studies["tabs"], person()
    first, second = context.new_page(), context.new_page()
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


def test_a_doubled_key_press_answers_one_trial(site, studies, person):
    page = person().new_page()
    start(page, studies["doubled"])
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


def test_practice_tells_right_from_wrong_and_does_not_count(site, studies, person):
    study, page = studies["practice"], person().new_page()
    consent(page, study)
    press_card(page)
    told = []
    for _ in range(2):
        wait_for_question(page)
        page.keyboard.press("ArrowLeft")
        page.wait_for_function("() => document.querySelector('#mark').textContent")
        told.append((page.locator("#mark").inner_text(), page.locator("#words").inner_text()))
        page.wait_for_function("() => !document.querySelector('#mark').textContent")
    assert set(told) <= {("✓", "Right: it was real."), ("✗", "Wrong: it was fake.")}
    page.get_by_text("Practice is over.").wait_for()
    press_card(page)
    give(page, ["real"])
    give_last(page, "real")
    assert len(kept(site, study)) == 2


def test_a_flash_study_keeps_each_measured_exposure_and_follows_the_staircase(
    site, studies, person
):
    study, page = studies["flash"], person().new_page()
    consent(page, study)
    press_card(page)
    wait_for_question(page)
    page.keyboard.press("ArrowLeft")
    page.get_by_text("Practice is over.").wait_for()
    press_card(page)
    for _ in range(4):
        wait_for_question(page)
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(
            "() => !/real\\?$/.test(document.querySelector('#words')?.textContent)"
        )
    page.wait_for_url(RESULT)
    rows = site.rows(
        """
        select trial.exposure_ms, response.shown_ms, response.refresh_hz, response.flags,
               response.answer = case when pool.dataset_id is null then 'fake' else 'real' end
        from studies_response response join studies_trial trial on trial.id = response.trial_id
        join studies_block block on block.id = trial.block_id
        join catalog_pool pool on pool.id = trial.pool_id
        join studies_study study on study.id = (
            select study_id from studies_observer where id = trial.observer_id)
        where study.code = ? and block.kind = 'main' order by trial.position
        """,
        study.rstrip("/").rpartition("/")[2],
    )
    assert len(rows) == 4
    assert rows[0][0] == 500
    for (before_ms, *_, is_right), (exposure_ms, *_) in pairwise(rows):
        assert exposure_ms == before_ms + (-10 if is_right else 30)
    for exposure_ms, shown_ms, refresh_hz, flags, _ in rows:
        off_ms = abs(shown_ms - exposure_ms)
        assert off_ms < 1000 / refresh_hz or "off_by_frame" in flags


PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


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
    assert {tuple(trial) for trial in block["trials"]} == {("code", "exposure_ms")}
    assert {(len(trial["code"]), trial["exposure_ms"]) for trial in block["trials"]} == {(22, None)}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_ground_under_the_image_is_the_same_grey_in_light_and_dark(studies, person, scheme):
    page = person(color_scheme=scheme).new_page()
    consent(page, studies["looked at"])
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(128, 128, 128)"
