"""Who does too badly in practice is thanked and sent home, and counts nowhere."""

import pytest

from evalsite.studies import services
from evalsite.studies.design import Rules
from evalsite.studies.models import Observer, Protocol, Study, Trial
from evalsite.studies.table import trial_table
from tests import factories
from tests.evalsite.observing import Browser

pytestmark = pytest.mark.django_db
STRICT = Rules(qualify_at=0.75)


@pytest.fixture
def strict(pools):
    """Eight images to practise, four of each kind; three of each must be told right."""
    return factories.study(pools=pools, trials=4, practice_trials=8, rules=STRICT)


def practise(person, *, wrong):
    """Answer the practice with so many mistakes of each kind: {"real": 1, "fake": 0}."""
    left = dict(wrong)
    reply = None
    for trial in person.observer.trials.filter(block__kind="practice").in_order():
        right = left.get(trial.truth, 0) == 0
        left[trial.truth] = max(left.get(trial.truth, 0) - 1, 0)
        reply = person.send(factories.answer(trial, right=right)).json()
    return reply


@pytest.mark.parametrize(
    ("wrong", "qualified"),
    [({}, True), ({"real": 1, "fake": 1}, True), ({"real": 2}, False), ({"fake": 2}, False)],
)
def test_enough_of_each_kind_must_be_right(strict, wrong, qualified):
    person = Browser(strict).consent()
    reply = practise(person, wrong=wrong)
    assert (reply["qualified"], reply["finished"]) == (qualified, not qualified)
    assert person.observer.qualified == qualified
    assert (person.observer.finished_at is None) == qualified


def test_who_does_not_qualify_is_told_kindly_and_asked_nothing_more(strict):
    person = Browser(strict).consent()
    practise(person, wrong={"fake": 4})
    assert person.block() == {"finished": True, "qualified": False}
    page = person.get("trials", follow=True).content.decode()
    assert "Thank you for trying" in page
    assert "You were right" not in page
    assert person.observer.code in page


def test_nothing_of_theirs_counts_whatever_they_send(strict):
    person = Browser(strict).consent()
    practise(person, wrong={"fake": 4})
    for trial in factories.main_trials(person.observer):
        reply = person.send(factories.answer(trial)).json()
        assert (reply["finished"], reply["qualified"]) == (True, False)
    assert not Trial.objects.that_count().exists()
    assert len(trial_table([strict], simulated=False)) == 0
    assert not Observer.objects.finished().exists()
    assert Study.objects.with_counts().get().people == 0
    assert services.payroll(strict).dues == []


def test_main_answers_that_came_before_the_last_of_practice_do_not_count_either(strict):
    person = Browser(strict).consent()
    person.send(*map(factories.answer, factories.main_trials(person.observer)))
    assert Trial.objects.that_count().exists()
    practise(person, wrong={"real": 4})
    assert not Trial.objects.that_count().exists()


def test_a_second_answer_to_practice_cannot_undo_the_verdict(strict):
    person = Browser(strict).consent()
    practise(person, wrong={"fake": 4})
    assert practise(person, wrong={})["qualified"] is False


@pytest.mark.parametrize("protocol", [Protocol.PAIR, Protocol.SELECT])
def test_pairs_and_grids_qualify_people_too(pools, protocol):
    rules = Rules(qualify_at=0.75, grid=4)
    fields = {"pools": pools, "protocol": protocol, "practice_trials": 4, "trials": 2}
    for right in (True, False):
        person = Browser(factories.study(rules=rules, **fields)).consent()
        practice = person.observer.trials.filter(block__kind="practice").in_order()
        for screen in factories.screens(practice):
            person.send(factories.answer(*screen, right=right))
        assert person.observer.qualified == right


def test_without_such_a_rule_everybody_goes_on(short_study):
    person = Browser(short_study).consent()
    assert practise(person, wrong={"real": 9, "fake": 9})["qualified"] is True
    assert person.observer.qualified


def test_they_are_sent_back_to_their_platform(pools):
    out = "https://example.org/out?cc=OUT"
    fields = {"practice_trials": 8, "rules": STRICT, "screened_out_url": out}
    study = factories.study(pools=pools, trials=4, **fields)
    person = Browser(study)
    person.client.post(f"{study.public_path}?PROLIFIC_PID=ann")
    practise(person, wrong={"fake": 4})
    assert f'href="{out}"' in person.get("own_result").content.decode()
