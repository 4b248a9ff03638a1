"""The list of generators: a page at a time, and only those that are looked for."""

import re
from html import unescape

import pytest

from evalsite.catalog import views
from tests import factories

pytestmark = pytest.mark.django_db

ADDRESS = "/generators/"


@pytest.fixture
def page(client):
    def get(**asked):
        return unescape(client.get(ADDRESS, asked).content.decode())

    return get


def named(page):
    return re.findall(rf'<h2><a href="{ADDRESS}[^"]+">([^<]+)</a>', page)


@pytest.fixture
def three(monkeypatch):
    monkeypatch.setattr(views, "GENERATORS_A_PAGE", 2)
    clothes, digits = factories.dataset("Clothes"), factories.dataset("Digits")
    factories.generator("DCGAN of shoes", of=clothes)
    factories.generator("DCGAN, one class", of=digits)
    factories.generator("VAE", of=digits)


@pytest.mark.parametrize(
    ("number", "names"),
    [
        (1, ["VAE", "DCGAN, one class"]),
        (2, ["DCGAN of shoes"]),
        (9, ["DCGAN of shoes"]),
        ("x", ["VAE", "DCGAN, one class"]),
    ],
)
def test_many_are_shown_a_page_at_a_time_the_newest_first(page, three, number, names):
    assert named(page(page=number)) == names


def test_a_page_says_how_many_there_are_and_leads_to_the_others(page, three):
    first = page()
    assert "1 to 2 of 3" in first
    assert re.findall(r'rel="(\w+)" href="([^"]+)"', first)[-1] == ("next", "?page=2")


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"called": "dcgan"}, ["DCGAN, one class", "DCGAN of shoes"]),
        ({"called": " shoes  DCGAN "}, ["DCGAN of shoes"]),
        ({"dataset": "digits"}, ["VAE", "DCGAN, one class"]),
        ({"dataset": "digits", "called": "class"}, ["DCGAN, one class"]),
    ],
)
def test_some_are_found_by_words_of_their_name_and_by_data_set(page, three, asked, names):
    assert named(page(**asked)) == names


def test_where_none_is_called_so_all_can_be_had_again(page, three):
    empty = page(called="shoes", dataset="digits")
    assert "No generator is called so among those that imitate Digits" in empty
    assert f'<a href="{ADDRESS}">Show all</a>' in empty


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"dataset": "nowhere"}, "Select a valid choice"),
        ({"called": "a\0"}, "Null characters"),
        ({"called": "a" * 81}, "at most 80 characters"),
    ],
)
def test_what_cannot_be_looked_for_is_said(page, three, asked, said):
    refused = page(**asked)
    assert said in refused
    assert named(refused) == ["VAE", "DCGAN, one class"]


def test_few_are_shown_without_a_search(page):
    factories.generator("One")
    assert named(page()) == ["One"]
    assert 'role="search"' not in page()
