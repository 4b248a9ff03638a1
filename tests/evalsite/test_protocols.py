"""Every protocol from consent to the own result, as a browser goes through it."""

import pytest

from evalsite.studies import services
from evalsite.studies.design import Rules
from evalsite.studies.models import Block, Observer, Protocol, Response, Trial
from evalsite.studies.services.stepping import step_staircase
from scoring.staircase import RULES
from tests import factories
from tests.evalsite.observing import Browser

pytestmark = pytest.mark.django_db


def words(response):
    return response.content.decode()


def enter(pools, protocol, **fields):
    rules = fields.pop("rules", factories.RULES.get(protocol, Rules()))
    study = factories.study(pools=pools, protocol=protocol, rules=rules, **fields)
    return Browser(study).consent()


def main_screens(person):
    trials = person.observer.trials.main().in_order().select_related("observer__study", "pool")
    return factories.screens(trials)


def practice_screens(person):
    trials = person.observer.trials.exclude(block__kind=Block.Kind.MAIN).in_order()
    return factories.screens(trials.select_related("observer__study", "pool"))


SCREENS = {
    Protocol.UNLIMITED: 1,
    Protocol.LIMITED: 1,
    Protocol.FLASH: 1,
    Protocol.PAIR: 2,
    Protocol.SELECT: 4,
    Protocol.NAME: 1,
}


@pytest.mark.parametrize("protocol", Protocol.values)
def test_every_protocol_goes_from_consent_to_the_own_result(pools, protocol):
    person = enter(pools, protocol, trials=4, practice_trials=2)
    assert person.get("take_part", follow=True).status_code == 200
    block = person.block()
    assert (block["protocol"], block["kind"], block["answered"], block["total"]) == (
        protocol,
        "practice",
        0,
        4,
    )
    assert len(block["screens"]) == 2
    assert all(screen["code"] == screen["images"][0] for screen in block["screens"])
    assert {len(screen["images"]) for screen in block["screens"]} == {SCREENS[protocol]}
    person.finish()
    page = words(person.get("own_result"))
    assert person.observer.finished_at is not None
    n = {Protocol.PAIR: "4 of 4 pairs", Protocol.SELECT: "16 of 16 images"}.get(
        protocol, "4 of 4 images"
    )
    assert f"You were right about {n}" in page
    assert Response.objects.filter(trial__observer=person.observer).count() == 6 * SCREENS[protocol]


@pytest.mark.parametrize("protocol", Protocol.values)
def test_a_reload_goes_on_with_the_screens_that_are_left(pools, protocol):
    person = enter(pools, protocol, trials=4, practice_trials=0)
    first, second, *_ = main_screens(person)
    person.send(factories.answer(*first))
    block = person.block()
    assert (block["answered"], block["total"]) == (1, 4)
    assert block["screens"][0]["images"] == [trial.code for trial in second]


@pytest.mark.parametrize("protocol", [Protocol.PAIR, Protocol.SELECT])
def test_a_screen_is_answered_as_a_whole_and_the_first_answer_stands(pools, protocol):
    person = enter(pools, protocol, trials=2, practice_trials=0)
    screen = main_screens(person)[0]
    for right in (True, False):
        reply = person.send(factories.answer(*screen, right=right)).json()
        assert reply["saved"] == [screen[0].code]
    kept = Response.objects.select_related("trial__pool")
    assert kept.count() == len(screen)
    assert all(response.is_correct for response in kept)


def test_of_a_pair_the_chosen_image_is_called_real_and_the_other_fake(pools):
    person = enter(pools, Protocol.PAIR, trials=2, practice_trials=0)
    first, second = main_screens(person)[0]
    person.send({"trial": first.code, "chosen": [second.code], "rt_ms": 900})
    kept = dict(Response.objects.values_list("trial_id", "answer"))
    assert kept == {first.pk: "fake", second.pk: "real"}


def test_in_a_grid_the_chosen_images_are_called_fake_and_none_may_be(pools):
    person = enter(pools, Protocol.SELECT, trials=2, practice_trials=0)
    one, other = main_screens(person)
    chosen = [one[0].code, one[2].code]
    person.send({"trial": one[0].code, "chosen": chosen, "rt_ms": 900})
    person.send({"trial": other[0].code, "chosen": [], "rt_ms": 900})
    answers = [response.answer for response in Response.objects.order_by("trial")]
    assert answers == ["fake", "real", "fake", "real"] + ["real"] * 4


def test_cannot_tell_is_an_answer_where_it_is_allowed(pools):
    person = enter(pools, Protocol.PAIR, trials=2, practice_trials=1, rules=Rules(allow_ties=True))
    assert person.block()["allow_ties"] is True
    (practice,) = practice_screens(person)
    tie = {"chosen": [], "rt_ms": 900}
    reply = person.send({"trial": practice[0].code, **tie}).json()
    assert reply["feedback"] == {practice[0].code: None}
    assert reply["answers"] == {trial.code: trial.truth for trial in practice}
    for screen in main_screens(person):
        person.send({"trial": screen[0].code, **tie})
    assert {response.answer for response in Response.objects.all()} == {"tie"}
    assert "right about 0 of 2 pairs" in words(person.get("own_result"))


UNFIT = {
    "a tie that is not allowed": (Protocol.PAIR, lambda codes: {"chosen": []}),
    "both of a pair": (Protocol.PAIR, lambda codes: {"chosen": codes}),
    "a word for a pair": (Protocol.PAIR, lambda codes: {"answer": "real"}),
    "a stranger in a pair": (Protocol.PAIR, lambda codes: {"chosen": ["nobody"]}),
    "a stranger in a grid": (Protocol.SELECT, lambda codes: {"chosen": ["nobody"]}),
    "a word for a grid": (Protocol.SELECT, lambda codes: {"answer": "fake"}),
    "a choice of one": (Protocol.UNLIMITED, lambda codes: {"chosen": codes}),
    "no list": (Protocol.SELECT, lambda codes: {"chosen": codes[0]}),
    "a list of lists": (Protocol.SELECT, lambda codes: {"chosen": [codes]}),
    "far too many": (Protocol.SELECT, lambda codes: {"chosen": codes * 9}),
    "neither": (Protocol.SELECT, lambda codes: {}),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_an_answer_that_is_none_to_its_screen_is_refused_by_name(pools, kind):
    protocol, said = UNFIT[kind]
    person = enter(pools, protocol, trials=2, practice_trials=0)
    bad, good = main_screens(person)
    codes = [trial.code for trial in bad]
    reply = person.send({"trial": codes[0], "rt_ms": 5, **said(codes)}, factories.answer(*good))
    told = reply.json()
    assert reply.status_code == 400
    assert told["saved"] == [good[0].code]
    assert [each["answer"]["trial"] for each in told["refused"]] == [codes[0]]
    assert set(Response.objects.values_list("trial__code", flat=True)) == {t.code for t in good}


def test_a_screen_goes_by_the_code_of_its_first_image_alone(pools):
    person = enter(pools, Protocol.PAIR, trials=2, practice_trials=0)
    first, second = main_screens(person)[0]
    reply = person.send({"trial": second.code, "chosen": [first.code], "rt_ms": 5}).json()
    assert reply["unknown"] == [second.code]
    assert not Response.objects.exists()


def test_pairs_of_generators_are_practised_beside_real_images_and_have_no_right_answer(pools):
    rules = Rules(against="generators")
    person = enter(pools, Protocol.PAIR, trials=3, practice_trials=2, rules=rules)
    assert person.block()["against"] == "generators"
    for screen in practice_screens(person):
        assert sorted(trial.truth for trial in screen) == ["fake", "real"]
        reply = person.send(factories.answer(*screen)).json()
        assert reply["feedback"] == {screen[0].code: True}
    for screen in main_screens(person):
        assert [trial.truth for trial in screen] == ["fake", "fake"]
        reply = person.send(factories.answer(*screen)).json()
        assert reply["feedback"] == reply["answers"] == {}
    page = words(person.get("own_result"))
    assert "That was the last one" in page
    assert "You were right" not in page


def test_the_exposures_of_a_limited_study_are_planned(pools):
    person = enter(pools, Protocol.LIMITED, trials=8, practice_trials=4)
    exposures = [trial.exposure_ms for (trial,) in main_screens(person)]
    assert sorted(set(exposures)) == [1000, 5000]
    assert [each["exposure_ms"] for each in person.block()["screens"]] == [
        trial.exposure_ms for (trial,) in practice_screens(person)
    ]
    reply = person.send(factories.answer(*main_screens(person)[0])).json()
    assert reply["next_exposure_ms"] == reply["feedback"] == {}


def test_constant_stimuli_are_planned_and_no_answer_moves_them(pools):
    rules = Rules(staircase="constant", exposures_ms=(100, 300))
    person = enter(pools, Protocol.FLASH, trials=8, practice_trials=0, rules=rules)
    before = [trial.exposure_ms for (trial,) in main_screens(person)]
    assert sorted(before) == [100] * 4 + [300] * 4
    reply = person.send(factories.answer(*main_screens(person)[0])).json()
    assert (reply["next_exposure_ms"], len(reply["feedback"])) == ({}, 1)
    assert [trial.exposure_ms for (trial,) in main_screens(person)] == before


def exposures(person):
    return [trial.exposure_ms for (trial,) in main_screens(person)]


def test_three_down_one_up_waits_for_three_right_answers(pools):
    rules = Rules(staircase="three_down")
    person = enter(pools, Protocol.FLASH, trials=7, practice_trials=0, rules=rules)
    for right, screen in zip([True] * 4 + [False, True], main_screens(person), strict=False):
        person.send(factories.answer(*screen, right=right))
    assert exposures(person) == [500, 500, 500, 470, 470, 500, 500]


def test_a_staircase_does_not_fork_whatever_arrives_when(pools):
    person = enter(pools, Protocol.FLASH, trials=6, practice_trials=0)
    one, two, three, four, *_ = main_screens(person)
    person.send(factories.answer(*three, right=False))  # a tab that went ahead
    assert exposures(person)[:2] == [500, None]
    person.send(factories.answer(*one))
    person.send(factories.answer(*one, right=False))
    assert exposures(person)[:3] == [500, 490, None]
    reply = person.send(factories.answer(*two), factories.answer(*one, right=False)).json()
    assert exposures(person)[:4] == [500, 490, 480, 510]
    assert reply["next_exposure_ms"] == {two[0].code: 490, three[0].code: 480}
    again = person.send(factories.answer(*three)).json()
    assert again["next_exposure_ms"] == {four[0].code: 510}


def test_stepping_again_changes_nothing(pools):
    person = enter(pools, Protocol.FLASH, trials=6, practice_trials=0)
    person.send(factories.answer(*main_screens(person)[0]))
    before = exposures(person)
    for block in person.observer.blocks.all():
        assert step_staircase(block, set()) == {}
    assert exposures(person) == before


def test_catch_trials_are_shown_longest_and_do_not_step_the_staircase(pools):
    person = enter(pools, Protocol.FLASH, trials=6, practice_trials=2, rules=Rules(catch_trials=3))
    main = [trial for (trial,) in main_screens(person)]
    caught = [trial for trial in main if trial.is_catch]
    assert (len(main), len(caught)) == (9, 3)
    assert {trial.truth for trial in caught} == {"fake"}
    assert {trial.exposure_ms for trial in caught} == {RULES["weighted"].ceiling_ms}
    person.send(*(factories.answer(trial, right=not trial.is_catch) for trial in main))
    flashes = [ms for trial, ms in zip(main, exposures(person), strict=True) if not trial.is_catch]
    assert flashes == [500, 490, 480, 470, 460, 450]


@pytest.mark.parametrize("protocol", Protocol.values)
def test_catch_trials_stay_out_of_the_own_result(pools, protocol):
    plain = factories.RULES.get(protocol, Rules())
    rules = Rules.from_json({**plain.as_json(), "catch_trials": 2, "criteria": {}})
    person = enter(pools, protocol, trials=4, practice_trials=0, rules=rules)
    assert Trial.objects.filter(is_catch=True).count() == 2
    screens = 4 if protocol == Protocol.SELECT else 6
    assert person.block()["total"] == screens
    person.finish()
    images = 14 if protocol == Protocol.SELECT else 4
    assert f"{images} of {images}" in words(person.get("own_result"))


def test_blocks_part_the_trials_and_each_is_asked_by_itself(pools):
    person = enter(pools, Protocol.UNLIMITED, trials=7, practice_trials=0, blocks=3)
    sizes = []
    while not (block := person.block())["finished"]:
        sizes.append((block["block"], len(block["screens"]), block["answered"]))
        for screen in block["screens"]:
            person.send(factories.answer(Trial.objects.get(code=screen["code"])))
    assert sizes == [(1, 3, 0), (2, 2, 3), (3, 2, 5)]


def test_every_batch_marks_when_the_observer_was_last_there(pools):
    person = enter(pools, Protocol.UNLIMITED, trials=2, practice_trials=0)
    before = person.observer.changed_at
    person.send(factories.answer(*main_screens(person)[0]))
    assert person.observer.changed_at > before


@pytest.mark.parametrize("protocol", Protocol.values)
def test_a_batch_of_answers_costs_few_queries(pools, protocol, django_assert_max_num_queries):
    person = enter(pools, protocol, trials=4, practice_trials=0)
    observer = Observer.objects.select_related("study").get(pk=person.observer.pk)
    answers = [factories.answer(*screen) for screen in main_screens(person)[:3]]
    with django_assert_max_num_queries(14):
        services.record_responses(observer, answers)
