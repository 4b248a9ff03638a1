"""Nothing that reaches a browser tells a real image from a forged one."""

import io
import json

import numpy as np
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from PIL import Image

from evalsite.catalog.models import Pool
from evalsite.studies import services
from evalsite.studies.api import _pool
from evalsite.studies.design import Rules
from evalsite.studies.models import Protocol
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


@pytest.fixture
def easily_told():
    """Forged images that compress far better than the real ones, and the real ones' data set."""
    data = factories.dataset()
    flat = factories.stored(factories.pixels(20) // 255)
    return Pool.jobs.create(generator=factories.generator(of=data), **flat, **factories.ready())


def kind(trial):
    return "catch" if trial.is_catch else trial.truth


@pytest.mark.parametrize("page", ["image", "masks"])
def test_headers_lengths_and_addresses_do_not_tell_real_fake_and_catch_apart(easily_told, page):
    fields = {"protocol": Protocol.FLASH, "rules": Rules(catch_trials=3)}
    person = Browser(factories.study(pools=[easily_told], **fields)).consent()
    shown = {}
    for trial in both(person.observer):
        response = person.client.get(reverse(page, args=[trial.code]))
        assert response.status_code == 200
        shown.setdefault(kind(trial), set()).add((tuple(response.items()), len(response.content)))
    assert shown["real"] == shown["fake"] == shown["catch"]
    assert len(shown["real"]) == 1
    ((headers, _),) = shown["real"]
    assert dict(headers)["Cache-Control"] == "private, max-age=3600, no-transform"


def picture(client, page, trial):
    return np.asarray(Image.open(io.BytesIO(client.get(reverse(page, args=[trial.code])).content)))


def test_a_catch_image_has_the_pixels_of_a_real_one_in_another_order(easily_told):
    fields = {"trials": 4, "rules": Rules(catch_trials=2)}
    person = Browser(factories.study(pools=[easily_told], **fields)).consent()
    for trial in person.observer.trials.filter(is_catch=True).select_related("pool"):
        assert trial.pool.is_real
        shown, stored = (
            picture(person.client, "image", trial),
            _pool(trial.pool.url).image(trial.image_index)[..., 0],
        )
        assert not np.array_equal(shown, stored)
        assert np.array_equal(np.sort(shown, axis=None), np.sort(stored, axis=None))
        assert np.array_equal(shown, picture(person.client, "image", trial))


def test_masks_are_drawn_from_the_code_alone(easily_told):
    study = factories.study(pools=[easily_told], protocol=Protocol.FLASH)
    person = Browser(study).consent()
    first, other = person.observer.trials.in_order()[:2]
    strip = picture(person.client, "masks", first)
    assert strip.shape == (8 * services.MASKS, 8)
    assert len({mask.tobytes() for mask in np.split(strip, services.MASKS)}) == services.MASKS
    assert not np.array_equal(strip, picture(person.client, "masks", other))
    for pool in (study.real_pool, easily_told):  # whatever it stands for, its masks are the same
        first.pool, first.image_index = pool, 19
        first.save()
        assert np.array_equal(picture(person.client, "masks", first), strip)


def test_only_flashes_have_masks(person, client):
    trial = person.observer.trials.first()
    for code in (trial.code, "nonsense"):
        assert client.get(reverse("masks", args=[code])).status_code == 404


@pytest.mark.parametrize("protocol", [Protocol.PAIR, Protocol.SELECT])
def test_where_an_image_stands_and_how_many_are_forged_does_not_tell(protocol):
    data = factories.dataset(test=200)
    pool = factories.pool(factories.generator(of=data), size=200)
    fields = {"protocol": protocol, "trials": 20, "practice_trials": 0}
    observer = services.take_part(factories.study(pools=[pool], **fields, rules=Rules(grid=9)))
    screens = factories.screens(observer.trials.in_order().select_related("pool"))
    for place in range(len(screens[0])):
        forged = sum(screen[place].truth == "fake" for screen in screens)
        assert 3 <= forged <= 17, place
    if protocol == Protocol.SELECT:
        counts = [sum(trial.truth == "fake" for trial in screen) for screen in screens]
        assert set(counts) == {3, 4, 5, 6}


def test_codes_carry_no_order_and_no_truth(person):
    codes = [trial.code for trial in person.observer.trials.in_order()]
    assert len({len(code) for code in codes}) == 1
    assert codes != sorted(codes)
    assert not [code for code in codes if "real" in code.lower() or "fake" in code.lower()]


def test_a_block_says_the_same_to_everybody_but_for_codes():
    study = factories.study(protocol=Protocol.SELECT, rules=Rules(grid=4, catch_trials=2))
    blocks = [Browser(study).consent().block() for _ in range(2)]
    for block in blocks:
        block.pop("csrf")
        for screen in block["screens"]:
            assert len(screen.pop("images")) == 4
            assert screen.pop("code")
    assert blocks[0] == blocks[1]
    assert not {"catch", "generator", "pool", "truth"} & set(json.dumps(blocks[0]).split('"'))


def test_block_and_trial_page_say_nothing_of_a_screen_but_its_codes_and_exposure(person):
    asked = person.block()["screens"]
    told = frozenset({"code", "images", "exposure_ms"})
    assert {frozenset(screen) for screen in asked} == {told}
    page = words(person.get("trials"))
    for trial in both(person.observer):
        assert trial.code not in page
        assert trial.pool.key not in page
    assert "generator" not in json.dumps(person.block())


def test_two_observers_are_shown_the_same_page(short_study):
    pages = {words(Browser(short_study).consent().get("trials")) for _ in range(2)}
    assert len(pages) == 1


@pytest.mark.parametrize("protocol", ["unlimited", "limited", "pair", "select"])
def test_replies_to_main_answers_do_not_tell_what_was_right(pools, protocol):
    person = Browser(factories.study(pools=pools, protocol=protocol)).consent()
    screens = factories.screens(factories.main_trials(person.observer))
    replies = [
        person.send(factories.answer(*screen, right=right)).json()
        for screen, right in zip(screens, [True, False] * 3, strict=True)
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
