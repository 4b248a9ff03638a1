import io
from itertools import pairwise

import pytest
from django.core.management import CommandError, call_command
from scipy.stats import norm

from evalsite.leaderboard.models import Score
from evalsite.studies import services
from evalsite.studies.design import Rules
from evalsite.studies.models import Observer, Protocol, Response, Trial
from evalsite.studies.services import close_study
from evalsite.studies.table import trial_table
from scoring.table import read_csv
from tests import factories
from tests.evalsite.reading import board_page, export, rows_of

pytestmark = pytest.mark.django_db


def simulate(study, *arguments):
    out = io.StringIO()
    call_command("simulate", study.code, *arguments, stdout=out)
    return out.getvalue()


def test_simulated_observers_of_a_stated_dprime_are_recovered(client, work):
    data = factories.dataset("Many", test=100, resolution_px=4)
    pool = factories.pool(factories.generator("Ada", of=data), size=100)
    study = factories.study(pools=[pool], trials=100, practice_trials=0)
    options = (
        "--observers",
        "15",
        "--dprime",
        "1.5",
        "--sd",
        "0",
        "--image-sd",
        "0",
        "--seed",
        "1",
    )
    assert "15 simulated observers took part" in simulate(study, *options)
    work()
    found = Score.objects.of_study(study).get(name="dprime")
    assert found.simulated
    assert found.value == pytest.approx(1.5, abs=0.25)


def test_simulated_answers_are_marked_as_such_everywhere(client, study, work):
    simulate(study, "--observers", "3")
    work()
    page = board_page(client)
    assert "These answers are simulated." in page
    assert rows_of(page)["ada"][6][:2] == ["3", "simulated"]
    assert all("simulated" in cells[1] for cells in rows_of(page).values())
    page = client.get(study.get_absolute_url()).content.decode()
    assert "These answers are simulated." in page
    assert "3 simulated observers" in page
    assert "0 people have finished" in page


def test_peoples_answers_replace_simulated_ones_and_are_never_mixed(client, study, work):
    simulate(study, "--observers", "3", "--dprime", "0")
    factories.finished(study)
    work()
    page = board_page(client)
    assert "simulated" not in page
    assert rows_of(page)["ada"][6][:2] == ["1", "person"]
    assert rows_of(page)["ada"][2][0] == "0.0"
    for simulated, observers in ((False, 1), (True, 3)):
        table = trial_table([study], simulated=simulated)
        assert len(set(table.observer)) == observers
    text = export(client, study, simulated=True).getvalue().decode()
    assert set(read_csv(io.StringIO(text)).observer) == {
        f"simulated-{study.code}-{n}" for n in range(3)
    }


def test_one_generator_may_be_given_a_dprime_of_its_own(client, study, work):
    simulate(study, "--observers", "12", "--dprime", "4", "--sd", "0", "--dprime-of", "bob=-4")
    work()
    rates = dict(
        Score.objects.of_study(study)
        .filter(name="fake_error")
        .values_list("generator__slug", "value")
    )
    assert rates["ada"] < 0.2 < 0.8 < rates["bob"]


def test_simulation_with_a_seed_is_repeatable_and_goes_on_differently(pools):
    def answers(study):
        return list(
            Response.objects.filter(trial__observer__study=study)
            .order_by("pk")
            .values_list("answer", "rt_ms")
        )

    first, second = (factories.study(pools=pools, trials=12, practice_trials=0) for _ in range(2))
    for each in (first, second):
        simulate(each, "--observers", "2", "--seed", "5")
    assert answers(first) == answers(second)
    simulate(first, "--observers", "2", "--seed", "5")
    times = [rt for _, rt in answers(first)]
    assert len(set(times)) == len(times)


def test_simulated_staircases_move(pools, work):
    study = factories.study(pools=pools, trials=12, protocol=Protocol.FLASH)
    simulate(study, "--observers", "1", "--dprime", "9", "--sd", "0", "--image-sd", "0")
    trials = factories.main_trials(Observer.objects.get())
    assert trials[0].exposure_ms == 500
    for before, after in pairwise(trials):
        assert after.exposure_ms - before.exposure_ms == (-10 if before.response.is_correct else 30)


@pytest.mark.parametrize("protocol", Protocol.values)
def test_simulated_observers_go_through_every_protocol(pools, protocol):
    study = factories.study(pools=pools, protocol=protocol, trials=4, practice_trials=2)
    simulate(study, "--observers", "2")
    unanswered = Trial.objects.unanswered()
    assert not unanswered.exists()
    assert not Trial.objects.filter(exposure_ms=None).exists() or protocol not in (
        "limited",
        "flash",
    )
    observer = Observer.objects.first()
    assert observer.simulated
    assert observer.finished_at is not None
    if protocol == Protocol.PAIR:
        for pair in factories.screens(observer.trials.in_order().select_related("response")):
            assert sorted(trial.response.answer for trial in pair) == ["fake", "real"]


@pytest.fixture
def many():
    """Images enough for long studies of two generators."""
    data = factories.dataset("Many", test=250, resolution_px=4)
    return [factories.pool(factories.generator(n, of=data), size=250) for n in ("Ada", "Bob")]


def test_simulated_observers_choose_the_real_one_of_a_pair_as_their_dprime_has_it(many):
    study = factories.study(pools=many, protocol=Protocol.PAIR, trials=100, practice_trials=0)
    simulate(study, "--observers", "8", "--dprime", "1.5", "--sd", "0", "--image-sd", "0")
    right = [services.own_result(observer).right for observer in Observer.objects.all()]
    expected = norm.cdf(1.5 / 2**0.5)
    assert sum(right) / 800 == pytest.approx(expected, abs=3 * (expected / 4 / 800) ** 0.5)


def test_of_two_generators_the_more_real_one_is_chosen_more_often(many):
    rules = Rules(against="generators", allow_ties=True)
    fields = {"protocol": Protocol.PAIR, "trials": 100, "practice_trials": 0, "rules": rules}
    study = factories.study(pools=many, **fields)
    simulate(study, "--observers", "4", "--dprime", "1", "--dprime-of", "ada=2.5")
    chosen = Response.objects.filter(answer="real").values_list("trial__pool", flat=True)
    ties = Response.objects.filter(answer="tie").count()
    shares = [list(chosen).count(pool.pk) / 400 for pool in many]
    assert 0 < ties < 200
    assert shares[0] < 0.35 < 0.55 < shares[1]


@pytest.mark.parametrize("protocol", [Protocol.UNLIMITED, Protocol.PAIR, Protocol.SELECT])
def test_simulated_observers_see_nearly_every_catch_image(many, protocol):
    rules = Rules(catch_trials=50, grid=4)
    study = factories.study(
        pools=many, protocol=protocol, trials=50, practice_trials=0, rules=rules
    )
    simulate(study, "--observers", "4", "--dprime", "0")
    caught = Response.objects.filter(trial__is_catch=True)
    right = caught.filter(answer="fake").count()
    assert caught.count() == 200
    assert 188 <= right < 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--observers", "0"], "at least 1 observer"),
        (["--sd", "-1"], "sd must not be below 0"),
        (["--dprime-of", "cleo=1"], "no generator 'cleo' in this study; there are: ada, bob"),
        (["--dprime-of", "ada=much"], "much"),
    ],
)
def test_a_simulation_that_cannot_be_is_refused_in_words(study, arguments, words):
    with pytest.raises(CommandError, match=words):
        simulate(study, *arguments)
    assert not Observer.objects.exists()


def test_simulating_an_unknown_or_closed_study_is_refused(study):
    with pytest.raises(CommandError, match=f"no study 'nowhere'; there are: {study.code}"):
        call_command("simulate", "nowhere")
    close_study(study)
    with pytest.raises(CommandError, match="not open"):
        simulate(study)
