"""The leaderboard's columns: chosen, sorted, explained, exported."""

import csv
import io
import re
from http.cookies import SimpleCookie

import pytest
from django.urls import reverse

from evalsite import jobs
from evalsite.catalog.models import Generator
from evalsite.leaderboard.columns import Order, headline
from evalsite.leaderboard.models import Measurement, Score
from evalsite.leaderboard.stamps import stamp_of_board
from evalsite.leaderboard.words import figure as words_of
from evalsite.studies.models import Study
from tests import factories
from tests.evalsite.measuring import LITE0, figure, measured
from tests.evalsite.reading import board_page, rows_of

pytestmark = pytest.mark.django_db

TF1 = "tf1 2015-12-05, TF1 bilinear to 299"
FID = 1 / 3


@pytest.fixture
def board(study, pools):
    """Ada and Bob, both seen by two extractors, Ada alone with a recall."""
    for pool, value in zip(pools, (2.0, 1.0), strict=True):
        recall = [figure("recall-lite0", 0.7)] if value == 2.0 else []
        measured(pool, figure("FD-lite0", 10 * value), figure("KID-lite0", 0.01 * value), *recall)
        measured(pool, figure("FID-tf1", FID * value, extractor=TF1), extractor="tf1")
    return study


def human(board, generator, value):
    place = {"dataset": board.dataset, "protocol": "unlimited", "generator": generator}
    n = {"observers": 3, "trials": 30}
    return Score.objects.create(**place, name="error_rate", value=value, low=0, high=1, n=n)


def shown(page):
    """The keys of the columns of metrics that a page shows."""
    heads = page.split("</thead>")[0]
    keys = re.findall(r'popovertarget="about-([^"]+)"', heads)
    return keys[keys.index("n") + 1 :]


def test_until_columns_are_chosen_there_is_one_metric_of_each_kind(client, board):
    assert shown(board_page(client)) == ["FID-tf1", "KID-lite0"]


def test_of_each_kind_the_best_known_extractor_comes_first():
    assert headline(["KID-lite0", "KID-clean", "FD-lite0", "recall-clean"]) == [
        "FD-lite0",
        "KID-clean",
    ]
    assert headline([]) == []


def test_figures_of_different_extractors_never_share_a_column(client, board):
    page = board_page(client, columns=["FD-lite0", "FID-tf1"])
    assert shown(page) == ["FID-tf1", "FD-lite0"]
    assert [cell[0] for cell in rows_of(page)["ada"][-2:]] == ["0.67", "20.00"]


def test_columns_are_chosen_in_the_address_and_the_ranking_one_always_stays(client, board):
    human(board, Generator.objects.get(slug="ada"), 0.4)
    page = board_page(client, columns=["recall-lite0", "nonsense"])
    assert shown(page) == ["recall-lite0"]
    assert re.findall(r'popovertarget="(about-\w+_\w+)"', page) == ["about-error_rate"]
    checked = re.findall(r'value="([^"]+)" checked', page)
    assert checked == ["error_rate", "recall-lite0"]


def test_what_was_chosen_is_remembered_for_each_protocol_until_the_usual_is_asked_for(
    client, board
):
    board_page(client, protocol="unlimited", columns=["FD-lite0"])
    assert shown(board_page(client, protocol="unlimited")) == ["FD-lite0"]
    assert shown(board_page(client, protocol="pair")) == ["FID-tf1", "KID-lite0"]
    board_page(client, protocol="unlimited", columns=["usual"])
    assert shown(board_page(client, protocol="unlimited")) == ["FID-tf1", "KID-lite0"]


def test_a_cookie_of_nonsense_changes_nothing(client, board):
    for kept in ("", "%E2%88", "<script>", "nonsense%20" * 300):
        client.cookies = SimpleCookie({"columns-unlimited": kept})
        assert shown(board_page(client)) == ["FID-tf1", "KID-lite0"]


def test_a_study_shows_the_usual_columns(client, board):
    page = client.get(board.get_absolute_url()).content.decode()
    assert shown(page) == ["FID-tf1", "KID-lite0"]
    assert "sort=" not in page


def order_of(client, sort):
    page = board_page(client, sort=sort)
    sorted_by = re.findall(r'aria-sort="(\w+)"[^?]*\?[^"]*"[^>]*>([^<]+)<', page)
    return list(rows_of(page)), sorted_by


SORTED = {
    "FD-lite0": ["bob", "ada", "cleo"],
    "-FD-lite0": ["ada", "bob", "cleo"],
    "recall-lite0": ["ada", "cleo", "bob"],
    "-recall-lite0": ["ada", "cleo", "bob"],
    "generator": ["ada", "bob", "cleo"],
    "-generator": ["cleo", "bob", "ada"],
    "-n": ["cleo", "ada", "bob"],
    "nonsense": ["cleo", "ada", "bob"],
    "": ["cleo", "ada", "bob"],
}


def test_rows_are_sorted_both_ways_and_whoever_lacks_the_figure_comes_last(client, board):
    cleo = factories.pool(factories.generator("Cleo", of=board.dataset)).generator
    human(board, cleo, 0.4)
    assert {sort: order_of(client, sort)[0] for sort in SORTED} == SORTED


def test_a_heading_sorts_best_first_and_pressed_again_the_other_way(client, board):
    def link(page, key):
        return re.search(rf'href="\?([^"]*sort={key}[^"]*)"', page).group(1)

    page = board_page(client)
    assert "sort=KID-lite0" in link(page, "KID-lite0")  # lower is better
    page = board_page(client, sort="KID-lite0")
    assert "sort=-KID-lite0" in link(page, "-KID-lite0")
    assert order_of(client, "KID-lite0")[1] == [("ascending", "KID-lite0, × 1000")]
    assert order_of(client, "-KID-lite0")[1] == [("descending", "KID-lite0, × 1000")]
    assert "sort=-recall-lite0" in link(board_page(client, columns="recall-lite0"), "-recall-lite0")


def test_orders_are_written_as_they_are_read():
    for text in ("FD-lite0", "-FD-lite0", "-n"):
        assert str(Order.of(text)) == text
    assert Order.of("") == Order("rank")


def test_a_heading_says_what_it_means_what_is_better_what_looked_and_at_how_many(client, board):
    page = board_page(client, columns=["FD-lite0"])
    (about,) = re.findall(r'<div class="about" id="about-FD-lite0" popover>(.*?)</div>', page)
    for words in (
        "Fréchet distance",
        "Lower is better.",
        LITE0,
        "Of 20 generated and 20 real images.",
    ):
        assert words in about
    assert 'popovertarget="about-FD-lite0"' in page


@pytest.mark.parametrize(
    ("name", "better", "features"),
    [
        ("FID∞-pytorch-fid", "Lower is better.", "pytorch-fid does"),
        ("precision-clip-bf16", "Higher is better.", "in bfloat16: a preview"),
        ("CMMD-clip", "Lower is better.", "CLIP"),
        ("diversity-classifier-1a2b3c4d", "", "classifier-1a2b3c4d"),
    ],
)
def test_every_metric_is_defined_with_its_extractor(name, better, features):
    words = words_of(name)
    assert better in words.definition
    assert features in words.definition
    assert words.label.endswith(name.partition("-")[2])


def exported(client, kind, **query):
    return client.get(reverse(f"leaderboard_{kind}"), query)


def test_the_file_has_the_columns_chosen_with_all_digits_intervals_and_n(client, board):
    query = {"columns": ["FID-tf1"], "sort": "FID-tf1"}
    rows = list(csv.DictReader(io.StringIO(exported(client, "csv", **query).content.decode())))
    assert [row["generator"] for row in rows] == ["bob", "ada"]
    assert float(rows[0]["FID-tf1"]) == FID
    assert float(rows[0]["FID-tf1_low"]) == FID - 1
    assert rows[0]["FID-tf1_n_fake"] == "20"
    assert not [name for name in rows[0] if "lite0" in name]
    told = exported(client, "json", **query).json()
    assert [each["generator"] for each in told["generators"]] == ["bob", "ada"]
    (bob, _) = told["generators"]
    assert list(bob["figures"]) == ["FID-tf1"]
    assert (bob["figures"]["FID-tf1"]["value"], bob["figures"]["FID-tf1"]["low"]) == (FID, FID - 1)
    assert bob["figures"]["FID-tf1"]["n"] == {"fake": 20, "real": 20}
    assert [(c["name"], c["extractor"]) for c in told["columns"]][1:] == [("FID-tf1", TF1)]


def test_a_caution_is_in_the_file_beside_its_figure(client, board):
    few = factories.pool(factories.generator("Cleo", of=board.dataset))
    measured(few, figure("FD-lite0", 40.0, note="n = 6 ≤ d = 8"))
    query = {"columns": ["FD-lite0", "KID-lite0"], "sort": "generator"}
    rows = list(csv.DictReader(io.StringIO(exported(client, "csv", **query).content.decode())))
    assert [row["FD-lite0_note"] for row in rows] == ["", "", "n = 6 ≤ d = 8"]
    assert "KID-lite0_note" not in rows[0]


def test_a_definition_in_a_file_is_of_the_number_beside_it_and_not_of_the_pages_unit(client, board):
    told = exported(client, "json", columns=["KID-lite0"]).json()
    assert told["generators"][0]["figures"]["KID-lite0"]["value"] == 0.02
    assert "1000" not in told["columns"][-1]["definition"]


def test_the_page_links_the_files_of_what_it_shows(client, board):
    page = board_page(client, columns=["recall-lite0"], sort="-recall-lite0")
    for kind in ("csv", "json"):
        (query,) = re.findall(rf'href="{reverse(f"leaderboard_{kind}")}\?([^"]+)"', page)
        assert "columns=recall-lite0" in query
        assert "sort=-recall-lite0" in query
        assert client.get(f"{reverse(f'leaderboard_{kind}')}?{query}".replace("&amp;", "&"))


def test_human_figures_are_exported_with_their_ranks(client, board):
    score = human(board, Generator.objects.get(slug="ada"), 0.4)
    Score.objects.filter(pk=score.pk).update(rank_low=1, rank_high=2)
    (row, _) = csv.DictReader(io.StringIO(exported(client, "csv").content.decode()))
    assert (row["error_rate"], row["rank_low"], row["rank_high"]) == ("0.4", "1", "2")
    assert (row["error_rate_n_observers"], row["error_rate_n_trials"]) == ("3", "30")


def test_a_name_that_a_spreadsheet_would_compute_is_quoted(client, board):
    Generator.objects.filter(slug="ada").update(name="=1+1")
    assert ",'=1+1," in exported(client, "csv").content.decode()


def test_there_is_no_file_of_an_empty_board(client):
    assert exported(client, "csv").status_code == 404


def stamp(page):
    return re.search(r"as_of=([^&\"]+)", page).group(1)


def test_a_board_that_asks_for_news_gets_them_only_if_there_are_any(client, board):
    def news():
        return client.get(reverse("leaderboard"), {"as_of": stamp(page)}).status_code == 200

    page = board_page(client)
    assert not news()
    measured(factories.pool(Generator.objects.get(slug="ada"), seed=9), figure("FD-lite0", 1.0))
    assert news()
    page = board_page(client)
    Study.objects.filter(pk=board.pk).update(state=Study.State.CLOSED)
    assert news()
    page = board_page(client)
    Score.objects.filter(name="FD-lite0").first().delete()
    assert news()


def failing(pool, error="both sets need at least 2 images, got 1", extractor="lite0"):
    made = Measurement.jobs.create(pool=pool, extractor=extractor)
    jobs.claim(Measurement, made.pk).fail(error)
    return made


def test_a_measurement_that_failed_says_so_and_why(client, board):
    cleo, dan = (factories.generator(name, of=board.dataset) for name in ("Cleo", "Dan"))
    failing(factories.pool(cleo), "an <older> one")
    failing(factories.pool(cleo, seed=1), "needs at least\n<2> images")
    factories.pool(dan)
    page = board_page(client, columns=["FD-lite0", "FID-tf1"])
    cells = [" ".join(cell) for cell in rows_of(page)["cleo"][-2:]]
    reason = "could not be measured needs at least &lt;2&gt; images"
    assert cells == ["not measured yet", reason]
    assert rows_of(page)["dan"][-1] == ["not", "measured", "yet"]
    key = f"mark-{cleo.pk}-FD-lite0"
    assert f'popovertarget="{key}"' in page
    assert f'id="{key}" popover' in page
    assert "Why: needs at least" in page


def test_a_figure_that_is_refused_says_why_and_is_not_awaited(client, board):
    few = factories.pool(factories.generator("Cleo", of=board.dataset))
    refused = figure("recall-lite0", None, note="needs more than 5 images, got 4")
    measured(few, figure("FD-lite0", 40.0), refused)
    page = board_page(client, columns=["FD-lite0", "recall-lite0"])
    reason = "could not be measured needs more than 5 images, got 4"
    assert " ".join(rows_of(page)["cleo"][-1]) == reason


def test_a_failure_stands_under_the_name_that_figures_carry(client, board):
    asked = {"extractor": "classifier:/srv/net.safetensors"}
    line = "classifier-1a2b3c4d (trained on digits; 28 px)"
    named = figure("FD-classifier-1a2b3c4d", 3.0, extractor=line)
    measured(Generator.objects.get(slug="ada").pools.get(), named, **asked)
    failing(Generator.objects.get(slug="bob").pools.get(), "the file is gone", **asked)
    page = board_page(client, columns=["FD-classifier-1a2b3c4d"])
    assert " ".join(rows_of(page)["bob"][-1]) == "could not be measured the file is gone"


def test_a_later_pool_that_failed_takes_no_figure_away(client, board):
    ada = Generator.objects.get(slug="ada")
    failing(factories.pool(ada, seed=7))
    assert "could not be measured" not in board_page(client, columns=["recall-lite0"])


def test_a_board_that_nobody_reloads_hears_of_a_measurement_that_failed(client, board):
    made = Measurement.jobs.create(pool=factories.pool(factories.generator(of=board.dataset)))
    before = stamp_of_board(board.dataset)
    jobs.claim(Measurement, made.pk).fail("no")
    assert stamp_of_board(board.dataset) != before


@pytest.mark.parametrize(
    ("name", "note"),
    [
        (
            "FD-lite0",
            "n = 6 ≤ d = 8: the covariance is not of full rank, and the figure biased upward",
        ),
        ("IS-lite0", "n = 6 images are few for the classes that they show: too low"),
    ],
)
def test_a_figure_of_few_images_is_marked_with_the_reason(client, board, name, note):
    few = factories.pool(factories.generator("Cleo", of=board.dataset))
    measured(few, figure(name, 40.0, note=note))
    pages = {
        f"mark-{few.generator_id}-{name}": board_page(client, columns=[name]),
        f"mark-{few.pk}-{name}": client.get(few.generator.get_absolute_url()).content.decode(),
    }
    for key, page in pages.items():
        assert page.count('class="explain caution"') == 1
        assert f'popovertarget="{key}"' in page
        assert f"Of few images: {note}" in page
        assert "explain.js" in page
    assert 'class="explain caution"' in client.get(reverse("pool", args=[few.pk])).content.decode()


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("FD∞-lite0", "n = 6 images are few: half as many would give 80"),
        (
            "coverage-lite0",
            "n = 6 images are few beside 20 real ones: those of a perfect generator",
        ),
    ],
)
def test_other_figures_of_few_images_are_marked_too(client, board, name, note):
    few = factories.pool(factories.generator("Cleo", of=board.dataset))
    measured(few, figure(name, 40.0, note=note))
    for page in (
        board_page(client, columns=[name]),
        client.get(reverse("pool", args=[few.pk])).content.decode(),
    ):
        assert f"Of few images: {note}" in page
