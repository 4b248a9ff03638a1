"""What the owner watches while people answer."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from evalsite.leaderboard.models import Score, StudyReport
from evalsite.leaderboard.monitor import WATCHED_MIN, monitor_of
from evalsite.studies.design import Payment, Rules, Stopping
from evalsite.studies.models import Observer, Protocol, Response, Study, Withdrawal
from evalsite.studies.services import close_study, simulate_observers, take_part
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def study(pools):
    rules = Rules(stopping=Stopping(most_observers=50, goal_points=5))
    return factories.study(
        pools=pools, trials=12, practice_trials=0, owner=factories.user(), rules=rules
    )


def monitor_page(client, study):
    return client.get(reverse("study_monitor", args=[study.code]))


def change(observer, **fields):
    Observer.objects.filter(pk=observer.pk).update(**fields)


def test_people_are_counted_by_how_far_they_are(study):
    long_ago = timezone.now() - timedelta(hours=2)
    factories.finished(study)
    take_part(study)
    change(take_part(study), changed_at=long_ago)
    change(factories.finished(study), qualified=False)
    take_part(study, counts=False)
    list(simulate_observers(study, [factories.guesser()]))
    Withdrawal.objects.create(study=study)
    people = monitor_of(study).people
    assert (people.in_progress, people.stopped) == (1, 1)
    assert (people.finished, people.screened_out, people.withdrawn) == (1, 1, 1)


def test_answers_are_counted_by_the_minute_they_came_in(study):
    now = timezone.now()
    observer = factories.finished(study)
    answers = list(Response.objects.filter(trial__observer=observer).values_list("pk", flat=True))
    for pks, minutes in ((answers[:2], 0.1), (answers[2:5], 4.5), (answers[5:], WATCHED_MIN + 1)):
        Response.objects.filter(pk__in=pks).update(answered_at=now - timedelta(minutes=minutes))
    assert monitor_of(study).spark.counts == [0, 0, 0, 0, 0, 3, 0, 0, 0, 2]


@pytest.mark.parametrize(("protocol", "screens"), [(Protocol.PAIR, 6), (Protocol.SELECT, 3)])
def test_a_pair_or_a_grid_is_one_answer(pools, protocol, screens):
    study = factories.study(pools=pools, protocol=protocol, trials=screens, practice_trials=0)
    factories.finished(study)
    assert sum(monitor_of(study).spark.counts) == screens


def test_the_time_of_one_person_is_the_median_from_consent_to_end(study):
    assert monitor_of(study).median_minutes is None
    now = timezone.now()
    for minutes in (2, 3, 10):
        change(
            factories.finished(study),
            consented_at=now - timedelta(minutes=minutes),
            finished_at=now,
        )
    assert monitor_of(study).median_minutes == pytest.approx(3)


def test_money_is_shown_where_people_are_paid(client, pools, study):
    assert monitor_of(study).money is None
    rules = Rules(payment=Payment(base=1.5, currency="EUR", budget=30))
    paid = factories.study(pools=pools, trials=6, owner=study.owner, rules=rules)
    factories.finished(paid)
    assert monitor_of(paid).money.owed == Decimal("1.50")
    client.force_login(study.owner)
    page = monitor_page(client, paid).content.decode()
    assert "1.50 EUR" in page
    assert "28.50 left of 30.00" in page
    assert "EUR" not in monitor_page(client, study).content.decode()


def report_with(study, *ends, simulated=False):
    intervals = {f"g{n}": {"low": low, "high": high} for n, (low, high) in enumerate(ends)}
    StudyReport.objects.create(study=study, simulated=simulated, content={"anytime": intervals})


def test_the_width_is_that_of_people_beside_the_goal(client, study):
    report_with(study, (0.3, 0.5), (0.2, 0.3))
    report_with(study, (0.1, 0.9), simulated=True)
    precision = monitor_of(study).precision
    assert (precision.points, precision.goal) == (pytest.approx(10), 5)
    client.force_login(study.owner)
    page = monitor_page(client, study).content.decode()
    assert "± 10.0 points" in page
    assert 'aria-label="25 % of the way to ± 5 points"' in page


def test_whether_answers_wait_to_be_scored_is_said(client, study):
    client.force_login(study.owner)
    assert "Nothing to score yet" in monitor_page(client, study).content.decode()
    place = {"dataset": study.dataset, "study": study, "generator": study.pools.first().generator}
    Score.objects.create(**place, name="error_rate", value=0.3)
    assert "All answers are scored. Last scored now" in monitor_page(client, study).content.decode()
    Study.objects.update(scores_due=True)
    assert "New answers wait to be scored" in monitor_page(client, study).content.decode()


def test_only_the_owner_watches(client, study):
    assert monitor_page(client, study).status_code == 403
    client.force_login(factories.user())
    assert monitor_page(client, study).status_code == 403
    assert 'id="monitor"' not in client.get(study.get_absolute_url()).content.decode()
    client.force_login(study.owner)
    assert monitor_page(client, study).status_code == 200
    assert 'id="monitor"' in client.get(study.get_absolute_url()).content.decode()


def test_it_renews_itself_until_the_study_is_closed(client, study):
    client.force_login(study.owner)
    assert "every 3s" in monitor_page(client, study).content.decode()
    close_study(study)
    assert "every 3s" not in monitor_page(client, study).content.decode()


def test_more_people_cost_no_more_queries(client, study):
    client.force_login(study.owner)

    def queries():
        with CaptureQueriesContext(connection) as asked:
            monitor_page(client, study)
        return len(asked)

    factories.finished(study)
    few = queries()
    for _ in range(8):
        factories.finished(study)
    assert queries() == few <= 10


def test_trials_are_found_by_those_who_answered_lately(client, study):
    factories.finished(study)
    Observer.objects.update(changed_at=timezone.now() - timedelta(hours=1))
    with CaptureQueriesContext(connection) as asked:
        spark = monitor_of(study).spark
    assert sum(spark.counts) == 0
    (of_answers,) = [query["sql"] for query in asked if "studies_response" in query["sql"]]
    assert "changed_at" in of_answers
