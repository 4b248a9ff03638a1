import errno

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from evalsite.catalog import views
from evalsite.studies import api
from pools.errors import PoolError
from tests import factories

pytestmark = pytest.mark.django_db

PUBLIC = [
    "home",
    "pair",
    "leaderboard",
    "studies",
    "generators",
    "datasets",
    "healthz",
    "login",
    "sign_up",
    "password_reset",
]
PRIVATE = ["train", "upload", "launch", "password_change"]


@pytest.fixture
def study():
    return factories.study()


@pytest.mark.parametrize("name", PUBLIC)
def test_public_pages_answer_anyone_on_an_empty_site(client, name):
    assert client.get(reverse(name)).status_code == 200


@pytest.mark.parametrize("name", [*PUBLIC, "admin:login"])
def test_a_page_lets_no_script_run_but_the_files_of_the_site(client, name):
    policy = client.get(reverse(name))["Content-Security-Policy"].split("; ")
    assert {"default-src 'self'", "object-src 'none'", "frame-ancestors 'none'"} <= set(policy)
    assert not any(directive.startswith("script-src") for directive in policy)


def test_a_browser_that_was_told_of_no_icon_finds_it(client):
    response = client.get("/favicon.ico")
    assert response.status_code == 302
    assert response["Location"].endswith("icon.svg")


@pytest.mark.parametrize("name", PUBLIC)
def test_public_pages_answer_anyone_on_a_filled_site(client, study, name):
    assert client.get(reverse(name)).status_code == 200


def test_public_pages_of_single_things_answer_anyone(client, study):
    pool = study.pools.get()
    for thing in (study, study.dataset, pool.generator):
        assert client.get(thing.get_absolute_url()).status_code == 200
    assert client.get(study.public_path).status_code == 200


@pytest.mark.parametrize("name", PRIVATE)
def test_private_pages_lead_to_the_log_in_and_back(client, name):
    assert client.get(reverse(name)).url == f"{reverse('login')}?next={reverse(name)}"


@pytest.mark.parametrize("name", PRIVATE)
def test_private_pages_answer_a_researcher_with_or_without_data(client, logged_in, name):
    assert client.get(reverse(name)).status_code == 200
    factories.study()
    assert client.get(reverse(name)).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/nowhere/",
        "/generators/nobody/",
        "/datasets/none/",
        "/studies/none/",
        "/pools/7/sheet.png",
        "/sheets/7.png",
        "/i/x.png",
        "/pair/x.png",
    ],
)
def test_what_is_not_there_is_said_in_words(client, address):
    response = client.get(address)
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


def test_a_form_without_its_token_is_refused_in_words():
    from django.test import Client

    response = Client(enforce_csrf_checks=True).post(reverse("login"), {"username": "a"})
    assert response.status_code == 403
    assert "<h1>" in response.content.decode()


def test_a_launch_page_ticks_the_pool_it_was_asked_for(client, logged_in):
    pool = factories.pool()
    page = client.get(reverse("launch"), {"pool": pool.pk}).content.decode()
    assert f'value="{pool.pk}" id="id_pools_0" checked' in page
    assert client.get(reverse("launch"), {"pool": "x"}).status_code == 200


def test_a_launch_page_has_the_real_images_that_the_ticked_pool_imitates(client, logged_in):
    first, second = (factories.pool(factories.generator(of=factories.dataset())) for _ in range(2))
    for pool in (first, second):
        form = client.get(reverse("launch"), {"pool": pool.pk}).context["form"]
        assert form["dataset"].value() == pool.imitates.pk
    asked = {"pool": second.pk, "dataset": first.imitates.pk}
    form = client.get(reverse("launch"), asked).context["form"]
    assert form["dataset"].value() == str(first.imitates.pk)


def test_migrations_say_what_the_models_say():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_the_front_page_leads_to_open_studies(client, study):
    page = client.get(reverse("home")).content.decode()
    assert f'href="{study.public_path}"' in page
    assert "At work right now" not in page
    factories.pool(is_ready=False)
    assert "At work right now" in client.get(reverse("home")).content.decode()


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 507, "The disk is full"),
        (OperationalError("database or disk is full"), 507, "Delete pools or generators"),
        (PoolError("there is no readable pool at /pools/7.zarr"), 503, "cannot be read"),
        (OSError("absent"), 500, "Something broke on our side"),
    ],
)
def test_a_full_disk_and_lost_images_are_told_from_a_fault_of_ours(
    logged_in, monkeypatch, error, status, words
):
    def break_down(*_, **__):
        raise error

    monkeypatch.setattr(views, "UploadForm", break_down)
    client = Client(raise_request_exception=False)
    client.force_login(logged_in)
    response = client.get(reverse("upload"))
    assert (response.status_code, words in response.content.decode()) == (status, True)


def test_those_who_take_part_are_not_told_to_make_room(client, monkeypatch):
    def break_down(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(api, "WithdrawForm", break_down)
    client = Client(raise_request_exception=False)
    response = client.get(reverse("withdraw"))
    assert (response.status_code, b"disk" in response.content) == (500, False)
