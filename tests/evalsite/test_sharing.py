"""The page on what could be shared of a pool: who asks, what it says, what it draws."""

import json
import re

import pytest
from django.urls import reverse

from evalsite.jobs import JobState
from evalsite.leaderboard.models import SharingReport
from evalsite.leaderboard.sharing import drawn
from tests import factories
from tests.evalsite.measuring import (
    attack,
    figure,
    measured,
    memorisation,
    neighbour,
    sharing_report,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return factories.user()


@pytest.fixture
def pool(owner):
    data = factories.dataset(classes=["cat", "dog"])
    return factories.pool(factories.generator("Ada", of=data, owner=owner))


def written(pool, **fields):
    return SharingReport.jobs.create(
        pool=pool, content=sharing_report(**fields), **factories.ready()
    )


def address(pool, name="pool_sharing"):
    return reverse(name, args=[pool.pk])


def page_of(client, pool):
    return client.get(address(pool)).content.decode()


def text(page):
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page))


def button(pool):
    return f'method="post" action="{address(pool)}"'


def test_the_researcher_asks_from_the_pools_page_and_lands_on_the_reports(
    client, pool, owner, enqueued
):
    client.force_login(owner)
    assert button(pool) in client.get(reverse("pool", args=[pool.pk])).content.decode()
    assert client.post(address(pool)).url == address(pool)
    report = SharingReport.jobs.get(pool=pool)
    assert enqueued == [("share", report.pk)]
    assert report.is_later
    assert "hx-trigger" in page_of(client, pool)


def test_a_report_is_asked_for_once(client, pool, owner, enqueued):
    client.force_login(owner)
    for _ in range(2):
        client.post(address(pool))
    assert len(enqueued) == SharingReport.jobs.count() == 1
    assert button(pool) not in client.get(reverse("pool", args=[pool.pk])).content.decode()


def test_nobody_else_can_ask(client, pool, enqueued):
    assert client.post(address(pool)).status_code == 403
    client.force_login(factories.user())
    assert client.post(address(pool)).status_code == 403
    assert not enqueued
    page = page_of(client, pool)
    assert "Only the researcher of this generator can ask" in page
    assert "<button" not in page.split('id="live"')[1].split("</div>")[0]


def test_a_data_set_without_images_held_out_is_refused_in_words(client, owner, enqueued):
    alone = factories.dataset("Faces", test=0)
    pool = factories.pool(factories.generator(of=alone, owner=owner))
    client.force_login(owner)
    page = client.post(address(pool), follow=True).content.decode()
    assert "Faces is not divided into both" in page
    assert not enqueued


def test_a_failed_report_says_why_and_its_owner_tries_again(client, pool, owner, enqueued):
    failed = SharingReport.jobs.create(pool=pool, state=JobState.FAILED, error="no room on disk")
    assert "no room on disk" in page_of(client, pool)
    assert "Try again" not in page_of(client, pool)
    client.force_login(owner)
    assert "Try again" in page_of(client, pool)
    client.post(address(pool))
    failed.refresh_from_db()
    assert (failed.state, enqueued) == (JobState.QUEUED, [("share", failed.pk)])


def test_the_statement_comes_first_then_the_evidence_and_what_it_does_not_show(client, pool):
    written(pool)
    page = text(page_of(client, pool))
    order = ["Do not share these images", "Three samples are copies.", "This is no guarantee."]
    places = [page.index(words) for words in order]
    assert places == sorted(places)
    assert "hx-trigger" not in page_of(client, pool)


@pytest.mark.parametrize(("level", "is_bad"), [("no", True), ("no sign", False)])
def test_only_what_must_not_be_shared_is_marked(client, pool, level, is_bad):
    written(pool, level=level)
    assert ('class="finding is-bad"' in page_of(client, pool)) == is_bad


def test_accuracies_are_drawn_with_their_intervals_beside_a_guess(client, pool):
    found = drawn(sharing_report(), ["cat", "dog"])
    assert [bar.mark.label for bar in found.plot.bars] == [
        "Real on real",
        "Synthetic on real",
        "Real on synthetic",
    ]
    ceiling, tstr, _ = found.plot.bars
    assert ceiling.low < ceiling.at < ceiling.high <= 100
    assert found.plot.chance < tstr.at < ceiling.at
    written(pool)
    page = text(page_of(client, pool))
    assert "70.0 65.0 to 75.0 100" in page
    assert "cat 84.0 % (79.0 to 89.0) 74.0 % (69.0 to 79.0)" in page


def test_attacks_are_curves_above_the_dashed_line_of_a_guess(client, pool):
    perfect = {**attack(0.9), "curve": [1.0] * 101}
    features, pixels = drawn(
        sharing_report(attacks={"features": attack(0.5), "pixels": perfect}), []
    ).rocs
    assert features.line.startswith("0.0,240.0 2.4,237.6")
    assert features.line.endswith("240.0,0.0")
    assert pixels.line.startswith("0.0,0.0")
    written(pool)
    page = page_of(client, pool)
    assert page.count('class="curve"') == page.count('<line class="chance"') == 2
    assert "48.0 to 52.0; a guess: 50" in text(page)
    assert "by chance up to 3.0" in text(page)


def test_what_could_not_be_had_says_why(client, pool):
    written(pool, usefulness=None, not_useful="no classes", attacks={}, not_attacked="40 images")
    page = text(page_of(client, pool))
    assert "This cannot be said: no classes." in page
    assert "This could not be tried: 40 images." in page


def test_the_closest_pairs_are_shown_to_those_who_may_see_them(client, pool, owner):
    closest = [neighbour(7, (3, 0.5), (11, 4.0))]
    measured(pool, figure("FD-lite0", 12.5), memorisation=memorisation(closest=closest))
    written(pool)
    factories.study(pools=[pool])
    image = reverse("pool_image", args=[pool.pk, "sample", 7])
    assert image not in page_of(client, pool)
    client.force_login(owner)
    assert image in page_of(client, pool)


def test_the_report_is_downloaded_as_json_once_it_is_written(client, pool):
    report = SharingReport.jobs.create(pool=pool)
    assert client.get(address(pool, "pool_sharing_json")).status_code == 404
    report.delete()
    written(pool)
    response = client.get(address(pool, "pool_sharing_json"))
    assert json.loads(response.content) == sharing_report()
    assert f"sharing-{pool.pk}.json" in response["Content-Disposition"]


def test_pools_that_are_still_drawn_and_real_images_have_no_report(client, pool):
    waiting = factories.pool(pool.generator, seed=3, is_ready=False)
    for other in (waiting, pool.imitates.train_pool):
        assert client.get(address(other)).status_code == 404
