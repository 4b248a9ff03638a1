"""What a study may ask for, how the form asks for it, and how it is written down."""

import pytest
from django.urls import reverse

from evalsite.studies import services
from evalsite.studies.checks import Asked, faults
from evalsite.studies.design import Payment, Rules, Stopping
from evalsite.studies.models import Protocol, Study
from evalsite.studies.words import CONSENT, NAMING_CONSENT
from scoring.exclusions import Criteria
from tests import factories

pytestmark = pytest.mark.django_db


def found(protocol="unlimited", *, generators=2, trials=20, practice=10, blocks=1, **rules):
    return list(faults(Asked(protocol, Rules(**rules), generators, trials, practice, blocks)))


REFUSED = {
    "no exposures": (("limited", {}), "exposures of 1, 5, 10 or 20 s, got none ms"),
    "odd exposures": (("limited", {"exposures_ms": (1000, 3000)}), "10 or 20 s, got 1000, 3000 ms"),
    "one exposure twice": (("limited", {"exposures_ms": (1000, 1000)}), "differ from one another"),
    "exposures of nothing": (("unlimited", {"exposures_ms": (1000,)}), "only limited studies and"),
    "exposures of a staircase": (("flash", {"exposures_ms": (100, 200)}), "only limited studies"),
    "an unknown rule": (("flash", {"staircase": "up"}), "weighted, three_down, constant, got up"),
    "one level": (("flash", {"staircase": "constant", "exposures_ms": (100,)}), "2 to 9 levels"),
    "a level too long": (
        ("flash", {"staircase": "constant", "exposures_ms": (100, 9000)}),
        "from 20 to 2000 ms, got 100, 9000",
    ),
    "an unknown opponent": (("pair", {"against": "nobody"}), "real or generators, got nobody"),
    "one generator": (
        ("pair", {"against": "generators", "generators": 1}),
        "at least 2 generators",
    ),
    "ties of no pair": (("select", {"allow_ties": True}), "only of a pair"),
    "a small grid": (("select", {"grid": 3}), "4 to 16 images, got 3"),
    "a large grid": (("select", {"grid": 17}), "4 to 16 images, got 17"),
    "one image": (("unlimited", {"trials": 1}), "at least 2 images"),
    "no block": (("unlimited", {"blocks": 0}), "1 to 20 blocks, got 0"),
    "too many blocks": (("unlimited", {"blocks": 21}), "1 to 20 blocks, got 21"),
    "a share above 1": (("unlimited", {"qualify_at": 65}), "above 0 and up to 1, got 65"),
    "too short a practice": (
        ("unlimited", {"qualify_at": 0.65, "practice": 7}),
        "at least 4 practice images of each kind, got 3",
    ),
    "too short a practice of pairs": (
        ("pair", {"qualify_at": 0.65, "practice": 3}),
        "of each kind, got 3",
    ),
    "catch trials below 0": (("unlimited", {"catch_trials": -1}), "0 to 20 catch trials, got -1"),
    "too many catch trials": (("select", {"catch_trials": 21}), "0 to 20 catch trials, got 21"),
    "no catch trials to miss": (
        ("unlimited", {"criteria": Criteria(catch_right=0.8)}),
        "by catch trials, there must be some",
    ),
    "more answers than there are": (
        ("unlimited", {"criteria": Criteria(fewest_trials=21)}),
        "nobody gives 21 answers: everybody gives at most 20",
    ),
    "no observers": (
        ("unlimited", {"stopping": Stopping(most_observers=0)}),
        "at least 1 observer",
    ),
    "no goal": (("unlimited", {"stopping": Stopping(goal_points=0)}), "0 to 50 points, got 0"),
    "negative pay": (
        ("unlimited", {"payment": Payment(bonus=-1)}),
        "not be below 0, got 0.0 and -1",
    ),
    "a bonus for nothing": (
        ("pair", {"against": "generators", "payment": Payment(bonus=0.1)}),
        "so there can be no bonus",
    ),
    "too small a budget": (
        ("unlimited", {"payment": Payment(base=1, bonus=0.1, budget=2.99)}),
        "may cost 3.00 USD, and the budget is 2.99",
    ),
    "too small a budget for grids": (
        ("select", {"grid": 4, "catch_trials": 2, "payment": Payment(bonus=1, budget=77)}),
        "may cost 78.00 USD",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_rules_that_cannot_be_are_refused_in_words(kind):
    (protocol, rules), words = REFUSED[kind]
    (fault,) = found(protocol, **rules)
    assert words in fault


ALLOWED = [
    ("unlimited", {}),
    ("limited", {"exposures_ms": (1000,)}),
    ("limited", {"exposures_ms": (20_000, 1000, 10_000, 5000)}),
    ("flash", {"staircase": "constant", "exposures_ms": (100, 300)}),
    ("flash", {"staircase": "three_down"}),
    ("pair", {"against": "generators", "allow_ties": True, "payment": Payment(base=1, budget=1)}),
    ("pair", {"trials": 1, "qualify_at": 1.0, "practice": 4}),
    ("select", {"grid": 16, "qualify_at": 0.65, "practice": 1}),
    ("unlimited", {"qualify_at": 0.65, "practice": 8, "catch_trials": 20}),
    ("unlimited", {"criteria": Criteria(0.8, 200, 0.95, 20), "catch_trials": 1}),
]


@pytest.mark.parametrize(("protocol", "rules"), ALLOWED)
def test_rules_that_can_be_are_not_refused(protocol, rules):
    assert found(protocol, **rules) == []


def test_all_faults_are_told_at_once(pools):
    rules = Rules(catch_trials=99, allow_ties=True)
    with pytest.raises(services.Refused, match="cannot tell; there can be 0 to 6 catch trials"):
        factories.study(pools=pools, rules=rules)
    assert not Study.objects.exists()


@pytest.mark.parametrize("protocol", Protocol.values)
def test_a_design_holds_every_rule_and_a_study_reads_it_back(pools, protocol):
    study = factories.study(pools=pools, protocol=protocol)
    written = {**study.design["rules"]}
    for part in ("criteria", "stopping", "payment"):
        written[part] = study.design[part]
    assert written == study.rules.as_json()
    assert study.design["condition"] == study.condition
    assert ("masks" in study.design) == (protocol == Protocol.FLASH)
    assert study.rules == factories.RULES.get(protocol, Rules())


def test_a_design_shows_where_its_staircase_converges(pools):
    rules = Rules(staircase="three_down")
    study = factories.study(pools=pools, protocol=Protocol.FLASH, rules=rules)
    assert study.design["staircase"]["convergence"] == pytest.approx(0.7937, abs=1e-4)
    assert study.condition == "3-down-1-up staircase"


def sendable(fields):
    """What a browser sends: nothing for empty fields and boxes left open."""
    return {
        name: value for name, value in fields.items() if value is not None and value is not False
    }


@pytest.fixture
def launch(client, logged_in, pools):
    """Send the launch form, as a browser does that leaves the rest as it was."""

    def send(**fields):
        form = client.get(reverse("launch")).context["form"]
        asked = {name: form[name].value() for name in form.fields}
        asked |= {"name": "Mine", "pools": [pool.pk for pool in pools], "trials": 6}
        asked |= {"dataset": pools[0].imitates.pk, "practice_trials": 2}
        return client.post(reverse("launch"), sendable(asked | fields))

    return send


def launched(response):
    assert response.status_code == 302, response.context["form"].errors
    return Study.objects.get()


@pytest.mark.parametrize("protocol", Protocol.values)
def test_the_form_as_it_stands_launches_every_protocol(launch, protocol):
    study = launched(launch(protocol=protocol, grid=4))
    consent = NAMING_CONSENT if protocol == "name" else CONSENT
    assert (study.protocol, study.is_open, study.consent_text) == (protocol, True, consent)
    wanted = {
        "limited": Rules(exposures_ms=(1000, 5000, 10_000, 20_000)),
        "select": Rules(grid=4),
        "name": Rules(images=50),
    }
    assert study.rules == wanted.get(protocol, Rules())


def test_what_belongs_to_another_protocol_is_left_aside(launch):
    study = launched(launch(exposures_s=[1], staircase="constant", allow_ties="on", grid=16))
    assert study.rules == Rules()


def test_the_form_asks_for_everything_a_study_can_have(launch):
    study = launched(
        launch(
            practice_trials=8,
            break_every=2,
            qualify_at=65,
            catch_trials=2,
            catch_right=80,
            fastest_ms=200,
            one_answer=95,
            fewest_trials=6,
            most_observers=30,
            goal_points=4,
            base=1.5,
            bonus=0.01,
            currency="EUR",
            budget=100,
            completion_code="C0DE",
            return_url="https://example.org/back",
            screened_out_url="https://example.org/out",
            seed=7,
        )
    )
    assert study.rules == Rules(
        qualify_at=0.65,
        catch_trials=2,
        criteria=Criteria(0.8, 200, 0.95, 6),
        stopping=Stopping(30, 4),
        payment=Payment(1.5, 0.01, "EUR", 100),
    )
    assert (study.blocks_per_observer, study.seed) == (3, 7)
    assert (study.completion_code, study.return_url) == ("C0DE", "https://example.org/back")
    assert study.screened_out_url == "https://example.org/out"


def test_the_form_takes_levels_apart_by_commas_or_spaces(launch):
    fields = {"protocol": "flash", "staircase": "constant"}
    study = launched(launch(levels_ms="100, 200 300,", **fields))
    assert study.rules.exposures_ms == (100, 200, 300)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("levels_ms", "soon"),
        ("qualify_at", 101),
        ("one_answer", 49),
        ("grid", 3),
        ("currency", "dollars"),
        ("return_url", "javascript:alert(1)"),
        ("budget", 0),
        ("exposures_s", [3]),
        ("staircase", "up"),
        ("against", "nobody"),
        ("break_every", 0),
    ],
)
def test_a_field_that_cannot_be_read_is_refused_beside_itself(launch, field, value):
    assert list(launch(**{field: value}).context["form"].errors) == [field]
    assert not Study.objects.exists()


def test_what_rules_forbid_is_told_above_the_form(launch):
    page = launch(protocol="select", grid=4, qualify_at=65, practice_trials=1).content.decode()
    assert "at least 4 practice images of each kind, got 2" in page


def plan(client, **fields):
    return client.get(reverse("plan"), fields).content.decode()


def test_the_plan_beside_the_form_gives_observers_time_and_pay(client, logged_in, pools):
    form = client.get(reverse("launch")).context["form"]
    asked = {name: form[name].value() for name in form.fields}
    asked |= {"dataset": pools[0].imitates.pk, "pools": [pool.pk for pool in pools], "base": 1}
    asked = sendable(asked)
    page = plan(client, **asked)
    assert "within ± 5 points" in page
    assert "<strong>" in page
    assert "USD in all" in page
    assert "for each generator" in plan(client, **{**asked, "protocol": "flash"})
    assert "at least 4 trials, got 3" in plan(client, **{**asked, "trials": 3})


def test_the_plan_waits_for_what_it_needs(client, logged_in):
    assert "Choose generators and a number of trials" in plan(client, trials="many")
