"""Whoever has the code can have everything deleted; a wrong code deletes nothing."""

from decimal import Decimal

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from evalsite.studies import api, services
from evalsite.studies.design import Payment, Rules
from evalsite.studies.models import Block, Observer, Response, Trial, Withdrawal
from tests import factories
from tests.evalsite.observing import Browser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_wrong_codes_yet():
    cache.clear()


def withdraw(code, client=None):
    return (client or Client()).post(reverse("withdraw"), {"code": code})


def test_a_code_deletes_its_observer_with_every_answer(short_study, enqueued):
    gone, stays = (factories.finished(short_study) for _ in range(2))
    enqueued.clear()
    short_study.__class__.objects.update(scores_due=False)
    assert "Deleted" in withdraw(gone.code).content.decode()
    assert list(Observer.objects.all()) == [stays]
    for model in (Block, Trial):
        assert set(model.objects.values_list("observer", flat=True)) == {stays.pk}
    assert Response.objects.count() == 8
    short_study.refresh_from_db()
    assert short_study.revision == 1
    assert enqueued == [("score", short_study.pk)]


def test_of_who_withdraws_only_the_pay_is_remembered(pools):
    rules = Rules(payment=Payment(base=2.0, bonus=0.5))
    study = factories.study(pools=pools, trials=4, practice_trials=0, rules=rules)
    finished, under_way = factories.finished(study), services.take_part(study)
    for observer in (finished, under_way):
        services.withdraw(observer.code)
    assert [row.paid for row in Withdrawal.objects.order_by("pk")] == [Decimal(4), Decimal(0)]
    assert services.payroll(study).owed == Decimal(4)
    assert services.payroll(study).dues == []


@pytest.mark.parametrize("write", [str.lower, lambda code: code.replace("-", " "), "  {} ".format])
def test_a_code_may_be_written_as_people_write(short_study, write):
    observer = services.take_part(short_study)
    assert withdraw(write(observer.code)).status_code == 200
    assert not Observer.objects.exists()


@pytest.mark.parametrize("code", ["AAAA-BBBB-CCCC", "x", "' OR 1=1", "-"])
def test_a_wrong_code_deletes_nothing_and_is_told(short_study, code):
    services.take_part(short_study)
    response = withdraw(code)
    assert response.status_code == 404
    assert "No answers here have this code" in response.content.decode()
    assert Observer.objects.exists()
    with pytest.raises(services.Refused, match="no answers here"):
        services.withdraw(code)


def test_no_code_at_all_is_asked_for_again():
    assert "This field is required" in withdraw("").content.decode()


def test_many_wrong_codes_are_stopped_for_a_while(short_study):
    observer = services.take_part(short_study)
    for _ in range(api.MOST_WRONG_CODES):
        assert withdraw("wrong").status_code == 404
    late = withdraw(observer.code)
    assert late.status_code == 429
    assert "Too many wrong codes" in late.content.decode()
    assert Observer.objects.exists()


def test_the_page_knows_the_codes_of_its_own_browser_alone(person, short_study):
    stranger = services.take_part(short_study)
    page = person.client.get(reverse("withdraw")).content.decode()
    assert person.observer.code in page
    assert stranger.code not in page


def test_the_browser_forgets_who_has_withdrawn(person):
    response = withdraw(person.observer.code, person.client)
    assert response.cookies[f"observer-{person.study.code}"].value == ""
    assert person.get("trials").url == person.study.public_path


def test_withdrawing_as_somebody_else_keeps_the_own_cookie(person, short_study):
    other = services.take_part(short_study)
    response = withdraw(other.code, person.client)
    assert f"observer-{short_study.code}" not in response.cookies
    assert person.get("trials").status_code == 200


def test_every_page_of_those_who_take_part_leads_to_it(short_study):
    person = Browser(short_study)
    link = f'href="{reverse("withdraw")}"'
    assert link in person.get("take_part").content.decode()
    person.consent().finish()
    page = person.get("own_result").content.decode()
    assert link in page
    assert person.observer.code in page
