import io

import pytest
from django.urls import reverse

from evalsite.leaderboard import services
from evalsite.leaderboard.models import Score
from evalsite.studies.models import Protocol
from scoring.score import score
from scoring.table import read_csv
from tests import factories
from tests.evalsite.reading import board_page, export, fooled_by, rows_of

pytestmark = pytest.mark.django_db


def test_the_board_holds_to_the_last_digit_what_its_export_scores(client, study, work):
    for number in range(3):
        factories.finished(study, right=lambda t, n=number: (t.image_index + n) % 3 > 0)
    work()
    text = export(client, study).content.decode()
    for judged in score(read_csv(io.StringIO(text))).generators:
        for place in ({"study": study}, {"study": None}):
            for name, attribute in services.RATES.items():
                estimate = getattr(judged, attribute)
                kept = Score.objects.get(
                    generator__slug=judged.generator, name=name, pool=None, **place
                )
                assert (kept.value, kept.low, kept.high) == (
                    estimate.value,
                    estimate.low,
                    estimate.high,
                )
                assert (kept.rank_low, kept.rank_high) == (judged.rank_low, judged.rank_high)
        times = Score.objects.get(generator__slug=judged.generator, name="rt_ms", study=study)
        assert times.value == judged.response_time.median_ms


def test_the_export_of_a_flash_study_gives_the_same_thresholds(client, pools, work):
    study = factories.study(pools=pools, trials=12, protocol=Protocol.FLASH, owner=factories.user())
    for _ in range(4):
        factories.finished(study, right=fooled_by("bob"))
    work()
    scores = score(read_csv(io.StringIO(export(client, study).content.decode())))
    for judged in scores.generators:
        kept = Score.objects.get(generator__slug=judged.generator, name="threshold_ms", study=study)
        assert kept.value == judged.threshold.mean_ms.value
        assert (kept.low, kept.high) == (
            judged.threshold.mean_ms.low,
            judged.threshold.mean_ms.high,
        )
    page = board_page(client, dataset="digits", protocol="flash")
    assert list(rows_of(page)) == ["bob", "ada"]  # longer looks more real
    assert "Threshold, ms" in page


def test_the_export_has_a_line_an_answer_that_counts(client, study):
    observer = factories.finished(study)
    factories.finished(study, counts=False)
    response = export(client, study)
    assert response["Content-Type"] == "text/csv"
    assert f"trials-{study.code}.csv" in response["Content-Disposition"]
    table = read_csv(io.StringIO(response.content.decode()))
    assert len(table) == 12
    assert set(table.observer) == {f"person-{study.code}-{observer.ordinal}"}
    assert set(table.generator) == {"", "ada", "bob"}
    assert observer.token not in response.content.decode()


def test_practice_is_not_exported(client, pools):
    study = factories.study(pools=pools, trials=4, practice_trials=4, owner=factories.user())
    factories.finished(study)
    assert len(read_csv(io.StringIO(export(client, study).content.decode()))) == 4


def test_an_export_before_the_first_answer_is_a_header(client, study):
    assert export(client, study).content.decode().count("\n") == 1


def test_trials_are_exported_for_the_owner_alone(client, study):
    address = reverse("trials_csv", args=[study.code])
    assert client.get(address).url == f"{reverse('login')}?next={address}"
    client.force_login(factories.user())
    assert client.get(address).status_code == 403
    client.force_login(factories.user(is_staff=True))
    assert client.get(address).status_code == 200
