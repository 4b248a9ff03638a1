"""Trials that leave the site as files, and what the command makes of them."""

import csv
import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from evalsite.catalog.models import Generator
from evalsite.leaderboard.figures import RATES
from evalsite.leaderboard.models import Score
from evalsite.studies import services, transfer
from evalsite.studies.design import Rules
from evalsite.studies.models import Observer, Protocol, Response
from evalsite.studies.table import trial_table
from scoring.command import main
from scoring.dictionary import dictionary_csv, dictionary_markdown
from scoring.exclusions import Criteria
from scoring.files import read_trials
from scoring.simulate import draw_observers
from scoring.table import COLUMNS, read_csv
from tests import factories
from tests.evalsite.reading import board_page, export, fooled_by, rows_of

pytestmark = pytest.mark.django_db


def study_of(pools, protocol=Protocol.UNLIMITED, trials=18, blocks=None, **rules):
    """A study that six simulated observers have taken part in, who are taken for people."""
    study = factories.study(
        pools=pools,
        protocol=protocol,
        trials=trials,
        practice_trials=0,
        blocks=blocks,
        rules=Rules(**rules),
        owner=factories.user(),
    )
    for _ in services.simulate_observers(study, draw_observers(6, 1.0, 0.0, 0.4, 0)):
        pass
    Observer.objects.filter(study=study).update(simulated=False)
    return study


def with_exclusions(pools):
    """Of six observers one is too fast, and one has a single answer to everything."""
    criteria = Criteria(fastest_ms=200, one_answer=0.95, catch_right=0.1)
    study = study_of(pools, catch_trials=2, criteria=criteria)
    hasty, stubborn = study.observers.all()[:2]
    Response.objects.filter(trial__observer=hasty).update(rt_ms=50)
    Response.objects.filter(trial__observer=stubborn).update(answer="fake")
    return study


def handed_in_again(pools):
    """An imported study."""
    study = study_of(pools)
    path = transfer.imported_file("handed-in").with_suffix(".csv")
    path.parent.mkdir(parents=True)
    transfer.write_whole(trial_table([study], simulated=False), path, "csv")
    study.delete()
    return transfer.import_trials(
        path, owner=study.owner, dataset=study.dataset, protocol=study.protocol
    )


STUDIES = {
    "unlimited": study_of,
    "limited": lambda pools: study_of(pools, Protocol.LIMITED, exposures_ms=(1000, 5000)),
    "flash": lambda pools: study_of(pools, Protocol.FLASH),
    "pair": lambda pools: study_of(pools, Protocol.PAIR, allow_ties=True),
    "select": lambda pools: study_of(pools, Protocol.SELECT, trials=4, grid=4),
    "exclusions": with_exclusions,
    "imported": handed_in_again,
}


def printed_by_the_command(path, capsys):
    """What `python -m scoring` prints of a file: (value, low, high) by generator and score."""
    capsys.readouterr()
    assert main([str(path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    figures = {}
    for row in report["generators"]:
        slug = row["generator"]
        figures |= {(slug, name): row[attribute] for name, attribute in RATES.items()}
        if row["threshold"]:
            figures[slug, "threshold_ms"] = row["threshold"]["fit_ms"]
            figures[slug, "modal_ms"] = row["threshold"]["mean_ms"]
    for player in (report["pairs"] or {"players": []})["players"]:
        figures |= {(player["player"], name): player[name] for name in ("win_rate", "strength")}
    return {key: digits(figure.get) for key, figure in figures.items() if figure}


def digits(get):
    return tuple(get(name) for name in ("value", "low", "high"))


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [*((protocol, "csv") for protocol in STUDIES), ("unlimited", "parquet"), ("pair", "parquet")],
)
def test_the_command_prints_the_boards_digits(pools, work, tmp_path, capsys, protocol, kind):
    study = STUDIES[protocol](pools)
    services.ask_for_scores(study)
    work()
    path = tmp_path / f"out.{kind}"
    call_command("export_trials", study.code, output=str(path))
    printed = printed_by_the_command(path, capsys)
    lead = {"pair": "win_rate", "flash": "threshold_ms"}.get(protocol, "error_rate")
    for place in ({"study": study}, {"study": None, "protocol": study.protocol}):
        kept = {
            (score.generator.slug, score.name): digits(lambda name, s=score: getattr(s, name))
            for score in Score.objects.filter(pool=None, simulated=False, **place)
        }
        compared = {key: figure for key, figure in kept.items() if key in printed}
        assert {slug for slug, name in compared if name == lead} == {"ada", "bob"}
        assert compared == {key: printed[key] for key in compared}


def test_who_is_left_out_is_flagged_and_does_not_count(pools, work):
    study = with_exclusions(pools)
    services.ask_for_scores(study)
    work()
    table = trial_table([study], simulated=False)
    names = [f"person-{study.code}-{observer.ordinal}" for observer in study.observers.all()]
    assert {*table.observer[table.excluded]} == {*names[:2]}
    assert {flag for flags in table.flags for flag in flags.split(";")} >= {
        "catch",
        "excluded_fast",
        "excluded_one_answer",
    }
    assert Score.objects.filter(study=study, name="error_rate").first().n["observers"] == 4


def test_catch_trials_are_fakes_of_no_generator(pools):
    table = trial_table([with_exclusions(pools)], simulated=False)
    assert table.catch.sum() == 6 * 2
    assert {*table.generator[table.catch]} == {"catch"}
    assert {*table.truth[table.catch]} == {"fake"}
    assert {name.partition("/")[0] for name in table.stimulus[table.catch]} == {"catch"}


def test_both_images_of_a_catch_pair_are_flagged(pools):
    study = study_of(pools, Protocol.PAIR, trials=6, catch_trials=2)
    table = trial_table([study], simulated=False)
    caught = table.where(table.catch)
    assert len(caught) == 6 * 2 * 2
    assert sorted({*caught.truth}) == ["fake", "real"]
    assert len({*caught.screens}) == 6 * 2
    assert {*table.where(~table.catch).generator} == {"", "ada", "bob"}


def test_a_tie_is_two_rows_without_a_response(pools):
    table = trial_table([STUDIES["pair"](pools)], simulated=False)
    assert table.tied.sum() == Response.objects.filter(answer="tie").count() > 0
    assert {*table.response[table.tied]} == {""}
    assert not (~table.answered & ~table.tied).any()


@pytest.mark.parametrize(
    ("protocol", "rules", "together"),
    [
        (Protocol.UNLIMITED, {}, 1),
        (Protocol.PAIR, {}, 2),
        (Protocol.SELECT, {"grid": 4}, 4),
    ],
)
def test_rows_of_a_screen_say_so(pools, protocol, rules, together):
    study = study_of(pools, protocol, trials=4, blocks=2, **rules)
    table = trial_table([study], simulated=False)
    one = table.where(table.observer == table.observer[0])
    assert {*one.block} == {"1", "2"}
    assert [list(one.screens).count(screen) for screen in {*one.screens}] == [together] * 4
    assert all((one.screen == "") == (together == 1))


def test_the_board_ranks_as_the_export_does(client, pools, work):
    study = factories.study(pools=pools, trials=12, protocol=Protocol.FLASH, owner=factories.user())
    for _ in range(4):
        factories.finished(study, right=fooled_by("bob"))
    work()
    page = board_page(client, dataset="digits", protocol="flash", condition=study.condition)
    assert list(rows_of(page)) == ["bob", "ada"]  # longer looks more real
    assert "Threshold, ms" in page


def test_the_export_has_a_line_an_answer_that_counts(client, study):
    observer = factories.finished(study)
    factories.finished(study, counts=False)
    response = export(client, study)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert f"trials-{study.code}.csv" in response["Content-Disposition"]
    text = response.getvalue().decode()
    table = read_csv(io.StringIO(text))
    assert len(table) == 12
    assert {*table.observer} == {f"person-{study.code}-{observer.ordinal}"}
    assert {*table.generator} == {"", "ada", "bob"}
    assert sorted(table.position) == [*range(12)]
    assert observer.token not in text
    assert observer.code not in text


def test_nothing_of_a_platform_or_a_payment_is_exported(client, pools):
    study = study_of(pools)
    Observer.objects.filter(study=study).update(
        platform_study="platform-study", platform_session="platform-session", language="xx-secret"
    )
    study.observers.filter(ordinal=0).update(participant="participant-id", source="prolific")
    text = export(client, study).getvalue().decode()
    for word in ("platform-", "participant-id", "prolific", "xx-secret"):
        assert word not in text


def test_who_did_not_qualify_is_not_exported(pools):
    study = study_of(pools)
    study.observers.filter(ordinal=0).update(qualified=False)
    assert f"person-{study.code}-0" not in trial_table([study], simulated=False).observer


def test_practice_is_not_exported(client, pools):
    study = factories.study(pools=pools, trials=4, practice_trials=4, owner=factories.user())
    factories.finished(study)
    assert len(read_csv(io.StringIO(export(client, study).getvalue().decode()))) == 4


def test_an_export_before_the_first_answer_is_a_header(client, study):
    assert export(client, study).getvalue().decode().split() == [",".join(COLUMNS)]


def test_a_long_export_is_sent_in_pieces_that_fit_together(client, study, monkeypatch):
    factories.finished(study)
    whole = export(client, study).getvalue()
    monkeypatch.setattr(transfer, "CHUNK_ROWS", 5)
    pieces = list(export(client, study).streaming_content)
    assert [piece.count(b"\n") for piece in pieces] == [6, 5, 2]
    assert b"".join(pieces) == whole


def test_parquet_holds_the_same_trials(client, study, tmp_path):
    factories.finished(study)
    response = as_owner(client, study).get(reverse("trials_parquet", args=[study.code]))
    assert f"trials-{study.code}.parquet" in response["Content-Disposition"]
    (tmp_path / "a.parquet").write_bytes(response.getvalue())
    (tmp_path / "a.csv").write_bytes(export(client, study).getvalue())
    first, second = (read_trials(tmp_path / name) for name in ("a.parquet", "a.csv"))
    for name in COLUMNS:
        assert [*map(repr, getattr(first, name))] == [*map(repr, getattr(second, name))]


def test_simulated_answers_are_exported_by_themselves(client, study):
    factories.finished(study)
    factories.finished(study, simulated=True)
    page = reverse("trials_parquet", args=[study.code]) + "?simulated"
    assert (
        f"trials-{study.code}-simulated.parquet"
        in as_owner(client, study).get(page)["Content-Disposition"]
    )
    people, simulated = (
        read_csv(io.StringIO(export(client, study, simulated=which).getvalue().decode()))
        for which in (False, True)
    )
    assert {*people.observer} == {f"person-{study.code}-0"}
    assert {*simulated.observer} == {f"simulated-{study.code}-1"}


def as_owner(client, study):
    client.force_login(study.owner)
    return client


@pytest.mark.parametrize("page", ["trials_csv", "trials_parquet"])
def test_trials_are_exported_for_the_owner_alone(client, study, page):
    address = reverse(page, args=[study.code])
    assert client.get(address).url == f"{reverse('login')}?next={address}"
    client.force_login(factories.user())
    assert client.get(address).status_code == 403
    client.force_login(factories.user(is_staff=True))
    assert client.get(address).status_code == 200
    assert client.post(address).status_code == 405


def test_everybody_may_know_what_the_columns_mean(client, study):
    response = client.get(reverse("data_dictionary", args=[study.code]))
    assert response.content.decode() == dictionary_csv()
    assert {row["name"] for row in csv.DictReader(io.StringIO(dictionary_csv()))} == {*COLUMNS}
    assert client.get(reverse("data_dictionary", args=["nowhere"])).status_code == 404


def test_the_docs_hold_the_dictionary(settings):
    page = (settings.BASE_DIR / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    assert dictionary_markdown() in page


def test_the_command_writes_to_stdout_or_to_a_file(study, tmp_path, capfdbinary):
    factories.finished(study)
    call_command("export_trials", study.code)
    text = capfdbinary.readouterr().out
    call_command("export_trials", study.code, output=str(tmp_path / "a.csv"))
    assert (tmp_path / "a.csv").read_bytes() == text
    call_command("export_trials", study.code, format="parquet", output=str(tmp_path / "a.csv"))
    assert (tmp_path / "a.csv").read_bytes()[:4] == b"PAR1"
    assert b"12 trials are in" in capfdbinary.readouterr().out
    assert [path.name for path in tmp_path.glob("a.*")] == ["a.csv"]


def test_the_command_exports_simulated_observers_by_themselves(study, tmp_path):
    factories.finished(study, simulated=True)
    path = tmp_path / "a.parquet"
    call_command("export_trials", study.code, simulated=True, output=str(path))
    assert {*read_trials(path).observer} == {f"simulated-{study.code}-0"}


def test_the_command_says_what_it_cannot_do(study, tmp_path):
    with pytest.raises(CommandError, match=f"no study 'x'; there are: {study.code}"):
        call_command("export_trials", "x")
    with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
        call_command("export_trials", study.code, output=str(tmp_path / "no" / "a.csv"))


def test_a_generator_called_like_a_formula_is_exported_as_text(client, pools):
    Generator.objects.filter(slug="ada").update(name="=cmd()", slug="-1+1")
    study = study_of(pools)
    rows = list(csv.reader(io.StringIO(export(client, study).getvalue().decode())))
    assert "'-1+1" in {cell for row in rows for cell in row}
    assert not [cell for row in rows for cell in row if cell[:1] in tuple("=+-@")]
