"""Nothing that reaches a browser tells a real image from a forged one."""

import json

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from evalsite.catalog.models import Pool
from tests import factories
from tests.evalsite.observing import Browser

pytestmark = pytest.mark.django_db


def words(response):
    return response.content.decode()


def both(observer):
    """All trials of an observer, real and forged."""
    trials = list(observer.trials.select_related("pool"))
    assert {trial.truth for trial in trials} == {"real", "fake"}
    return trials


def test_headers_lengths_and_addresses_do_not_tell_real_from_fake():
    data = factories.dataset()
    flat = factories.stored(factories.pixels(20) // 255)  # compresses far better than noise
    pool = Pool.jobs.create(generator=factories.generator(of=data), **flat, **factories.ready())
    person = Browser(factories.study(pools=[pool])).consent()
    shown = {}
    for trial in both(person.observer):
        response = person.client.get(reverse("image", args=[trial.code]))
        assert response.status_code == 200
        shown.setdefault(trial.truth, set()).add((tuple(response.items()), len(response.content)))
    assert shown["real"] == shown["fake"]
    assert len(shown["real"]) == 1
    ((headers, _),) = shown["real"]
    assert dict(headers)["Cache-Control"] == "private, max-age=3600, no-transform"


def test_codes_carry_no_order_and_no_truth(person):
    codes = [trial.code for trial in person.observer.trials.in_order()]
    assert len({len(code) for code in codes}) == 1
    assert codes != sorted(codes)
    assert not [code for code in codes if "real" in code.lower() or "fake" in code.lower()]


def test_block_and_trial_page_say_nothing_of_a_trial_but_its_code_and_exposure(person):
    asked = person.block()["trials"]
    assert {frozenset(trial) for trial in asked} == {frozenset({"code", "exposure_ms"})}
    page = words(person.get("trials"))
    for trial in both(person.observer):
        assert trial.code not in page
        assert trial.pool.key not in page
    assert "generator" not in json.dumps(person.block())


def test_two_observers_are_shown_the_same_page(short_study):
    pages = {words(Browser(short_study).consent().get("trials")) for _ in range(2)}
    assert len(pages) == 1


def test_replies_to_main_answers_do_not_tell_what_was_right(person):
    replies = [
        person.send(factories.answer(trial, right=right)).json()
        for trial, right in zip(
            factories.main_trials(person.observer), [True, False] * 3, strict=True
        )
    ]
    rest = [{k: v for k, v in reply.items() if k not in ("saved", "finished")} for reply in replies]
    assert all(each == rest[0] for each in rest)


def test_an_address_nobody_was_given_is_not_found(client):
    assert client.get(reverse("image", args=["nonsense"])).status_code == 404


def test_pages_for_observers_are_never_cached_nor_indexed(person):
    for page in ("trials", "block"):
        assert "no-store" in person.get(page)["Cache-Control"]
    assert 'content="noindex"' in words(person.get("trials"))


def test_cookies_are_secure_over_https(short_study):
    client = Client()
    response = client.post(short_study.public_path, secure=True)
    assert response.cookies[f"observer-{short_study.code}"]["secure"]
    assert settings.SESSION_COOKIE_HTTPONLY
