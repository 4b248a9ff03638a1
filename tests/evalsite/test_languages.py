"""Those who take part read their browser's language; researchers' pages stay as they are."""

import json
import re

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation

from evalsite.studies import api
from evalsite.studies.design import Payment, Rules
from evalsite.studies.models import Observer
from evalsite.studies.words import CONSENT
from tests import factories
from tests.evalsite.observing import Browser

pytestmark = pytest.mark.django_db

ARABIC = {"Accept-Language": "ar"}
CODES = [code for code, _ in settings.LANGUAGES]
FOREIGN = [code for code in CODES if code != "en"]
PAGES = ("take_part", "trials", "own_result", "not_qualified", "withdraw", "no_study")


def words(response):
    return response.content.decode()


def said(code, text):
    with translation.override(code):
        return translation.gettext(text)


def come(page):
    """Somebody who has got as far as a page, and its address."""
    asked = (
        {"rules": Rules(qualify_at=1.0), "practice_trials": 8} if page == "not_qualified" else {}
    )
    person = Browser(factories.study(trials=4, **asked))
    if page in ("own_result", "not_qualified"):
        person.consent().finish(right=page == "own_result")
    elif page == "trials":
        person.consent()
    view = "own_result" if page == "not_qualified" else page
    others = {"withdraw": reverse("withdraw"), "no_study": reverse("take_part", args=["none"])}
    return person, others.get(page) or reverse(view, args=[person.study.code])


@pytest.mark.parametrize("code", CODES)
def test_the_consent_says_in_which_language_and_direction_it_is(short_study, code):
    page = words(Browser(short_study).get("take_part", headers={"Accept-Language": code}))
    direction = "rtl" if code == "ar" else "ltr"
    assert f'<html lang="{code}" dir="{direction}">' in page


def test_a_language_that_is_not_there_falls_back_to_english(short_study):
    page = words(Browser(short_study).get("take_part", headers={"Accept-Language": "tlh"}))
    assert '<html lang="en" dir="ltr">' in page


def test_the_language_can_be_switched_and_stays(short_study):
    person = Browser(short_study)
    back = short_study.public_path
    response = person.client.post(reverse("set_language"), {"language": "fr", "next": back})
    assert response.url == back
    assert '<html lang="fr"' in words(person.get("take_part"))


def test_the_language_of_the_consent_is_kept(short_study):
    person = Browser(short_study)
    person.client.post(short_study.public_path, headers={"Accept-Language": "es"})
    assert Observer.objects.get().language == "es"


def test_researchers_pages_are_in_english_whatever_the_browser_asks_for(client, study):
    for address in (reverse("studies"), reverse("leaderboard"), study.get_absolute_url()):
        asked, plain = client.get(address, headers=ARABIC), client.get(address)
        assert '<html lang="en">' in words(asked)
        assert words(asked) == words(plain)


def test_the_plot_is_drawn_alike_in_every_language(short_study):
    person = Browser(short_study).consent()
    person.finish()
    pages = [
        words(person.get("own_result", headers={"Accept-Language": code})) for code in ("en", "fr")
    ]
    drawn = [page.split("viewBox=")[1].split("</svg>")[0] for page in pages]
    coordinates = [[part for part in each.split('"') if part[:1].isdigit()] for each in drawn]
    assert coordinates[0] == coordinates[1] != []


def test_a_researchers_own_consent_text_is_shown_as_it_is(pools):
    study = factories.study(pools=pools, consent_text="My own words.")
    assert "My own words." in words(Browser(study).get("take_part", headers=ARABIC))


def test_the_trial_screen_has_a_catalogue_of_its_words(client):
    response = client.get(reverse("javascript-catalog"))
    assert response.status_code == 200
    assert "gettext" in words(response)


def test_the_catalogue_of_the_trial_screen_has_no_other_words(client):
    assert "Choose a Date" not in words(client.get(reverse("javascript-catalog"), headers=ARABIC))


@pytest.mark.parametrize("code", FOREIGN)
def test_the_catalogue_of_the_trial_screen_is_in_the_readers_language(client, code):
    page = words(client.get(reverse("javascript-catalog"), headers={"Accept-Language": code}))
    assert json.dumps(said(code, "Done")) in page


@pytest.mark.parametrize("code", FOREIGN)
def test_the_usual_consent_is_in_the_readers_language(code):
    study = factories.study(consent_text=CONSENT)
    page = words(Browser(study).get("take_part", headers={"Accept-Language": code}))
    assert said(code, CONSENT) in page
    assert said(code, "I agree, let me start") in page
    assert CONSENT not in page


@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_those_who_take_part_is_in_the_language_of_their_browser(page):
    person, address = come(page)
    assert '<html lang="ar" dir="rtl">' in words(person.client.get(address, headers=ARABIC))


@pytest.mark.parametrize("page", PAGES)
def test_a_language_that_was_chosen_stays_on_every_page(page):
    person, address = come(page)
    person.client.post(reverse("set_language"), {"language": "zh-hans", "next": address})
    found = words(person.client.get(address, headers=ARABIC))
    assert '<html lang="zh-hans" dir="ltr">' in found


def test_a_language_that_was_chosen_is_remembered_for_a_year(client):
    client.post(reverse("set_language"), {"language": "hi"})
    assert client.cookies["django_language"]["max-age"] == 365 * 24 * 3600


@pytest.mark.parametrize("page", [page for page in PAGES if page != "trials"])
def test_every_page_but_the_trial_offers_all_languages_by_their_own_names(page):
    person, address = come(page)
    found = re.findall(
        r'<option value="([^"]+)" lang="([^"]+)"[^>]*>([^<]+)<', words(person.client.get(address))
    )
    assert found == [(code, code, name) for code, name in settings.LANGUAGES]


def test_in_arabic_the_trial_keeps_its_sides(person):
    page = words(person.get("trials", headers=ARABIC))
    assert '<main id="trial" tabindex="-1" dir="ltr">' in page
    assert page.index(f"{said('ar', 'Real')}</button>") < page.index(f">{said('ar', 'Fake')}<kbd")


@pytest.mark.parametrize("code", FOREIGN)
def test_a_result_is_told_in_the_readers_language(code):
    person, address = come("own_result")
    page = words(person.client.get(address, headers={"Accept-Language": code}))
    with translation.override(code):
        one, many = (f"You were right about %(right)s of %(total)s image{s}" for s in ("", "s"))
        heading = translation.ngettext(one, many, 4) % {"right": 4, "total": 4}
    assert f"<h1>{heading}</h1>" in page
    assert "Thank you" not in page


@pytest.mark.parametrize(("code", "amounts"), [("en", ["1.50", "0.05"]), ("fr", ["1,50", "0,05"])])
def test_money_is_written_as_the_language_writes_it(code, amounts):
    study = factories.study(rules=Rules(payment=Payment(base=1.5, bonus=0.05)))
    page = words(Browser(study).get("take_part", headers={"Accept-Language": code}))
    assert re.findall(r"([\d.,]+) USD", page) == amounts


def test_a_form_says_what_is_missing_in_the_readers_language(client):
    page = words(client.post(reverse("withdraw"), {"code": ""}, headers={"Accept-Language": "fr"}))
    assert "Ce champ est obligatoire." in page


def test_a_stale_form_is_explained_in_the_readers_language(short_study):
    strict = Client(enforce_csrf_checks=True)
    for address in (short_study.public_path, reverse("set_language")):
        response = strict.post(address, headers=ARABIC)
        assert response.status_code == 403
        assert '<html lang="ar" dir="rtl">' in words(response)
        assert said("ar", "The form was too old") in words(response)


def test_a_failure_is_explained_in_the_readers_language(short_study, monkeypatch):
    def break_down(request):
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(api, "WithdrawForm", break_down)
    response = Client(raise_request_exception=False).get(reverse("withdraw"), headers=ARABIC)
    assert response.status_code == 500
    assert '<html lang="ar" dir="rtl">' in words(response)
    assert said("ar", "Something broke on our side") in words(response)


@pytest.mark.parametrize("address", ["/nowhere/", "/studies/none/"])
def test_what_researchers_do_not_find_is_said_in_english(client, address):
    page = words(client.get(address, headers=ARABIC))
    assert '<html lang="en">' in page
    assert "There is nothing here" in page
    assert 'aria-label="Main"' in page
