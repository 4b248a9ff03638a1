"""Coming from Prolific and Mechanical Turk, coming again, and going back with a code."""

import pytest
from django.test import Client
from django.urls import reverse

from evalsite.studies import services
from evalsite.studies.models import Observer
from evalsite.studies.platforms import Arrival, arrival_of
from tests import factories
from tests.evalsite.observing import Browser

pytestmark = pytest.mark.django_db

PROLIFIC = {"PROLIFIC_PID": "5f1a", "STUDY_ID": "60bc", "SESSION_ID": "77de"}
TURK = {
    "workerId": "A1B2",
    "assignmentId": "3XYZ",
    "hitId": "HIT9",
    "turkSubmitTo": "https://workersandbox.mturk.com",
}


def come(study, query, client=None):
    """A browser that gave its consent at this address."""
    person = Browser(study, client)
    response = person.client.post(study.public_path, query_params=query)
    assert response.url == reverse("trials", args=[study.code])
    return person


def test_what_prolific_says_of_people_is_kept(short_study):
    seen = come(short_study, PROLIFIC).observer
    assert (seen.source, seen.participant) == ("prolific", "5f1a")
    assert (seen.platform_study, seen.platform_session) == ("60bc", "77de")


def test_what_mechanical_turk_says_of_people_is_kept(short_study):
    seen = come(short_study, TURK).observer
    assert (seen.source, seen.participant, seen.platform_study) == ("mturk", "A1B2", "HIT9")
    assert (seen.platform_session, seen.submit_to) == ("3XYZ", TURK["turkSubmitTo"])


def test_consent_sends_the_form_to_the_address_people_came_by(short_study):
    page = Browser(short_study).get("take_part", query_params=PROLIFIC).content.decode()
    assert '<form method="post"><input' in page
    assert "so that you can be paid" in page
    assert "so that you can be paid" not in Browser(short_study).get("take_part").content.decode()


@pytest.mark.parametrize("name", ["x" * 81, "tab\t", "né", "", " ", "\x00", "{{%PROLIFIC_PID%}}"])
def test_a_name_that_cannot_be_one_is_not_taken(name):
    assert arrival_of({"PROLIFIC_PID": name}) == Arrival()
    assert arrival_of({**PROLIFIC, "STUDY_ID": name}).platform_study == ""


@pytest.mark.parametrize(
    "address",
    [
        "http://www.mturk.com",
        "https://www.mturk.com.evil.org",
        "https://evil.org/www.mturk.com",
        "https://www.mturk.com@evil.org",
        "https://mturk.com",
        "javascript:alert(1)",
        "",
    ],
)
def test_answers_are_submitted_to_mechanical_turk_alone(address):
    assert arrival_of({**TURK, "turkSubmitTo": address}).submit_to == ""


@pytest.mark.parametrize("query", [PROLIFIC, TURK], ids=["prolific", "mturk"])
def test_the_same_participant_goes_on_in_another_browser(short_study, query):
    first = come(short_study, query)
    first.send(factories.answer(first.observer.trials.in_order()[0]))
    second = Browser(short_study, Client())
    assert second.get("take_part", query_params=query).url == reverse(
        "trials", args=[short_study.code]
    )
    assert second.observer == first.observer
    assert len(second.block()["screens"]) == 1
    come(short_study, query, Client())
    assert Observer.objects.count() == 1


def test_two_participants_at_one_browser_are_two_observers(short_study):
    first = come(short_study, PROLIFIC)
    other = come(short_study, {**PROLIFIC, "PROLIFIC_PID": "other"}, first.client)
    assert other.observer.participant == "other"
    assert Observer.objects.count() == 2


def test_two_that_arrive_at_once_are_one_observer(short_study):
    arrival = arrival_of(PROLIFIC)
    seen = {services.take_part(short_study, arrival=arrival).pk for _ in range(2)}
    assert len(seen) == 1


def test_a_participant_of_one_study_is_new_in_another(short_study):
    come(short_study, PROLIFIC)
    come(factories.study(), PROLIFIC)
    assert Observer.objects.count() == 2


def test_a_preview_shows_the_consent_and_starts_nothing(short_study):
    query = {**TURK, "assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE"}
    person = Browser(short_study)
    page = person.get("take_part", query_params=query).content.decode()
    assert "This is a preview" in page
    assert "let me start" not in page
    assert person.client.post(short_study.public_path, query_params=query).status_code == 200
    assert not Observer.objects.exists()


def test_mechanical_turk_alone_may_frame_the_consent_which_starts_in_a_tab(short_study):
    person = Browser(short_study)
    framed = person.get("take_part", query_params=TURK, headers={"Sec-Fetch-Dest": "iframe"})
    assert "X-Frame-Options" not in framed
    policy = framed["Content-Security-Policy"].split("; ")
    assert "frame-ancestors https://worker.mturk.com https://workersandbox.mturk.com" in policy
    assert "default-src 'self'" in policy
    page = framed.content.decode()
    assert 'target="_blank"' in page
    assert "let me start" not in page
    own = person.get("take_part")
    assert own["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in own["Content-Security-Policy"]


def test_in_a_frame_a_participant_who_returns_is_led_to_a_tab_too(short_study):
    person = come(short_study, TURK)
    framed = person.get("take_part", query_params=TURK, headers={"Sec-Fetch-Dest": "iframe"})
    assert framed.status_code == 200
    assert 'target="_blank"' in framed.content.decode()


def test_the_code_appears_only_after_the_last_answer(pools):
    study = factories.study(pools=pools, trials=2, practice_trials=0, completion_code="C0DE99")
    person = come(study, PROLIFIC)
    first, last = person.observer.trials.in_order()
    reply = person.send(factories.answer(first))
    for page in (
        reply,
        person.get("own_result", follow=True),
        person.get("take_part", follow=True),
    ):
        assert "C0DE99" not in page.content.decode()
    person.send(factories.answer(last))
    assert "C0DE99" in person.get("own_result").content.decode()


def ended(study, query):
    person = come(study, query)
    person.finish()
    return person, person.get("own_result").content.decode()


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("https://app.prolific.com/submissions/complete", "complete?cc=C0DE"),
        ("https://app.prolific.com/submissions/complete?cc=OWN", "complete?cc=OWN"),
        ("https://example.org/?a=1&amp;b=", "?cc=C0DE&amp;a=1&amp;b="),
    ],
)
def test_the_way_back_takes_the_code_along(pools, address, link):
    address = address.replace("&amp;", "&")
    fields = {"completion_code": "C0DE", "return_url": address}
    study = factories.study(pools=pools, trials=2, practice_trials=0, **fields)
    _, page = ended(study, PROLIFIC)
    assert f'{link}">' in page


def test_without_a_code_of_the_study_each_observer_has_an_own_one(short_study):
    person, page = ended(short_study, PROLIFIC)
    assert f'<code id="completion-code">{person.observer.code}</code>' in page


def test_to_mechanical_turk_the_assignment_is_posted(short_study):
    _, page = ended(short_study, TURK)
    assert 'action="https://workersandbox.mturk.com/mturk/externalSubmit"' in page
    form = page.split("externalSubmit")[1].split("</form>")[0]
    assert 'name="assignmentId" value="3XYZ"' in form
    assert "csrf" not in form


def test_who_came_by_the_bare_link_has_nothing_to_hand_in(short_study):
    person = Browser(short_study).consent()
    person.finish()
    assert "completion code" not in person.get("own_result").content.decode()
