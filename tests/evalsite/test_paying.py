"""What people are owed, what is left of the budget, and when a study closes by itself."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from evalsite.studies import services
from evalsite.studies.design import Payment, Rules, Stopping
from evalsite.studies.models import Observer, Protocol, Study
from evalsite.studies.platforms import arrival_of
from tests import factories
from tests.evalsite.observing import Browser

pytestmark = pytest.mark.django_db

PAID = Payment(base=1.0, bonus=0.125, currency="EUR")


def paid_study(pools, payment=PAID, *, protocol=Protocol.UNLIMITED, trials=4, **fields):
    rules = Rules(payment=payment, grid=4)
    fields = {"practice_trials": 0, "owner": factories.user(), **fields}
    return factories.study(pools=pools, protocol=protocol, trials=trials, rules=rules, **fields)


def comes(study, name, *, right=lambda trial: True):
    arrival = arrival_of({"PROLIFIC_PID": name})
    return factories.finished(study, arrival=arrival, right=right)


def test_base_and_bonus_are_owed_rounded_to_cents(pools):
    study = paid_study(pools)
    comes(study, "ann")
    comes(study, "bob", right=lambda trial: trial.position == 0)
    comes(study, "cy", right=lambda trial: False)
    found = {due.payee: (due.right, due.bonus, due.total) for due in services.payroll(study).dues}
    assert found == {
        "ann": (4, Decimal("0.50"), Decimal("1.50")),
        "bob": (1, Decimal("0.13"), Decimal("1.13")),
        "cy": (0, Decimal("0.00"), Decimal("1.00")),
    }
    assert services.payroll(study).owed == Decimal("3.63")


@pytest.mark.parametrize(
    ("protocol", "right"), [(Protocol.PAIR, 4), (Protocol.SELECT, 16), (Protocol.FLASH, 4)]
)
def test_a_bonus_is_for_a_pair_or_an_image(pools, protocol, right):
    study = paid_study(pools, protocol=protocol)
    due = services.due(comes(study, "ann"))
    assert due.right == right
    assert due.total == services.most_for_one(study)


def test_nothing_is_owed_before_the_end_or_to_who_is_no_observer(pools):
    study = paid_study(pools)
    factories.finished(study, counts=False)
    list(services.simulate_observers(study, [factories.guesser()]))
    going = services.take_part(study)
    factories.record(going, going.trials.in_order()[:2])
    assert services.due(going).total == 0
    assert services.payroll(study).owed == 0
    assert services.payroll(study).reserved == Decimal("1.50")


def test_money_is_kept_back_for_who_is_under_way_for_a_day(pools):
    study = paid_study(pools)
    observer = services.take_part(study)
    assert services.payroll(study).committed == Decimal("1.50")
    long_ago = timezone.now() - timedelta(hours=25)
    Observer.objects.filter(pk=observer.pk).update(changed_at=long_ago)
    assert services.payroll(study).committed == 0


def test_nobody_is_let_in_whose_pay_might_pass_the_budget(pools):
    study = paid_study(pools, Payment(base=1.0, bonus=0.1, budget=2.7))
    person = Browser(study).consent()
    late = Browser(study)
    assert "Enough people are taking part" in late.client.post(study.public_path).content.decode()
    with pytest.raises(services.Refused, match="no money left"):
        services.take_part(study)
    assert Observer.objects.count() == 1
    assert Study.objects.get().observers_invited == 1
    person.finish(right=False)  # costs 1.00 and not 1.40
    late.consent()


def test_the_own_researcher_and_simulated_observers_cost_nothing(pools):
    study = paid_study(pools, Payment(base=1.0, budget=1.0))
    services.take_part(study)
    services.take_part(study, counts=False)
    services.take_part(study, simulated=True)
    with pytest.raises(services.Refused):
        services.take_part(study)


def state(study):
    study.refresh_from_db()
    return study.state


def test_a_study_closes_when_its_budget_is_too_small_for_one_more(pools):
    study = paid_study(pools, Payment(base=1.0, budget=2.5))
    comes(study, "ann")
    assert state(study) == Study.State.OPEN
    comes(study, "bob")
    assert state(study) == Study.State.CLOSED


def test_a_study_closes_when_enough_people_have_finished(pools):
    study = factories.study(pools=pools, rules=Rules(stopping=Stopping(most_observers=2)))
    factories.finished(study, counts=False)
    factories.finished(study)
    services.take_part(study)
    assert state(study) == Study.State.OPEN
    factories.finished(study)
    assert state(study) == Study.State.CLOSED


@pytest.mark.parametrize(
    ("widths", "closes"),
    [
        (None, False),
        ({}, False),
        ({"ada": 4.0, "bob": None}, False),
        ({"ada": 4.0, "bob": 5.1}, False),
        ({"ada": 4.0, "bob": 5.0}, True),
    ],
)
def test_a_study_closes_when_every_interval_is_narrow_enough(pools, widths, closes):
    study = factories.study(pools=pools, rules=Rules(stopping=Stopping(goal_points=5)))
    assert services.close_if_done(study, widths) is closes
    assert (state(study) == Study.State.CLOSED) is closes


def test_without_a_stopping_rule_no_width_closes_a_study(study):
    assert not services.close_if_done(study, {"ada": 0.0, "bob": 0.0})
    assert state(study) == Study.State.OPEN


def test_the_payments_are_shown_to_the_owner_alone(client, pools):
    study = paid_study(pools, Payment(base=1.0, bonus=0.1, currency="EUR", budget=10))
    comes(study, "ann-from-prolific")
    address = reverse("payments", args=[study.code])
    assert client.get(address).url.startswith(reverse("login"))
    client.force_login(factories.user())
    assert client.get(address).status_code == 403
    client.force_login(study.owner)
    page = client.get(address).content.decode()
    assert "ann-from-prolific,0.40" in page
    assert "10.00 EUR, 8.60 left" in page


def test_no_export_and_no_public_page_names_a_participant(client, pools):
    study = paid_study(pools)
    comes(study, "ann-from-prolific")
    pages = [client.get(study.get_absolute_url())]
    client.force_login(study.owner)
    pages.append(client.get(reverse("trials_csv", args=[study.code])))
    for page in pages:
        assert "ann-from-prolific" not in page.getvalue().decode()


def test_people_are_told_before_and_after_what_they_are_paid(pools):
    study = paid_study(pools)
    person = Browser(study)
    page = person.get("take_part").content.decode()
    assert "You are paid 1.00 EUR when you have finished." in page
    assert "Each right answer adds 0.125 EUR." in page
    person.consent().finish()
    assert "You have earned 1.50 EUR." in person.get("own_result").content.decode()
