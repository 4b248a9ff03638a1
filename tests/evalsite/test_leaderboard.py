import re
from collections import OrderedDict

import pytest
from django.urls import reverse

from evalsite.catalog.models import Generator, Pool
from evalsite.leaderboard import live, measuring, services
from evalsite.leaderboard.board import Row, board_of, board_of_study, places_of
from evalsite.leaderboard.models import Measurement, Score
from evalsite.leaderboard.plots import interval_plot, scatters
from evalsite.leaderboard.words import figure
from evalsite.studies import services as studies
from evalsite.studies.design import Rules
from evalsite.studies.models import Protocol, Study
from tests import factories
from tests.evalsite.reading import board_page, fooled_by, rows_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    """No board of an earlier test is known to this process."""
    monkeypatch.setattr(live, "_boards", OrderedDict())


def measured(pool, **values):
    """Scores of a pool as a measurement leaves them."""
    measurement = measuring.request_measurement(pool)
    figures = [
        {
            "name": name.replace("_", "-"),
            "value": value,
            "low": value - 1,
            "high": value + 1,
            "n_fake": pool.count,
            "n_real": None if name == "IS" else 20,
            "resampled": "images",
            "note": "",
        }
        for name, value in values.items()
    ]
    measuring.record_measurement(measurement, {"figures": figures, "seed": 0})


def test_an_empty_site_has_an_empty_leaderboard(client):
    assert "There is no generator to rank yet" in board_page(client)


def test_before_anyone_has_answered_no_human_figure_is_shown(client, study):
    page = board_page(client)
    assert "Nobody has answered yet" in page
    assert f'href="{study.public_path}">Be the first' in page
    rows = rows_of(page)
    assert list(rows) == ["ada", "bob"]
    for cells in rows.values():
        assert cells[0] == ["–"]
        assert cells[2:4] == [["no", "answers", "yet"], ["0"]]
    assert "<figure" not in page
    assert not re.search(r"\d\.\d", page.split("<tbody>")[1].split("</tbody>")[0])


def test_without_an_open_study_the_reader_is_invited_to_launch_one(client, pools):
    assert reverse("launch") in board_page(client).split("Nobody has answered yet")[1]


def test_generators_without_images_are_not_ranked(client, study):
    waiting = factories.generator("Cleo", of=study.dataset)
    factories.pool(waiting, is_ready=False)
    assert "cleo" not in rows_of(board_page(client))


def test_answers_become_a_row_a_generator_the_most_real_first(client, study, enqueued, work):
    for _ in range(3):
        factories.finished(study, right=fooled_by("bob"))
    work()
    page = board_page(client)
    rows = rows_of(page)
    assert list(rows) == ["bob", "ada"]
    _, _, error, fooled, doubted, _, n = rows["bob"][:7]
    assert (error[0], fooled[0], doubted[0]) == ("50.0", "100.0", "0.0")
    assert n == ["3", "people", "9", "images", "judged"]
    assert rows["ada"][2][0] == "0.0"
    assert "Nobody has answered yet" not in page
    assert "simulated" not in page
    assert 'class="intervals"' in page


def test_one_persons_answers_are_called_one_persons(client, study, work):
    factories.finished(study)
    work()
    assert rows_of(board_page(client))["ada"][6][:2] == ["1", "person"]
    assert rows_of(board_page(client))["ada"][0] == ["–"]  # no interval, no rank


def test_ranks_are_sets():
    def rank(low, high):
        row = Score(name="error_rate", value=0.3, rank_low=low, rank_high=high)
        return Row(None, {"error_rate": row}, {}, "error_rate").rank

    assert (rank(1, 1), rank(1, 3), rank(None, None)) == ("1", "1–3", "–")


def test_ranks_of_generators_far_apart_are_single_places(client, work):
    data = factories.dataset(test=40)
    pools = [factories.pool(factories.generator(name, of=data), size=40) for name in ("Ada", "Bob")]
    study = factories.study(pools=pools, trials=40, practice_trials=0)
    for number in range(8):
        observer = factories.finished(
            study, right=lambda t, n=number: fooled_by("bob")(t) ^ ((t.image_index + n) % 9 == 0)
        )
        assert observer.finished_at
    work()
    rows = rows_of(board_page(client))
    assert [rows[slug][0] for slug in ("bob", "ada")] == [["1"], ["2"]]


def test_new_scores_replace_old_ones(study):
    factories.finished(study)
    services.refresh_scores(study)
    first = set(Score.objects.values_list("name", "generator", "study", "simulated"))
    factories.finished(study, right=fooled_by("bob"))
    services.refresh_scores(study)
    assert set(Score.objects.values_list("name", "generator", "study", "simulated")) == first
    assert Score.objects.of_study(study).get(generator__slug="bob", name="fake_error").value == 0.5


def test_many_answers_ask_for_scores_once_and_those_while_scoring_again(
    study, enqueued, monkeypatch
):
    for _ in range(2):
        factories.finished(study)
    assert enqueued == [("score", study.pk)]
    enqueued.clear()
    scored = services.standings

    def answered_meanwhile(studies, *, simulated):
        if not enqueued:
            factories.finished(study)
        return scored(studies, simulated=simulated)

    monkeypatch.setattr(services, "standings", answered_meanwhile)
    services.score_if_due(study)
    assert enqueued == [("score", study.pk), ("report", study.pk)]


def test_a_second_message_for_the_same_scores_does_nothing(study, monkeypatch):
    factories.finished(study)
    services.score_if_due(study)
    monkeypatch.setattr(services, "refresh_scores", lambda study: pytest.fail("scored twice"))
    services.score_if_due(study)
    assert Score.objects.of_study(study).exists()


def test_a_scoring_that_ends_after_a_later_one_asks_for_another(study, enqueued, monkeypatch):
    factories.finished(study)
    enqueued.clear()
    scored = services.standings

    def overtaken(studies, *, simulated):
        monkeypatch.setattr(services, "standings", scored)
        factories.finished(study)
        services.score_if_due(study)  # the later one, which ends first
        enqueued.clear()
        return scored(studies, simulated=simulated)

    monkeypatch.setattr(services, "standings", overtaken)
    services.score_if_due(study)
    assert ("score", study.pk) in enqueued


def test_scores_whose_message_was_lost_are_asked_for_again(study, enqueued, pools):
    factories.finished(study)
    enqueued.clear()
    services.catch_up()
    measuring.catch_up()
    assert ("score", study.pk) in enqueued
    assert [task for task, _ in enqueued].count("gather") == len(pools)


def killed(*args, **kwargs):
    raise SystemExit


def test_scores_whose_worker_was_killed_are_asked_for_again_but_not_at_once(
    study, enqueued, monkeypatch
):
    factories.finished(study)
    with monkeypatch.context() as patch:
        patch.setattr(services, "standings", killed)
        with pytest.raises(SystemExit):
            services.score_if_due(study)
    enqueued.clear()
    services.catch_up()
    services.catch_up()
    assert enqueued == [("score", study.pk)]
    services.score_if_due(study)
    assert Score.objects.of_study(study).exists()
    assert not Study.objects.filter(scores_due=True).exists()


def test_a_report_whose_worker_was_killed_is_asked_for_again(study, enqueued, monkeypatch):
    factories.finished(study)
    services.score_if_due(study)
    with monkeypatch.context() as patch:
        patch.setattr(services, "trial_table", killed)
        with pytest.raises(SystemExit):
            services.report_if_due(study)
    enqueued.clear()
    services.catch_up()
    assert enqueued == [("report", study.pk)]
    services.report_if_due(study)
    assert study.reports.count() == 2
    assert not Study.objects.filter(report_due=True).exists()


def test_studies_of_one_data_set_and_protocol_share_a_board_but_not_a_page(study, pools, work):
    other = factories.study(pools=pools, trials=12, practice_trials=0)
    factories.finished(study)
    factories.finished(other, right=fooled_by("bob"))
    work()
    rates = {
        place: {row.generator.slug: row.human["fake_error"].value for row in board.rows}["bob"]
        for place, board in (
            ("own", board_of_study(study)),
            ("other", board_of_study(other)),
            ("all", board_of(study.dataset, study.protocol)),
        )
    }
    assert rates == {"own": 0.0, "other": 1.0, "all": 0.5}


def test_protocols_are_never_mixed(client, study, work):
    factories.finished(study)
    work()
    assert "Nobody has answered yet" in board_page(client, dataset="digits", protocol="flash")


def test_an_unknown_data_set_is_not_found(client, study):
    assert client.get(reverse("leaderboard"), {"dataset": "letters"}).status_code == 404


def test_an_unknown_protocol_falls_back_to_unlimited(client, study):
    page = board_page(client, protocol="guess")
    assert 'protocol=unlimited" aria-current="true"' in page


def test_metrics_stand_beside_people_with_their_n(client, study, pools):
    for pool, value in zip(pools, (12.5, 25.25), strict=True):
        measured(pool, IS=2.0, FD_lite0=value, KID_lite0=0.01)
    page = board_page(client)
    ada = rows_of(page)["ada"]
    assert [cell[0] for cell in ada[4:]] == ["2.00", "12.50", "10.00"]
    assert ada[5][-3:] == ["n", "=", "20"]
    assert [re.sub("<[^>]+>", "", th) for th in re.findall(r"<th.*?</th>", page)][-3:] == [
        "IS",
        "FD-lite0",
        "KID-lite0, × 1000",
    ]


def test_a_pool_not_yet_measured_says_so(client, study, pools):
    measured(pools[0], FD_lite0=3.0)
    assert rows_of(board_page(client))["bob"][-1] == ["not", "measured", "yet"]


def test_metrics_are_of_the_images_that_people_saw(study, pools):
    newer = factories.pool(pools[0].generator, seed=5)
    measured(pools[0], FD_lite0=1.0)
    measured(newer, FD_lite0=2.0)
    (ada,) = [
        row for row in board_of(study.dataset, "unlimited").rows if row.generator.slug == "ada"
    ]
    assert ada.metrics["FD-lite0"].value == 1.0
    Study.objects.all().delete()
    (ada,) = [
        row for row in board_of(newer.imitates, "unlimited").rows if row.generator.slug == "ada"
    ]
    assert ada.metrics["FD-lite0"].value == 2.0


def test_metrics_are_of_all_classes_unless_people_saw_but_some(pools):
    some = factories.pool(pools[0].generator, seed=5)
    Pool.jobs.filter(pk=some.pk).update(classes=[1])
    measured(pools[0], FD_lite0=1.0)
    measured(some, FD_lite0=2.0)
    (ada,) = [
        row for row in board_of(some.imitates, "unlimited").rows if row.generator.slug == "ada"
    ]
    assert ada.metrics["FD-lite0"].value == 1.0


def test_a_measurement_again_replaces_the_figures(pools, enqueued):
    measured(pools[0], FD_lite0=1.0)
    measured(pools[0], FD_lite0=3.0)
    assert Score.objects.get(name="FD-lite0").value == 3.0
    assert Measurement.jobs.count() == 1
    assert [task for task, _ in enqueued] == ["extract", "extract", "gather"]


def test_people_are_drawn_against_every_metric_that_two_judged_generators_have(
    study, pools, work, monkeypatch, enqueued
):
    for pool, value in zip(pools, (12.5, 25.25), strict=True):
        measured(pool, FD_lite0=value)
    measured(pools[0], FD_lite0=12.5, IS=2.0)
    enqueued[:] = []
    assert scatters(board_of(study.dataset, "unlimited")) == []
    factories.finished(study, right=fooled_by("bob"))
    factories.finished(study)
    work()
    (drawn,) = scatters(board_of(study.dataset, "unlimited"))
    assert drawn.metric == figure("FD-lite0").heading
    xs = {dot.row.generator.slug: dot.x for dot in drawn.dots}
    assert 0 < xs["ada"] < xs["bob"] < 240


def test_the_interval_plot_keeps_every_bar_on_its_axis(study, work):
    for number in range(3):
        factories.finished(study, right=lambda t, n=number: (t.image_index + n) % 3 > 0)
    work()
    plot = interval_plot(board_of(study.dataset, "unlimited"))
    for bar in plot.bars:
        assert 0 <= bar.low <= bar.at <= bar.high <= 100
    assert 0 < plot.chance <= 100


def test_a_flash_study_has_rates_before_it_has_a_threshold(client, pools, work):
    study = factories.study(pools=pools, trials=12, protocol=Protocol.FLASH)
    from evalsite.studies.services import take_part

    observer = take_part(study)
    fake = [trial for trial in factories.main_trials(observer) if trial.truth == "fake"]
    factories.record(observer, fake[:1])
    work()
    row = rows_of(board_page(client, dataset="digits", protocol="flash"))["ada"]
    assert row[2] == ["–"]
    assert row[-1][:2] == ["1", "person"]


def test_pools_of_a_data_set_are_not_measured(pools):
    measuring.catch_up()
    assert set(Measurement.jobs.values_list("pool", flat=True)) == {pool.pk for pool in pools}
    assert Pool.jobs.filter(dataset__isnull=False, measurements__isnull=False).count() == 0


def conditions_of(page):
    listed = re.search(r'aria-label="Condition">(.*?)</ul>', page, re.DOTALL)
    return re.findall(r">([^<]+)</a>", listed.group(1)) if listed else []


def test_conditions_of_a_protocol_have_boards_of_their_own(client, pools, work):
    second, five = (
        factories.study(
            pools=pools,
            trials=4,
            protocol=Protocol.LIMITED,
            rules=Rules(exposures_ms=(exposure_ms,)),
        )
        for exposure_ms in (1000, 5000)
    )
    factories.finished(second)
    factories.finished(five, right=fooled_by("bob"))
    factories.finished(five, right=fooled_by("bob"))
    work()
    page = board_page(client, protocol="limited")
    assert conditions_of(page) == ["1 s", "5 s"]
    assert 'condition=5%20s" aria-current="true"' in page  # the one with more answers
    assert rows_of(page)["bob"][3][0] == "100.0"
    page = board_page(client, protocol="limited", condition="1 s")
    assert rows_of(page)["bob"][3][0] == "0.0"


def test_an_unknown_condition_falls_back_to_the_most_answered(client, study, work):
    factories.finished(study)
    work()
    assert rows_of(board_page(client, condition="on a Monday"))["ada"][2][0] == "0.0"


def test_the_most_answered_protocol_is_shown_first(client, pools, study, work):
    pair = factories.study(pools=pools, trials=6, protocol=Protocol.PAIR)
    factories.finished(pair)
    work()
    assert 'protocol=pair" aria-current="true"' in board_page(client)
    assert 'protocol=unlimited" aria-current="true"' in board_page(client, protocol="unlimited")


def test_answers_of_people_outweigh_any_number_of_simulated_ones(study, pools, work):
    pair = factories.study(pools=pools, trials=6, protocol=Protocol.PAIR)
    simulate = studies.simulate_observers
    list(simulate(study, [factories.guesser() for _ in range(3)]))
    services.ask_for_scores(study)
    factories.finished(pair)
    work()
    assert [place.protocol for place in places_of(study.dataset)] == ["pair", "unlimited"]


def test_pairs_rank_by_how_often_a_generator_wins(client, pools, work):
    study = factories.study(pools=pools, trials=12, protocol=Protocol.PAIR)
    for _ in range(3):
        factories.finished(study, right=lambda trial: trial.position % 3 > 0)
    work()
    page = board_page(client, protocol="pair")
    heads = [re.sub("<[^>]+>", "", head) for head in re.findall(r"<th.*?</th>", page)]
    assert heads == ["Rank", "Generator", "Win rate, %", "Strength", "n"]
    assert all(cells[4][-2:] == ["pairs", "judged"] for cells in rows_of(page).values())


def test_generators_known_by_scores_alone_are_ranked(client, study):
    outside = factories.generator("Outside", of=study.dataset, kind=Generator.Kind.EXTERNAL)
    assert "outside" not in rows_of(board_page(client))
    place = {"dataset": study.dataset, "protocol": "unlimited", "generator": outside}
    Score.objects.create(**place, name="error_rate", value=0.4, n={"observers": 3, "trials": 30})
    assert rows_of(board_page(client))["outside"][2][0] == "40.0"


def test_a_censored_threshold_is_a_bound_on_the_board(client, study, pools):
    place = {"dataset": study.dataset, "protocol": "flash", "generator": pools[0].generator}
    details = {"blocks": 2, "floor": 0, "ceiling": 2}
    note = "2 of 2 blocks at the ceiling"
    Score.objects.create(**place, name="threshold_ms", value=1000, details=details, note=note)
    page = board_page(client, protocol="flash")
    assert rows_of(page)["ada"][2][:2] == ["≥", "1,000"]
    assert note in page
    assert "Threshold of Ada: ≥ 1,000" in page


def test_a_scatter_says_how_far_a_metric_agrees_with_people(client, study, pools):
    for number, name in enumerate(("Cy", "Dee", "Eve")):
        pools.append(factories.pool(factories.generator(name, of=study.dataset), seed=number))
    for number, pool in enumerate(pools):
        measured(pool, FD_lite0=10.0 * [1, 2, 4, 3, 5][number])
        place = {"dataset": study.dataset, "protocol": "unlimited", "generator": pool.generator}
        Score.objects.create(**place, name="error_rate", value=0.5 - 0.05 * number)
    (drawn,) = scatters(board_of(study.dataset, "unlimited"))
    assert drawn.agreement == "Spearman’s ρ = 0.90 (−0.17 to 1.00), 5 generators"
    assert drawn.agreement in board_page(client)
