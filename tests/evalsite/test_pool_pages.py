"""What metrics say of a pool, and who sees which of its images."""

import io
import re

import numpy as np
import pytest
from django.urls import reverse
from PIL import Image

from evalsite.catalog.models import Pool
from evalsite.jobs import JobState
from evalsite.leaderboard.models import FeatureRange, Measurement, Score
from evalsite.leaderboard.versus import versus
from evalsite.leaderboard.words import figure as words_of
from evalsite.studies.models import Study
from tests import factories
from tests.evalsite.measuring import LITE0, figure, measured, memorisation, neighbour

pytestmark = pytest.mark.django_db

NEIGHBOURS = [neighbour(7, (3, 0.5), (11, 4.0)), neighbour(9, (4, 1.0), None)]


@pytest.fixture
def owner():
    return factories.user()


@pytest.fixture
def pool(owner):
    return factories.pool(factories.generator("Ada", owner=owner))


@pytest.fixture
def copied(pool):
    """The pool, measured, with neighbours that its page shows."""
    told = memorisation(closest=NEIGHBOURS)
    alike = {"exact": [[1, 2]], "near": [], "images_in_exact": 2, "images_in_near": 0}
    measured(pool, figure("FD-lite0", 12.5), memorisation=told, duplicates=alike)
    return pool


def page_of(client, pool, **query):
    return client.get(reverse("pool", args=[pool.pk]), query).content.decode()


def text(page):
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page))


def image(pool, side="sample", index=7):
    return reverse("pool_image", args=[pool.pk, side, index])


def test_every_figure_has_its_interval_its_n_its_extractor_and_what_was_resampled(client, pool):
    measured(pool, figure("FD-lite0", 12.5, note="biased upward"))
    page = text(page_of(client, pool))
    for words in ("12.50", "11.50 to 13.50", "20 fake, 20 real", LITE0, "generated images"):
        assert words in page
    assert "biased upward" in page


def test_a_refused_figure_says_why_and_has_no_value(client, pool):
    measured(pool, figure("FD∞15-lite0", None, note="needs 5,000 images, got 20"))
    page = page_of(client, pool)
    (row,) = re.findall(r'<tr data-figure="FD∞15-lite0">(.*?)</tr>', page, re.DOTALL)
    assert "needs 5,000 images, got 20" in row
    assert "<svg" not in row
    assert not Score.objects.filter(pool=pool).exists()


def test_what_a_perfect_generator_scores_is_written_and_drawn(client, pool):
    reference = {"value": 2.0, "low": 1.5, "high": 2.5, "n": 20}
    measured(pool, figure("FD-lite0", 12.5, reference=reference), figure("KID-lite0", 0.01))
    page = page_of(client, pool)
    rows = dict(re.findall(r'<tr data-figure="([^"]+)">(.*?)</tr>', page, re.DOTALL))
    assert "2.00 (1.50 to 2.50)" in rows["FD-lite0"]
    assert 'class="perfect"' in rows["FD-lite0"]
    assert 'class="perfect"' not in rows["KID-lite0"]


def test_a_picture_keeps_both_intervals_on_its_line_whatever_their_sign():
    own = {"value": -0.002, "low": -0.004, "high": 0.001}
    perfect = {"value": 0.0, "low": None, "high": None}
    drawn = versus(own, perfect, words_of("KID-lite0"))
    assert 0 <= drawn.figure.low < drawn.figure.at < drawn.figure.high <= 200
    assert drawn.figure.at < drawn.perfect.at <= 200
    assert drawn.perfect.width > 0


def test_a_share_is_drawn_between_nothing_and_all():
    own = {"value": 0.5, "low": 0.4, "high": 0.6}
    drawn = versus(own, None, words_of("precision-lite0"))
    assert (drawn.figure.at, drawn.perfect) == (pytest.approx(100), None)


def test_figures_of_several_extractors_stand_apart_the_best_known_first(client, pool):
    measured(pool, figure("FD-lite0", 12.5))
    tf1 = figure("FID-tf1", 30.0, extractor="tf1 2015-12-05")
    measured(pool, tf1, extractor="tf1")
    page = page_of(client, pool)
    assert page.index('data-figure="FID-tf1"') < page.index('data-figure="FD-lite0"')
    assert re.findall(r'<h2 id="(\w+)">Seen by', page) == ["tf1", "lite0"]


@pytest.mark.parametrize("is_measured", [True, False])
def test_where_the_file_of_an_extractor_lies_is_not_told(client, pool, is_measured):
    asked = "onnx:/srv/own/my net.onnx"
    if is_measured:
        own = figure("FD-onnx-1a2b", 0.00416, half=0.005, extractor="onnx-1a2b (my net.onnx; 8 px)")
        measured(pool, own, extractor=asked)
    else:
        Measurement.jobs.create(pool=pool, extractor=asked)
    page = page_of(client, pool)
    assert "onnx:my net.onnx" in page
    assert "/srv/own" not in page


def test_small_distances_have_digits_and_nothing_is_less_than_0_by_less_than_is_shown(client, pool):
    own = figure("FD∞-clip", 0.00416, half=0.002)
    measured(pool, own, figure("KID-clip", -1e-10, half=1e-4))
    page = text(page_of(client, pool))
    assert "0.0042 0.0022 to 0.0062" in page
    assert "0.00 −0.10 to 0.10" in page
    assert "−0 " not in page


def test_the_verdict_comes_in_words_before_the_figures(client, copied):
    page = text(page_of(client, copied))
    assert page.index("It copies training images") < page.index(
        "Three samples are training images."
    )
    assert page.index("Three samples are training images.") < page.index("12.50")
    assert "25.0 (20.0 to 30.0)" in page


@pytest.mark.parametrize(
    ("space", "words"), [("features", "features"), ("pixels", "pictures reduced to")]
)
def test_neighbours_say_between_what_their_distances_are(client, pool, space, words):
    near = {**NEIGHBOURS[0], "space": space}
    measured(pool, figure("FD-lite0", 5.0), memorisation=memorisation(closest=[near]))
    assert f"Distances are between {words}" in text(page_of(client, pool))


def test_classes_are_named_and_those_without_a_figure_say_why(client):
    data = factories.dataset(classes=["cat", "dog", "cow"])
    pool = factories.pool(factories.generator(of=data))
    known = {"label": 0, "n_real": 10, "n_fake": 10, "value": 8.0, "low": 7.0, "high": 9.0}
    short = {**known, "label": 1, "value": None, "low": None, "high": None}
    few = "a class needs at least 50 images on each side"
    told = [
        {**known, "note": ""},
        {**short, "note": f"{few}, got 59 (real) and 27 (fake)"},
        {**short, "label": 2, "note": f"{few}, got 60 (real) and 29 (fake)"},
    ]
    measured(pool, figure("FD-lite0", 5.0), classes=told)
    page = text(page_of(client, pool))
    assert f"Without a figure: dog, cow ({few})" in page
    numbers = page.split("By class")[1].split("The numbers")[1].split("Without")[0]
    assert "cat 8.00 7.00 to 9.00 10 fake, 10 real" in numbers


def test_images_that_are_alike_are_counted(client, pool):
    alike = {
        "exact": [[1, 2], [5, 6]],
        "near": [[3, 4, 9]],
        "images_in_exact": 4,
        "images_in_near": 3,
    }
    measured(pool, figure("FD-lite0", 5.0), duplicates=alike)
    page = text(page_of(client, pool))
    assert "4 images in 2 groups have an exact copy" in page
    assert "3 images in 1 group have one that looks nearly the same" in page


def test_a_pool_without_duplicates_says_so(client, pool):
    alike = {"exact": [], "near": [], "images_in_exact": 0, "images_in_near": 0}
    measured(pool, figure("FD-lite0", 5.0), duplicates=alike)
    assert "No two of its images are the same" in page_of(client, pool)


def test_a_pool_of_some_classes_is_told_apart_from_one_of_all(client):
    made = factories.generator("Ada", of=factories.dataset(classes=["bag", "boot", "coat"]))
    made.kind = "trained"
    made.save()
    pool = factories.pool(made)
    measured(pool, figure("FD-lite0", 12.5))
    words = "the real ones beside them of all classes"
    assert words not in text(page_of(client, pool))
    Pool.jobs.filter(pk=pool.pk).update(classes=[2, 0])
    page = text(page_of(client, pool))
    assert "(seed 0; of coat and bag alone)" in page
    assert words in page


def test_warnings_come_first(client, pool):
    measured(pool, figure("FD-lite0", 5.0), warnings=["Both sets are the same."])
    page = page_of(client, pool)
    assert page.index("Both sets are the same.") < page.index("Seen by")


def test_nobody_but_its_researcher_and_staff_sees_images_that_a_study_may_show(
    client, copied, owner
):
    factories.study(pools=[copied])
    allowed = {owner: 200, factories.user(is_staff=True): 200, factories.user(): 403, None: 403}
    for user, status in allowed.items():
        client.logout() if user is None else client.force_login(user)
        assert (image(copied) in page_of(client, copied)) == (status == 200)
        for address in (image(copied), image(copied, "train", 3), image(copied, "held-out", 11)):
            assert client.get(address).status_code == status


@pytest.mark.parametrize("which", ["another generator's", "still waiting"])
def test_images_stay_hidden_while_any_study_may_show_them_or_the_real_ones(client, copied, which):
    if which == "another generator's":
        factories.study(pools=[factories.pool(factories.generator(of=copied.imitates))])
    else:
        waiting = factories.pool(copied.generator, seed=4, is_ready=False)
        assert factories.study(pools=[copied, waiting]).state == Study.State.WAITING
    assert "they would give its answers away" in page_of(client, copied)
    assert client.get(image(copied)).status_code == 403


def test_everybody_sees_them_once_every_study_is_closed(client, copied):
    factories.study(pools=[copied])
    Study.objects.update(state=Study.State.CLOSED)
    assert image(copied, "train", 3) in page_of(client, copied)
    assert client.get(image(copied, "train", 3)).status_code == 200


def test_an_image_is_the_one_that_was_measured(client, copied):
    splits = {"train": "train", "held-out": "test"}
    for side, index in [("sample", 7), ("train", 3), ("held-out", 11), ("sample", 2)]:
        response = client.get(image(copied, side, index))
        real = copied.imitates.pools.filter(split=splits.get(side, "")).first()
        pixels = np.asarray(Image.open(io.BytesIO(response.content)))
        assert np.array_equal(pixels, (real or copied).open().image(index)[..., 0])
        assert response["Cache-Control"].startswith("private")


def test_images_that_the_page_does_not_show_are_not_served(client, copied, owner):
    client.force_login(owner)
    for side, index in [("sample", 8), ("train", 11), ("real", 3), ("train", 99)]:
        assert client.get(image(copied, side, index)).status_code == 404


def test_before_it_is_measured_the_page_says_so_and_renews_itself(client, pool):
    page = page_of(client, pool)
    assert "Not measured yet" in page
    assert "hx-trigger" in page


def test_a_failed_measurement_says_why_and_only_its_owner_measures_again(client, pool, owner):
    reason = "inception.pth is not at hand: put the file with SHA-256 6726825d into weights/"
    failed = {"state": JobState.FAILED, "error": reason}
    made = Measurement.jobs.create(pool=pool, extractor="tf1", **failed)
    assert reason in page_of(client, pool)
    assert "Measure again" not in page_of(client, pool)
    client.force_login(owner)
    assert "Measure again" in page_of(client, pool)
    again = client.post(reverse("retry_pool", args=[pool.pk]))
    assert again.url == reverse("pool", args=[pool.pk])
    made.refresh_from_db()
    assert made.state != JobState.FAILED


def gathering(pool, *, done):
    made = Measurement.jobs.create(pool=pool, state=JobState.WAITING)
    for start in (0, 10):
        state = JobState.READY if start < done else JobState.QUEUED
        share = {"state": state, "progress": float(start < done)}
        made.ranges.add(
            FeatureRange.jobs.create(
                pool=pool, extractor="lite0", start=start, stop=start + 10, **share
            )
        )
    return made


def test_while_it_is_measured_the_page_says_how_far(client, pool):
    gathering(pool, done=10)
    page = text(page_of(client, pool))
    assert "10 of 20 images" in page
    assert "1 of 2 ranges done" in page


def test_a_page_that_asks_for_news_gets_them_only_if_there_are_any(client, pool):
    made = gathering(pool, done=10)
    address = reverse("pool", args=[pool.pk])
    (stamp,) = re.findall(r"as_of=(\w+)", page_of(client, pool))
    assert client.get(address, {"as_of": stamp}).status_code == 204
    Measurement.jobs.filter(pk=made.pk).update(state=JobState.FAILED, error="no room")
    assert "no room" in page_of(client, pool, as_of=stamp)


def test_a_finished_page_asks_for_nothing(client, copied):
    assert "hx-trigger" not in page_of(client, copied)


def test_real_images_and_those_of_checkpoints_have_no_page(client, pool):
    on_the_way = factories.pool(pool.generator, seed=3)
    Pool.jobs.filter(pk=on_the_way.pk).update(images_seen=640)
    for other in (pool.imitates.train_pool, on_the_way):
        assert client.get(reverse("pool", args=[other.pk])).status_code == 404


def test_what_metrics_say_is_one_link_away_from_generator_leaderboard_and_study(client, copied):
    study = factories.study(pools=[copied])
    link = f'href="{reverse("pool", args=[copied.pk])}"'
    for address in (
        copied.generator.get_absolute_url(),
        reverse("leaderboard"),
        study.get_absolute_url(),
    ):
        assert link in client.get(address).content.decode()


def checkpoint(generator, seen, kid):
    drawn = factories.pool(generator, seed=seen)
    Pool.jobs.filter(pk=drawn.pk).update(images_seen=seen)
    measured(drawn, figure("KID-lite0", kid, half=0.001))
    return drawn


@pytest.fixture
def trained(train_run):
    return train_run.generator


@pytest.fixture
def train_run():
    from evalsite.catalog.services import start_training

    made = start_training(
        owner=None, name="Mine", dataset=factories.dataset(), config={}, images_total=1000
    )
    return made.run


def test_quality_is_drawn_against_images_shown_in_training(client, trained):
    checkpoint(trained, 500, 0.05)
    page = client.get(trained.get_absolute_url()).content.decode()
    assert "Quality during training" not in page  # one moment is no curve
    checkpoint(trained, 1000, 0.02)
    final = factories.pool(trained)
    reference = {"value": 0.001, "low": 0.0, "high": 0.002, "n": 20}
    measured(final, figure("KID-lite0", 0.02, reference=reference))
    page = client.get(trained.get_absolute_url()).content.decode()
    assert "KID-lite0, × 1000: 50.00 after 500 images, 20.00 after 1,000." in page
    assert "Dashed: a perfect generator" in page
    points = re.search(r'class="curve" points="([\d.]+),([\d.]+) ([\d.]+),([\d.]+)"', page)
    first_x, first_y, last_x, last_y = map(float, points.groups())
    assert (first_x, last_x) == (120, 240)
    assert first_y < last_y  # lower is better, and lower on the picture


def test_a_page_waits_for_checkpoints_that_are_still_to_be_measured(client, trained):
    type(trained.run).jobs.update(state=JobState.READY)
    _, second = (checkpoint(trained, seen, 50 / seen) for seen in (500, 1000))
    last = second.measurements.all()
    last.update(state=JobState.WAITING)
    page = client.get(trained.get_absolute_url()).content.decode()
    assert "1 of 2 checkpoints is still to be measured" in page
    assert "That is the last" not in page
    assert "hx-trigger" in page
    last.update(state=JobState.READY)
    page = client.get(trained.get_absolute_url()).content.decode()
    assert "still to be measured" not in page
    assert "That is the last" in page
    assert "hx-trigger" not in page


def test_pools_of_checkpoints_are_neither_listed_nor_ranked(client, trained):
    for seen in (500, 1000):
        checkpoint(trained, seen, 0.05)
    page = client.get(trained.get_absolute_url()).content.decode()
    assert "can be drawn once the training is done" in page.split("Pools of images")[1]
    board = client.get(reverse("leaderboard")).content.decode()
    assert "KID-lite0" not in board


def test_a_generators_page_asks_for_news_only_if_there_are_any(client, trained):
    page = client.get(trained.get_absolute_url()).content.decode()
    (stamp,) = re.findall(r"as_of=(\w+)", page)
    ask = {"as_of": stamp}
    assert client.get(trained.get_absolute_url(), ask).status_code == 204
    trained.run.losses.create(images_seen=64, values={"d_loss": 1.0, "g_loss": 1.0})
    type(trained.run).jobs.update(images_seen=64)
    assert client.get(trained.get_absolute_url(), ask).status_code == 200


def test_the_picture_of_a_figure_of_nothing_but_0_begins_at_0():
    nothing = {"value": 0.0, "low": 0.0, "high": 0.0}
    for name in ("FD-lite0", "precision-lite0", "authenticity-lite0"):
        picture = versus(nothing, None, words_of(name))
        assert picture.figure.at == picture.ticks[0].at == 0.0
        assert picture.ticks[0].label == "0"
