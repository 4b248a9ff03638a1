"""Those who take part read their browser's language; researchers' pages stay as they are."""

import pytest
from django.conf import settings
from django.urls import reverse

from evalsite.studies.models import Observer
from tests import factories
from tests.evalsite.observing import Browser

pytestmark = pytest.mark.django_db

ARABIC = {"Accept-Language": "ar"}


def words(response):
    return response.content.decode()


@pytest.mark.parametrize("code", [code for code, _ in settings.LANGUAGES])
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
