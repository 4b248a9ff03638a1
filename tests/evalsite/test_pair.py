import re

import pytest
from django.urls import reverse

from evalsite.catalog.models import Pool
from evalsite.studies import services as studies
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool():
    return factories.pool()


def ask(client):
    """The codes of a fresh pair as the page has them, and the page."""
    page = client.get(reverse("pair")).content.decode()
    return re.findall(r'name="code" value="([^"]+)"', page), page


def answer(client, code):
    return client.post(reverse("answer_pair"), {"code": code}).content.decode()


def real_code(client):
    return client.session["pair"]["real"]


def test_without_a_generators_images_there_is_no_pair(client):
    factories.dataset()
    factories.pool(is_ready=False)
    assert "No generator has drawn its images yet" in ask(client)[1]


def test_a_pair_never_tells_which_is_real(client, pool):
    places = set()
    for _ in range(24):
        codes, page = ask(client)
        places.add(codes.index(real_code(client)))
        plain = page
        for code in codes:
            assert re.fullmatch(r"[\w-]{16}", code)
            plain = plain.replace(code, "CODE")
        left, right = re.findall(r"<button.*?</button>", plain, re.DOTALL)
        assert left.replace("Left", "Right") == right
        assert "fake" not in plain
    assert places == {0, 1}


def test_a_pair_shows_no_image_that_a_study_may_show(client):
    data = factories.dataset(test=500)
    factories.pool(factories.generator(of=data), size=500)
    for _ in range(12):
        ask(client)
        shown = client.session["pair"]["images"]
        assert all(image["index"] < 48 for image in shown)
    study = factories.study(pools=list(Pool.jobs.of_generators()), trials=20)
    trials = studies.take_part(study).trials.all()
    assert min(trial.image_index for trial in trials) >= 48


def test_both_images_of_a_pair_come_alike(client, pool):
    codes, _ = ask(client)
    first, second = (client.get(reverse("pair_image", args=[code])) for code in codes)
    assert first.content != second.content
    assert len(first.content) == len(second.content)
    assert first.headers == second.headers


def test_the_cookie_is_an_opaque_session(client, pool):
    ask(client)
    assert set(client.cookies) <= {"sessionid", "csrftoken"}
    assert re.fullmatch(r"[a-z0-9]{32}", client.cookies["sessionid"].value)


def test_a_pair_belongs_to_one_visitor(client, pool):
    from django.test import Client

    codes, _ = ask(client)
    assert Client().get(reverse("pair_image", args=[codes[0]])).status_code == 404


def test_an_answer_is_told_and_counted(client, pool):
    codes, _ = ask(client)
    assert "✓ Right." in answer(client, real_code(client))
    codes, page = ask(client)
    assert "1 of 1 right so far" in page
    (wrong,) = set(codes) - {real_code(client)}
    page = answer(client, wrong)
    assert "it fooled you" in page
    assert "1 of 2 right so far" in page


def test_answering_twice_does_not_count_twice(client, pool):
    ask(client)
    answer(client, real_code(client))
    page = answer(client, real_code(client))
    assert "Which one is real?" in page
    assert client.session["tally"] == {"right": 1, "total": 1}


@pytest.mark.parametrize("code", ["", "nonsense"])
def test_an_answer_that_is_neither_image_does_not_count(client, pool, code):
    ask(client)
    assert "Which one is real?" in answer(client, code)
    assert "tally" not in client.session or client.session["tally"]["total"] == 0


def test_an_answer_without_a_pair_gets_one(client, pool):
    assert "Which one is real?" in answer(client, "nonsense")
