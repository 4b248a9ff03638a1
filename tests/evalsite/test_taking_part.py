import json
from itertools import count

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from evalsite.studies import services
from evalsite.studies.models import Observer, Protocol, Response, Trial
from tests import factories
from tests.evalsite.observing import Browser

pytestmark = pytest.mark.django_db


def words(response):
    return response.content.decode()


def test_consent_is_asked_before_anything_else(short_study):
    visitor = Browser(short_study)
    for page in ("trials", "own_result"):
        assert visitor.get(page).url == short_study.public_path
    page = words(visitor.get("take_part"))
    assert "You may stop." in page
    assert "<strong>6 images</strong>, one at a time" in page
    assert "Before that there are 2 to practise" in page
    assert visitor.get("block").status_code == 404
    assert not Observer.objects.exists()


def test_consent_gives_a_cookie_that_leads_back_to_the_trials(short_study):
    visitor = Browser(short_study)
    response = visitor.client.post(short_study.public_path)
    cookie = response.cookies[f"observer-{short_study.code}"]
    assert response.url == reverse("trials", args=[short_study.code])
    assert cookie.value == Observer.objects.get().token
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert visitor.get("take_part").url == reverse("trials", args=[short_study.code])
    assert visitor.client.post(short_study.public_path).url == reverse(
        "trials", args=[short_study.code]
    )
    assert Observer.objects.count() == 1
    assert visitor.get("trials").status_code == 200


def test_a_closed_study_says_so_but_lets_people_finish(short_study, person):
    services.close_study(short_study)
    visitor = Browser(short_study)
    assert "This study is closed" in words(visitor.get("take_part"))
    assert "This study is closed" in words(visitor.client.post(short_study.public_path))
    assert Observer.objects.count() == 1
    person.finish()
    assert person.observer.finished_at is not None


def test_a_waiting_study_says_so():
    study = factories.study(pools=[factories.pool(is_ready=False)])
    page = words(Browser(study).get("take_part"))
    assert "opens as soon as its images are ready" in page
    assert "<button" not in page.split("<main")[1]


def test_a_study_that_does_not_exist_is_not_found(client):
    for page in ("take_part", "block", "study"):
        assert client.get(reverse(page, args=["00000000"])).status_code == 404


def test_a_block_is_asked_in_order_and_shrinks_as_it_is_answered(person):
    block = person.block()
    codes = list(person.observer.trials.in_order().values_list("code", flat=True))
    assert (block["kind"], block["feedback"], block["answered"], block["total"]) == (
        "practice",
        True,
        0,
        6,
    )
    assert [screen["code"] for screen in block["screens"]] == codes[:2]
    for trial in person.observer.trials.in_order()[:3]:
        person.send(factories.answer(trial))
    block = person.block()
    assert (block["kind"], block["feedback"], block["answered"]) == ("main", False, 1)
    assert [screen["code"] for screen in block["screens"]] == codes[3:]
    assert (block["masks"], block["image_px"], block["multiple"]) == (0, 8, 35)


@pytest.mark.parametrize("reading", range(5))
def test_a_block_counts_right_while_another_tab_sends_answers(person, reading):
    def answers():
        return [
            {"trial": screen["code"], "answer": "real", "rt_ms": 900}
            for screen in person.block()["screens"]
        ]

    person.send(*answers())
    late = answers()[:4]
    observer, readings = person.observer, count()

    def answer_between(execute, sql, *query):
        if "studies_trial" in sql and next(readings) == reading:
            services.record_responses(observer, late)
        return execute(sql, *query)

    with connection.execute_wrapper(answer_between):
        block = person.block()
    assert block["answered"] + len(block["screens"]) == block["total"] == 6


def test_the_end_is_only_after_the_last_answer(person):
    *most, last = person.observer.trials.in_order()
    reply = person.send(*map(factories.answer, most)).json()
    assert reply["finished"] is False
    assert person.get("own_result").url == reverse("trials", args=[person.study.code])
    assert person.send(factories.answer(last)).json()["finished"] is True
    assert person.block() == {"finished": True, "qualified": True}
    assert person.get("trials").url == reverse("own_result", args=[person.study.code])


def test_the_own_result_counts_what_was_right_beside_the_others(short_study):
    factories.finished(short_study, right=lambda trial: False)
    me = Browser(short_study).consent()
    assert "You are the first" not in words(me.get("take_part", follow=True))
    for trial in me.observer.trials.in_order():
        me.send(factories.answer(trial, right=trial.truth == "fake" or trial.position == 0))
    page = words(me.get("own_result"))
    real_right = sum(
        t.truth == "real" and t.position == 0 for t in factories.main_trials(me.observer)
    )
    assert f"You were right about {3 + real_right} of 6 images" in page
    assert f"You took {3 - real_right} real image" in page
    assert "You took 0 generated images for real" in page
    assert "The dot is 1 other who finished this study" in page


def test_an_answer_is_kept_with_how_it_was_shown(person):
    trial = factories.main_trials(person.observer)[0]
    details = {"shown_ms": 499.9, "frames_shown": 30, "frames_dropped": 1, "refresh_hz": 60.02}
    person.send({**factories.answer(trial), **details, "flags": "too_fast;focus_lost"})
    kept = Response.objects.get()
    assert {name: getattr(kept, name) for name in details} == details
    assert (kept.flags, kept.rt_ms, kept.answer) == ("too_fast;focus_lost", 500.0, trial.truth)


def test_a_browser_cannot_say_that_an_answer_does_not_count(person):
    (trial,) = person.observer.trials.in_order()[:1]
    flags = "catch;excluded_fast;tie;focus_lost"
    assert person.send({**factories.answer(trial), "flags": flags}).status_code == 200
    trial.refresh_from_db()
    assert trial.response.flags == "focus_lost"


def test_an_answer_sent_again_is_harmless_and_the_first_one_stands(person):
    trial = factories.main_trials(person.observer)[0]
    first = person.send(factories.answer(trial)).json()
    again = person.send(factories.answer(trial, right=False)).json()
    assert first["saved"] == again["saved"] == [trial.code]
    assert Response.objects.get().is_correct


def test_of_an_answer_doubled_in_one_batch_the_first_stands(person):
    trial = factories.main_trials(person.observer)[0]
    reply = person.send(factories.answer(trial), factories.answer(trial, right=False))
    assert reply.json()["saved"] == [trial.code]
    assert Response.objects.get().is_correct


def test_answers_may_arrive_in_any_order(person):
    for trial in reversed(person.observer.trials.in_order()):
        assert person.send(factories.answer(trial)).json()["saved"] == [trial.code]
    assert person.observer.finished_at is not None


def test_unknown_and_foreign_trials_are_named_and_not_kept(short_study, person):
    other = Browser(short_study).consent()
    own, foreign = person.observer.trials.first(), other.observer.trials.first()
    reply = person.send(
        {**factories.answer(own), "trial": "nonsense"},
        factories.answer(foreign),
        factories.answer(own),
    )
    assert reply.status_code == 200
    assert reply.json()["saved"] == [own.code]
    assert reply.json()["unknown"] == sorted([foreign.code, "nonsense"])
    assert Response.objects.get().trial == own


def test_without_a_cookie_nothing_can_be_answered(short_study, person):
    stranger = Browser(short_study)
    assert stranger.send(factories.answer(person.observer.trials.first())).status_code == 404
    stranger.client.cookies[f"observer-{short_study.code}"] = "made-up"
    assert stranger.send(factories.answer(person.observer.trials.first())).status_code == 404
    assert not Response.objects.exists()


def test_the_cookie_of_one_study_opens_no_other(person):
    other = factories.study()
    visitor = Browser(other, person.client)
    person.client.cookies[f"observer-{other.code}"] = person.observer.token
    assert visitor.get("block").status_code == 404


def test_answers_need_the_csrf_token(short_study):
    visitor = Browser(short_study, Client(enforce_csrf_checks=True))
    assert visitor.client.post(short_study.public_path).status_code == 403
    token = visitor.get("take_part").client.cookies["csrftoken"].value
    visitor.client.post(short_study.public_path, {"csrfmiddlewaretoken": token})
    address = reverse("responses", args=[short_study.code])
    body = json.dumps({"answers": [factories.answer(visitor.observer.trials.first())]})
    assert visitor.client.post(address, body, content_type="application/json").status_code == 403
    assert not Response.objects.exists()
    sent = {"content_type": "application/json", "headers": {"X-CSRFToken": visitor.block()["csrf"]}}
    assert visitor.client.post(address, body, **sent).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no json",
        "[]",
        "null",
        "7",
        '"text"',
        "{}",
        '{"answers": null}',
        '{"answers": {}}',
        '{"answers": "all"}',
        b"\xff\xfe",
        "[" * 100_000,
        json.dumps({"answers": [{}] * 201}),
    ],
    ids=[
        "empty",
        "words",
        "list",
        "null",
        "number",
        "string",
        "nothing",
        "no answers",
        "mapping",
        "text",
        "binary",
        "deep",
        "huge",
    ],
)
def test_a_body_that_is_no_batch_is_refused_in_words(person, body):
    reply = person.post(body)
    assert reply.status_code == 400
    assert 'expected {"answers":' in reply.json()["error"]


BAD = {
    "list": "[1, 2]",
    "null": "null",
    "text": '"real"',
    "no trial": '{"answer": "real", "rt_ms": 5}',
    "no answer": '{"trial": "CODE", "rt_ms": 5}',
    "no time": '{"trial": "CODE", "answer": "real"}',
    "another word": '{"trial": "CODE", "answer": "maybe", "rt_ms": 5}',
    "answer in a list": '{"trial": "CODE", "answer": ["real"], "rt_ms": 5}',
    "negative time": '{"trial": "CODE", "answer": "real", "rt_ms": -1}',
    "no number": '{"trial": "CODE", "answer": "real", "rt_ms": "soon"}',
    "nan": '{"trial": "CODE", "answer": "real", "rt_ms": NaN}',
    "infinity": '{"trial": "CODE", "answer": "real", "rt_ms": Infinity}',
    "endless time": '{"trial": "CODE", "answer": "real", "rt_ms": 1e308}',
    "overflow": '{"trial": "CODE", "answer": "real", "rt_ms": 1e999}',
    "long integer": '{"trial": "CODE", "answer": "real", "rt_ms": 1%s}' % ("0" * 400),
    "too many frames": '{"trial": "CODE", "answer": "real", "rt_ms": 5, "frames_shown": 99999999999999999999}',
    "nul": '{"trial": "CODE", "answer": "real", "rt_ms": 5, "flags": "\\u0000"}',
    "half a character": '{"trial": "CODE", "answer": "real", "rt_ms": 5, "flags": "\\ud800"}',
    "odd code": '{"trial": "\\ud800", "answer": "real", "rt_ms": 5}',
    "long code": '{"trial": "%s", "answer": "real", "rt_ms": 5}' % ("x" * 33),
}


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_answer_is_refused_by_name_and_the_good_ones_kept(person, kind):
    bad, good = factories.main_trials(person.observer)[:2]
    body = f'{{"answers": [{BAD[kind].replace("CODE", bad.code)}, {json.dumps(factories.answer(good))}]}}'
    reply = person.post(body)
    assert reply.status_code == 400
    told = json.loads(reply.content, parse_constant=pytest.fail)
    assert told["saved"] == [good.code]
    assert told["unknown"] == []
    (refused,) = told["refused"]
    assert set(refused["errors"]) <= {"trial", "answer", "rt_ms", "frames_shown", "flags"}
    assert refused["errors"]
    assert Response.objects.get().trial == good


def test_the_largest_batch_is_taken(person):
    trial = person.observer.trials.first()
    assert person.send(*[factories.answer(trial)] * 200).status_code == 200


def test_the_screen_is_kept_as_numbers_and_short_words(person):
    screen = '{"pixel_ratio": 2, "width_px": NaN, "pointer": "co\\u0000arse\\ud800%s", "secret": 1, "refresh_hz": null}'
    person.post('{"answers": [], "screen": %s}' % (screen % ("!" * 99)))
    kept = person.observer.screen
    assert (kept["pixel_ratio"], kept["width_px"]) == (2, "NaN")
    assert kept["pointer"] == ("coarse" + "!" * 99)[:40]
    assert set(kept) == {"pixel_ratio", "width_px", "pointer"}
    assert person.post('{"answers": [], "screen": "wide"}').status_code == 200


def test_feedback_is_given_in_practice_only(person):
    practice, main = (
        person.observer.trials.in_order()[0],
        factories.main_trials(person.observer)[0],
    )
    reply = person.send(factories.answer(practice, right=False), factories.answer(main)).json()
    assert reply["feedback"] == {practice.code: False}
    assert (reply["next_exposure_ms"], reply["answers"]) == ({}, {})


def test_a_flash_study_tells_after_every_answer():
    person = Browser(factories.study(protocol=Protocol.FLASH)).consent()
    main = factories.main_trials(person.observer)
    reply = person.send(factories.answer(main[0])).json()
    assert reply["feedback"] == {main[0].code: True}
    assert person.block()["masks"] == services.MASKS


def exposures(person):
    return [trial.exposure_ms for trial in factories.main_trials(person.observer)]


@pytest.fixture
def flash():
    return Browser(factories.study(protocol=Protocol.FLASH)).consent()


def test_the_staircase_sets_the_next_exposure(flash):
    first, second, third, *_ = factories.main_trials(flash.observer)
    assert flash.send(factories.answer(first)).json()["next_exposure_ms"] == {second.code: 490}
    reply = flash.send(factories.answer(second, right=False)).json()
    assert reply["next_exposure_ms"] == {third.code: 520}
    assert exposures(flash)[:4] == [500, 490, 520, None]
    asked = {screen["code"]: screen["exposure_ms"] for screen in flash.block()["screens"]}
    assert asked.get(third.code, 520) == 520


def test_a_repeated_answer_does_not_move_the_staircase(flash):
    first, second, *_ = factories.main_trials(flash.observer)
    flash.send(factories.answer(first))
    for right in (True, False):
        reply = flash.send(factories.answer(first, right=right)).json()
        assert reply["next_exposure_ms"] == {second.code: 490}
        assert reply["feedback"] == {first.code: True}
    flash.send(factories.answer(second))
    flash.send(factories.answer(first))
    assert exposures(flash)[:3] == [500, 490, 480]


def test_a_batch_steps_the_staircase_as_single_answers_do(flash):
    trials = factories.main_trials(flash.observer)
    flash.send(*map(factories.answer, trials[:3]))
    assert exposures(flash)[:4] == [500, 490, 480, 470]


def test_practice_does_not_step_the_staircase(flash):
    practice = flash.observer.trials.in_order()[0]
    assert flash.send(factories.answer(practice)).json()["next_exposure_ms"] == {}
    assert flash.observer.trials.in_order()[1].exposure_ms == 500


def test_a_flash_study_can_be_finished(flash):
    flash.finish()
    assert exposures(flash) == [500, 490, 480, 470, 460, 450]
    assert flash.observer.finished_at is not None


def test_the_researchers_own_answers_do_not_count():
    owner = factories.user()
    study = factories.study(owner=owner)
    own = Browser(study)
    own.client.force_login(owner)
    assert "your answers will not count" in words(own.get("take_part"))
    own.consent().finish()
    assert not own.observer.counts
    assert "these answers do not count" in words(own.get("own_result"))
    assert not Trial.objects.that_count().exists()
    assert "0 people have finished" in words(own.client.get(study.get_absolute_url()))


def test_main_answers_ask_for_scores_once_and_practice_does_not(person, enqueued):
    practice, *_ = person.observer.trials.in_order()
    person.send(factories.answer(practice))
    assert enqueued == []
    for trial in factories.main_trials(person.observer):
        person.send(factories.answer(trial))
    assert enqueued == [("score", person.study.pk)]
