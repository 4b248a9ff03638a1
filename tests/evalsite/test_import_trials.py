"""Trials that come in from a file."""

import csv
import io
from functools import partial

import numpy as np
import pytest
from django.urls import reverse

from evalsite.catalog.models import Generator
from evalsite.leaderboard.models import Score
from evalsite.studies import services, transfer
from evalsite.studies.models import Protocol, Study
from evalsite.studies.table import imported_file, trial_table
from scoring.files import read_trials, write_trials
from scoring.score import score
from scoring.table import COLUMNS
from tests import factories
from tests.evalsite.reading import board_page, export, rows_of
from tests.evalsite.trial_files import kept_files, own, pairs, rows, run, taken, written

pytestmark = pytest.mark.django_db

FORMULA = '=cmd("calc")'


@pytest.fixture
def digits():
    return factories.dataset("Digits")


@pytest.fixture
def file(tmp_path):
    return partial(written, tmp_path)


def assert_same_trials(first, second):
    for name in set(COLUMNS) - {"study", "observer"}:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), name)


def test_a_file_becomes_a_closed_study_whose_trials_count_on_the_board(client, file, digits, work):
    said = run(file(rows()), digits, name="Of 2019", owner=factories.user("eve@example.org").email)
    study = Study.objects.get()
    work()
    assert f"36 trials of 3 people and 0 simulated observers are study {study.code}" in said
    assert "board: Digits, unlimited" in said
    assert "generators: ada, bob" in said
    assert (study.name, study.state, study.owner.email) == ("Of 2019", "closed", "eve@example.org")
    assert study.imported_from == "trials.csv"
    truth = {row.generator: row for row in score(own(study)).generators}
    for place in ({"study": study}, {"study": None}):
        for kept in Score.objects.filter(name="error_rate", simulated=False, **place):
            assert kept.value == truth[kept.generator.slug].error_rate.value
    assert set(rows_of(board_page(client, dataset="digits"))) == {"ada", "bob"}
    assert "Of 2019" in client.get(study.get_absolute_url()).content.decode()
    assert "Of 2019" in client.get(reverse("studies")).content.decode()


def test_until_the_answers_are_counted_nobody_is_said_not_to_have_answered(
    client, file, digits, work
):
    study = taken(file([row | {"response": ""} for row in rows()]), digits)
    before = client.get(study.get_absolute_url()).content.decode()
    work()
    after = client.get(study.get_absolute_url()).content.decode()
    assert ("being counted" in before, "Nobody answered" in before) == (True, False)
    assert ("being counted" in after, "Nobody answered" in after) == (False, True)


def test_imported_trials_stand_beside_those_given_here(client, study, file, work):
    factories.finished(study)
    imported = taken(file(rows(generators=["ada"])), study.dataset)
    work()
    together = Score.objects.get(study=None, name="error_rate", generator__slug="ada")
    apart = [
        Score.objects.get(study=each, name="error_rate", generator__slug="ada")
        for each in (study, imported)
    ]
    assert together.n["observers"] == sum(score.n["observers"] for score in apart) == 4


def test_csv_and_parquet_give_the_same_study(file, digits, tmp_path):
    path = file(rows())
    write_trials(read_trials(path), tmp_path / "trials.parquet", "parquet")
    first, second = (own(taken(tmp_path / name, digits)) for name in (path, "trials.parquet"))
    assert_same_trials(first, second)


def test_generators_are_known_by_slug_or_name_and_others_are_made(file, pools):
    data = pools[0].imitates
    Generator.objects.filter(slug="bob").update(name="Bob the Third")
    study = taken(file(rows(generators=["ADA", "bob", "Cy d"])), data)
    assert set(own(study).generator) == {"", "ada", "bob", "cy-d"}
    made = Generator.objects.get(slug="cy-d")
    assert (made.name, made.kind, made.dataset) == ("Cy d", Generator.Kind.EXTERNAL, data)
    assert set(Generator.objects.values_list("slug", flat=True)) == {"ada", "bob", "cy-d"}


def test_columns_that_are_not_read_are_told(client, file, digits):
    said = run(file([row | {"model": "x", "RT": 4} for row in rows(["ann"])]), digits)
    study = Study.objects.get()
    assert said.endswith("columns not read: model, rt\n")
    assert "of 1 person and" in said
    page = client.get(study.get_absolute_url()).content.decode()
    assert "<dt>Columns not read</dt><dd>model, rt</dd>" in page
    assert "1 person, 0 simulated" in page


def test_a_name_in_another_spelling_of_unicode_is_known(file, digits):
    known = factories.generator("Zo\u00e9", of=digits)
    taken(file(rows(generators=["Zoe\u0301"])), digits)
    assert Generator.objects.get() == known


def test_a_generator_called_real_leaves_the_board_readable(client, file, digits, work):
    taken(file(rows(generators=["Real!", "Catch"])), digits)
    work()
    assert set(rows_of(board_page(client, dataset="digits"))) == {"real-2", "catch-2"}


def test_a_generator_of_another_data_set_is_not_meant(file, pools):
    study = taken(file(rows(generators=["ada"])), factories.dataset("Others"))
    assert set(own(study).generator) == {"", "ada-2"}


def test_the_pages_of_a_generator_without_images_work(client, file, digits, work, logged_in):
    taken(file(rows()), digits)
    work()
    made = Generator.objects.get(slug="ada")
    page = client.get(made.get_absolute_url())
    assert page.status_code == 200
    assert "images kept elsewhere" in page.content.decode()
    assert "only what people said of them was imported" in page.content.decode()
    assert "Draw another pool" not in page.content.decode()
    for address in (reverse("generators"), digits.get_absolute_url(), reverse("launch")):
        assert client.get(address).status_code == 200
    refused = client.post(reverse("sample", args=["ada"]), {"count": 5, "seed": 0}, follow=True)
    assert "no network to draw from" in refused.content.decode()


def test_nobody_can_take_part_in_an_imported_study(client, file, digits):
    study = taken(file(rows()), digits)
    page = client.post(study.public_path)
    assert page.status_code < 500
    assert not study.observers.exists()
    with pytest.raises(services.Refused, match="not open"):
        services.take_part(study)


def test_nothing_of_who_the_observers_were_is_kept(file, digits, settings):
    who = "jo.doe@example.org"
    trials = rows([who, "sam"], block=f"block of {who}", screen=f"{who} 1")
    study = taken(file(trials), digits, protocol=Protocol.SELECT)
    table = own(study)
    assert set(table.observer) == {f"person-{study.code}-1", f"person-{study.code}-2"}
    (kept,) = kept_files(settings)
    assert kept == imported_file(study.trials_key)
    text = repr([set(getattr(read_trials(kept), name).tolist()) for name in COLUMNS])
    assert who not in text
    assert "sam" not in text
    assert who.encode() not in kept.read_bytes()
    assert who not in repr(Study.objects.filter(pk=study.pk).values())


def test_studies_in_one_file_stay_apart(file, digits):
    trials = [{**row, "study": name} for name in ("north", "south") for row in rows(["ann"])]
    study = taken(file(trials), digits)
    table = own(study)
    assert set(table.study) == {f"{study.code}-1", f"{study.code}-2"}
    assert set(table.observer) == {f"person-{study.code}-1"}  # one id, one person
    assert len(table) == len(trials)


def test_skipped_trials_are_kept_and_can_be_counted_as_wrong(file, digits):
    trials = rows(generators=["ada"])
    trials[-1]["response"] = trials[-2]["response"] = ""
    table = own(taken(file(trials), digits))
    assert (table.response == "").sum() == 2
    assert score(table, draws=100).n_skipped == 2
    assert score(table, draws=100, skipped="wrong").n_trials == len(trials)


def test_simulated_observers_stay_simulated_and_apart(file, digits, work):
    study = taken(file(rows(["simulated-x-1", "simulated-x-2", "ann", "bob"])), digits)
    work()
    people, simulated = (trial_table([study], simulated=which) for which in (False, True))
    assert {name.partition("-")[0] for name in people.observer} == {"person"}
    assert {name.partition("-")[0] for name in simulated.observer} == {"simulated"}
    assert len(people) == len(simulated) == 24
    assert (study.design["observers"], study.design["simulated_observers"]) == (2, 2)
    for which in (False, True):
        kept = Score.objects.filter(study=study, name="error_rate", simulated=which)
        assert {score.n["observers"] for score in kept} == {2}


def test_catch_trials_are_no_generator(file, digits):
    caught = {"truth": "fake", "generator": "catch", "flags": "catch", "response": "fake"}
    trials = [row | {"flags": ""} for row in rows(generators=["ada"])]
    trials += [trials[0] | caught | {"stimulus": f"catch/{n}"} for n in range(3)]
    study = taken(file(trials), digits)
    assert set(Generator.objects.values_list("slug", flat=True)) == {"ada"}
    table = own(study)
    assert table.catch.sum() == 3
    assert set(table.generator[table.catch]) == {"catch"}


def test_who_is_left_out_in_the_file_stays_left_out(file, digits):
    trials = [
        row | {"flags": "excluded_fast" if row["observer"] == "ann" else ""} for row in rows()
    ]
    table = own(taken(file(trials), digits))
    assert table.excluded.sum() == len(trials) / 3


def shown_for(*exposures_ms):
    """Trials with these exposures in turn."""
    return [
        row | {"exposure_ms": exposures_ms[n % len(exposures_ms)]} for n, row in enumerate(rows())
    ]


@pytest.mark.parametrize(
    ("protocol", "trials", "given", "condition", "rules"),
    [
        ("unlimited", rows(), "", "", {}),
        ("unlimited", rows(), "on phones", "on phones", {}),
        ("limited", rows(exposure_ms=1000), "", "1 s", {"exposures_ms": (1000,)}),
        ("limited", rows(exposure_ms=5000), "5 s, masked", "5 s, masked", {}),
        ("flash", shown_for(500, 490), "", "weighted staircase", {"staircase": "weighted"}),
        (
            "flash",
            shown_for(500, 470),
            "3-down-1-up staircase",
            "3-down-1-up staircase",
            {"staircase": "three_down", "exposures_ms": ()},
        ),
        (
            "flash",
            shown_for(50, 99.8, 300),
            "",
            "constant 50, 100, 300 ms",
            {"staircase": "constant", "exposures_ms": (50, 100, 300)},
        ),
        ("pair", pairs(), "", "beside a real image", {"against": "real", "allow_ties": True}),
        ("select", rows(screen="1"), "", "12 images", {"grid": 12}),
    ],
)
def test_the_board_is_told_by_the_trials(file, digits, protocol, trials, given, condition, rules):
    study = taken(file(trials), digits, protocol, condition=given)
    study.refresh_from_db()
    assert study.condition == condition
    assert {name: getattr(study.rules, name) for name in rules} == rules


def test_pairs_without_a_real_image_set_generators_against_one_another(file, digits):
    trials = [row | {"truth": "fake", "generator": row["generator"] or "Bob"} for row in pairs()]
    caught = [row | {"screen": f"x{row['screen']}", "flags": "catch"} for row in pairs(["ann"], 1)]
    study = taken(
        file(trials + [row | {"stimulus": f"{n}x"} for n, row in enumerate(caught)]),
        digits,
        Protocol.PAIR,
    )
    assert study.rules.against == "generators"
    assert study.condition == "generators side by side"


def test_questions_are_images_or_pairs(file, digits):
    assert taken(file(rows()), digits).trials_per_observer == 12
    assert taken(file(pairs()), digits, Protocol.PAIR).trials_per_observer == 6


def test_text_of_the_file_is_never_markup(client, file, digits, work):
    script = "<script>alert(1)</script>"
    trials = rows(generators=[script], block=script, flags="")
    trials = [row | {"stimulus": f"{script}{row['stimulus']}"} for row in trials]
    study = taken(file(trials), digits, name=script, condition=script, source=f"{script}.csv")
    work()
    made = Generator.objects.get()
    client.force_login(factories.user(is_staff=True))
    pages = [study, made, digits]
    addresses = [page.get_absolute_url() for page in pages]
    addresses += [reverse("studies"), reverse("generators"), reverse("leaderboard")]
    addresses += [f"{reverse('leaderboard')}?dataset=digits&protocol=unlimited&condition={script}"]
    for address in addresses:
        assert script not in client.get(address).content.decode(), address


def test_an_export_of_an_import_holds_no_formula(client, file, digits, logged_in):
    trials = [
        row | {"stimulus": f"{FORMULA}{row['stimulus']}", "block": "+1", "answered_at": "@now"}
        for row in rows(generators=[FORMULA, "-1"], flags="=x", study="@a")
    ]
    study = taken(file(trials), digits)
    study.owner = logged_in
    study.save()
    lines = list(csv.reader(io.StringIO(export(client, study).getvalue().decode())))
    assert len(lines) == 1 + len(trials)
    assert not [cell for line in lines for cell in line if cell[:1] in tuple("=+-@\t\r")]
    assert {line[4] for line in lines[1:] if "r0" in line[4]} == {f"'{FORMULA}r0"}


def test_an_import_taken_back_leaves_the_boards_and_the_disk(
    client, file, digits, work, settings, logged_in
):
    study = taken(file(rows(generators=["ada", "bob"])), digits)
    other = taken(file(rows(generators=["bob"])), digits)
    work()
    client.post(reverse("remove_import", args=[study.code]))
    work()
    assert kept_files(settings) == [imported_file(other.trials_key)]
    assert not Score.objects.filter(study=study).exists()
    assert set(Generator.objects.values_list("slug", flat=True)) == {"bob"}
    board = Score.objects.get(study=None, name="error_rate")
    assert board.value == Score.objects.get(study=other, name="error_rate").value
    study.refresh_from_db()
    assert study.revision == 1
    assert len(own(study)) == 0
    assert client.get(study.get_absolute_url()).status_code == 200
    again = client.post(reverse("remove_import", args=[study.code]), follow=True)
    assert "no imported trials" in again.content.decode()


def test_generators_with_images_outlive_an_import_of_their_answers(file, pools):
    study = taken(file(rows(generators=["ada"])), pools[0].imitates)
    transfer.remove_import(study)
    assert Generator.objects.filter(slug="ada").exists()


def test_only_its_owner_takes_an_import_back(client, file, digits):
    study = taken(file(rows()), digits)
    Study.objects.update(owner=factories.user())
    address = reverse("remove_import", args=[study.code])
    assert client.post(address).url == f"{reverse('login')}?next={address}"
    client.force_login(factories.user())
    assert client.post(address).status_code == 403
    assert client.get(address).status_code == 405
    assert imported_file(study.trials_key).exists()


def test_a_study_that_was_run_here_cannot_be_taken_back(study):
    with pytest.raises(services.Refused, match="no imported trials"):
        transfer.remove_import(study)


def test_an_import_of_an_export_gives_the_same_trials(study, tmp_path):
    for _ in range(3):
        factories.finished(study)
    first = own(study)
    write_trials(first, tmp_path / "out.csv", "csv")
    second = own(taken(tmp_path / "out.csv", study.dataset))
    assert_same_trials(first, second)
