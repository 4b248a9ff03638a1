import io
import re

import numpy as np
import pytest
from django.urls import reverse
from PIL import Image

from evalsite.catalog import services, training, training_recipes
from evalsite.catalog.models import Generator, Pool, TrainingRun
from evalsite.jobs import JobState
from evalsite.leaderboard.models import Measurement, Score
from evalsite.leaderboard.quality import best_of, is_clearly_worse, qualities
from evalsite.leaderboard.training_curves import (
    HEIGHT,
    MOST_POINTS,
    SERIES,
    WORDS,
    training_curves,
)
from generators.config import load_config
from generators.health import Moment
from generators.networks import shape
from tests import factories

pytestmark = pytest.mark.django_db
WELL = {"d_loss": 1.3, "g_loss": 0.8, "spread": 0.9, "copied": 0.0}


@pytest.fixture
def data():
    return factories.dataset("Digits", classes=("0", "1"))


@pytest.fixture
def trained(data, logged_in):
    """A generator of 12,000 images' training, that belongs to who is logged in."""
    return services.start_training(
        owner=logged_in,
        name="Mine",
        dataset=data,
        config=load_config("demo-15").as_dict(),
        images_total=12_000,
    )


def watch(generator, *values, every=120):
    for number, each in enumerate(values, 1):
        generator.run.losses.create(images_seen=every * number, values=each)


def draw(generator, *moments):
    for images_seen in moments:
        services.record_progress(
            generator.run,
            images_seen=images_seen,
            seconds=1.0,
            values={"d_loss": 1.0},
            sheet_png=factories.png(np.full((4, 6), images_seen % 256, np.uint8)),
        )


def checkpoint(generator, images_seen, value=None, low=None, high=None):
    images = factories.pixels(20, seed=images_seen)
    pool = services.keep_checkpoint_pool(
        generator, images, np.arange(20) % 2, images_seen=images_seen, seed=0
    )
    if value is not None:
        Measurement.jobs.create(pool=pool, state=JobState.READY)
        Score.objects.create(
            generator=generator,
            dataset=generator.dataset,
            pool=pool,
            name="FD∞-lite0",
            value=value,
            low=low,
            high=high,
        )
    return pool


def page_of(client, generator):
    return client.get(generator.get_absolute_url()).content.decode()


def test_each_kind_of_value_has_its_picture_and_others_one_each():
    values = {
        "d_loss": 1.0, "g_loss": 2.0, "d_gradient": 0.01, "g_gradient": 10.0, "d_real": 0.5,
        "d_fake": 0.25, "spread": 1.0, "copied": 0.0, "reconstruction": 0.125,
    }  # fmt: skip
    curves = training_curves([Moment(10, values), Moment(20, values)], 40)
    shown = {each.title: [line.name for line in each.lines] for each in curves}
    assert shown == {
        "Losses": ["d_loss", "g_loss"],
        "Gradient norms": ["d_gradient", "g_gradient"],
        "Called real": ["d_real", "d_fake"],
        "Samples beside real images": ["spread"],
        "Copies": ["copied"],
        "Reconstruction": ["reconstruction"],
    }
    by_title = {each.title: each for each in curves}
    assert by_title["Called real"].lines[0].points == f"60.0,{HEIGHT / 2} 120.0,{HEIGHT / 2}"
    assert by_title["Losses"].finding == "Losses: discriminator 1, generator 2"
    assert by_title["Called real"].finding == "Called real: real images 50 %, generated images 25 %"
    assert [tick.label for tick in by_title["Called real"].y_ticks][-1] == "100 %"


def test_everything_that_a_conditional_run_watches_is_drawn():
    values = dict.fromkeys(WORDS, 0.5)
    curves = training_curves([Moment(10, values), Moment(20, values)], 40)
    assert sorted(line.name for each in curves for line in each.lines) == sorted(WORDS)
    assert max(len(each.lines) for each in curves) <= SERIES


def test_gradients_lie_by_their_powers_of_ten_and_none_at_the_end():
    moments = [Moment(n, {"g_gradient": value}) for n, value in ((1, 0.01), (2, 1.0), (3, 0.0))]
    (curves,) = training_curves(moments, 3)
    assert [tick.label for tick in curves.y_ticks] == ["0.01", "0.1", "1", "10"]
    assert [pair.split(",")[1] for pair in curves.lines[0].points.split()] == [
        "150.0",
        "50.0",
        "150.0",
    ]


def test_a_value_is_drawn_from_its_second_moment_on_thinned_with_the_last():
    moments = [Moment(n, {"d_loss": float(n)}) for n in range(1, 901)]
    assert training_curves(moments[:1], 900) == []
    (curves,) = training_curves(moments, 900)
    points = curves.lines[0].points.split()
    assert MOST_POINTS / 2 < len(points) <= MOST_POINTS
    assert points[-1].startswith("240.0,")
    assert curves.lines[0].last == "900"


def test_a_run_that_fails_is_told_by_name_with_its_evidence(client, trained):
    watch(trained, *[{"d_loss": 0.01, "g_loss": 6.0}] * 50)
    page = page_of(client, trained)
    assert "vanishing-gradient, since 1,200 images" in page
    assert "The discriminator&#x27;s loss is 0.01 where guessing costs 1.39" in page
    assert "Healthy" not in page


def test_a_run_that_goes_well_is_called_healthy_so_far(client, trained):
    page = page_of(client, trained)
    assert "Healthy" not in page  # nothing is known yet
    assert "Too early" not in page
    watch(trained, *[WELL] * 50)
    page = page_of(client, trained)
    assert "Healthy so far" in page
    assert "Too early" not in page


def test_a_run_is_not_called_healthy_before_verdicts_can_have_lasted(client, trained):
    watch(trained, WELL)
    page = page_of(client, trained)
    assert "Too early to tell whether it goes well" in page
    assert "Healthy" not in page
    type(trained.run).jobs.update(state=JobState.CANCELLED)
    page = page_of(client, trained)
    assert "It ended too early to tell whether it went well" in page
    assert "Healthy" not in page


def test_a_configuration_of_another_time_has_curves_but_no_verdicts(client, trained):
    type(trained.run).jobs.update(config={"loss": "minimax"})
    watch(trained, *[{"d_loss": 0.01, "g_loss": 6.0}] * 50)
    page = page_of(client, trained)
    assert "Losses: discriminator 0.01" in page
    assert "vanishing-gradient" not in page
    assert not {"Healthy", "oo early"} & set(re.findall("Healthy|oo early", page))


def test_a_critic_is_not_said_to_call_images_real(client, trained):
    values = {"d_loss": -0.5, "d_real": 0.9, "d_fake": 0.8}  # as runs once watched it
    watch(trained, *[values] * 3)
    assert "Called real" in page_of(client, trained)
    config = {"loss": "wasserstein", "discriminator.spectral": True}
    type(trained.run).jobs.update(config=load_config("demo-15", **config).as_dict())
    page = page_of(client, trained)
    assert "Called real" not in page
    assert "Losses: discriminator -0.5" in page


def test_programs_read_state_curves_and_verdicts(client, trained):
    watch(trained, *[{"d_loss": 0.01, "g_loss": 6.0}] * 50)
    found = client.get(reverse("training_json", args=[trained.slug])).json()
    assert (found["state"], found["images_total"]) == ("queued", 12_000)
    assert found["curves"][0] == {"images_seen": 120, "d_loss": 0.01, "g_loss": 6.0}
    assert found["judged"] is False  # no samples were looked at
    (verdict,) = found["verdicts"]
    assert (verdict["name"], verdict["since_images"]) == ("vanishing-gradient", 1200)
    upload = factories.generator()
    assert client.get(reverse("training_json", args=[upload.slug])).status_code == 404


def test_samples_through_training_are_an_animation_made_once_a_sheet(client, trained, monkeypatch):
    address = reverse("training_webp", args=[trained.slug])
    assert client.get(address).status_code == 404
    draw(trained, 10, 20, 30)
    response = client.get(address)
    with Image.open(io.BytesIO(response.content)) as picture:
        assert (picture.format, picture.size, picture.n_frames) == ("WEBP", (6, 4), 3)
    monkeypatch.setattr(training, "animate", lambda sheets: b"anew")
    assert client.get(address, headers={"if-none-match": response["ETag"]}).status_code == 304
    assert client.get(address).content == response.content
    draw(trained, 40)
    assert client.get(address).content == b"anew"


def test_a_page_has_at_most_so_many_moments_the_first_and_the_last_among_them(client, trained):
    draw(trained, *range(1, 61))
    seen = [sheet.images_seen for sheet in training.sheets_of(trained.run)]
    assert (len(seen), seen[0], seen[-1]) == (40, 1, 60)
    page = page_of(client, trained)
    assert page.count("data-src=") == 40
    assert page.count('loading="lazy"') == 6


def test_the_best_moment_is_marked_and_a_last_that_is_clearly_worse_is_said_so(client, trained):
    checkpoint(trained, 500, 90.0, 80.0, 100.0)
    checkpoint(trained, 1000, 41.25, 39.75, 42.75)
    checkpoint(trained, 1500, 55.0, 53.0, 57.0)
    page = page_of(client, trained)
    assert "Best after 1,000 images: 41.25 (39.75 to 42.75)." in page
    assert "The last is worse, 55.00 (53.00 to 57.00): the intervals do not touch." in page
    assert page.count("is-best") == 1


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ((42.0, 40.0, 44.0), "The last, 42.00 (40.00 to 44.00), is not clearly worse."),
        ((39.0, 38.0, 40.0), "That is the last: longer may be better."),
        ((55.0, None, None), "Best after 500 images: 41.00 (40.00 to 42.00)."),
    ],
)
def test_a_difference_within_the_intervals_is_no_reason_to_stop(trained, last, words):
    checkpoint(trained, 500, 41.0, 40.0, 42.0)
    checkpoint(trained, 1000, *last)
    (quality,) = qualities(trained)
    assert quality.stop.endswith(words)


def test_higher_is_best_where_higher_is_better():
    scores = [Score(name="IS", value=value, low=value - 1, high=value + 1) for value in (2, 6, 4)]
    assert best_of(scores) is scores[1]
    assert is_clearly_worse(scores[0], scores[1])
    assert not is_clearly_worse(scores[2], scores[1])
    assert best_of([Score(name="C_T", value=0.0)]) is None


def test_checkpoints_become_generators_of_a_planned_study(client, trained, enqueued):
    drawn = [checkpoint(trained, seen) for seen in (500, 1000, 1500)]
    assert "Put these checkpoints to people" in page_of(client, trained)
    response = client.post(
        reverse("ladder", args=[trained.slug]), {"pool": [drawn[0].pk, drawn[2].pk]}
    )
    rungs = Generator.objects.filter(kind=Generator.Kind.ARCHIVE).order_by("pk")
    assert [rung.name for rung in rungs] == ["Mine after 500 images", "Mine after 1,500 images"]
    assert {(rung.owner, rung.dataset) for rung in rungs} == {(trained.owner, trained.dataset)}
    pools = [rung.pools.get() for rung in rungs]
    for pool, original in zip(pools, (drawn[0], drawn[2]), strict=True):
        assert pool.content_hash == original.content_hash
        assert pool.key != original.key
        np.testing.assert_array_equal(pool.open().labels, original.open().labels)
        assert pool.is_ready
        assert pool.measurements.exists()
    assert response.url == f"{reverse('launch')}?pool={pools[0].pk}&pool={pools[1].pk}"
    launch = client.get(response.url).content.decode()
    checked = re.findall(r'name="pools" value="(\d+)"[^>]*checked', launch)
    assert sorted(map(int, checked)) == sorted(pool.pk for pool in pools)


def test_asking_twice_gives_the_same_generators(client, trained):
    drawn = [checkpoint(trained, seen) for seen in (500, 1000, 1500)]
    first = services.put_to_people(trained.run, drawn[:2])
    again = services.put_to_people(trained.run, drawn)
    assert again[:2] == first
    assert Pool.jobs.of_generators().count() == 3
    rung = first[0].generator
    assert drawn[0].generator.get_absolute_url() in page_of(client, rung)


def test_one_checkpoint_is_no_ladder(client, trained):
    drawn = checkpoint(trained, 500)
    other = services.start_training(
        owner=None, name="Other", dataset=trained.dataset, config={}, images_total=9
    )
    address = reverse("ladder", args=[trained.slug])
    page = client.post(address, {"pool": [drawn.pk, checkpoint(other, 700).pk]}, follow=True)
    assert "a ladder needs at least 2 checkpoints, got 1." in page.content.decode()
    with pytest.raises(services.Refused, match="is no checkpoint of Mine"):
        services.put_to_people(trained.run, [drawn, factories.pool(trained)])
    assert not Generator.objects.filter(kind=Generator.Kind.ARCHIVE).exists()


def test_a_ladder_is_for_the_owner_alone(client, trained):
    drawn = [checkpoint(trained, seen) for seen in (500, 1000)]
    client.force_login(factories.user())
    asked = {"pool": [pool.pk for pool in drawn]}
    assert client.post(reverse("ladder", args=[trained.slug]), asked).status_code == 403
    assert "Put these checkpoints" not in page_of(client, trained)


@pytest.fixture
def train(client, logged_in):
    """Send the training form with a data set and other values; the errors beside its fields."""

    def send(dataset, **fields):
        asked = {"name": "Mine", "dataset": dataset.pk, "config": "demo-15", "seed": 0}
        response = client.post(reverse("train"), asked | {"pool_size": 0} | fields)
        return response.context["form"].errors if response.context else None

    return send


def test_recipes_stand_in_groups_with_their_titles_and_what_they_need(client, logged_in, data):
    page = client.get(reverse("train")).content.decode()
    groups = dict(re.findall(r"<legend>([^<]+)</legend>(.*?)</fieldset>", page, re.DOTALL))
    assert list(groups) == [
        training_recipes.DEMO,
        training_recipes.GAMES,
        training_recipes.ARCHITECTURES,
        training_recipes.TRANSLATION,
    ]
    assert 'value="demo-15"' in groups[training_recipes.DEMO]
    assert "WGAN with gradient penalty" in groups[training_recipes.GAMES]
    assert "SNGAN, 32 pixels" in groups[training_recipes.ARCHITECTURES]
    assert "needs classes 7 and 9" in groups[training_recipes.TRANSLATION]


def test_values_of_a_recipe_are_changed_line_by_line(train, data):
    assert train(data, changes="adam.beta1 = 0.25\n\nloss=minimax", images=640) is None
    run = Generator.objects.get().run
    assert (run.config["adam"]["beta1"], run.config["loss"], run.images_total) == (
        0.25, "minimax", 640,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ("adam.beta3 = 1", "unknown key 'adam.beta3', choose from"),
        ("discriminator.steps = 0", "discriminator.steps must be from 1 to 100, got 0"),
        ("faster", "an override is written key=value, got 'faster'"),
        ("images = 200000000", "images must be at most 100000000, got 200000000"),
        ("loss = wasserstein", "set discriminator.clip"),
    ],
)
def test_a_bad_change_is_named_beside_its_field(train, data, changes, words):
    errors = train(data, changes=changes)
    assert list(errors) == ["changes"]
    assert words in errors["changes"][0]
    assert not Generator.objects.exists()


@pytest.mark.parametrize(
    ("about", "fields", "words"),
    [
        ({}, {}, "draws by class, and Other has no classes"),
        ({}, {"config": "stackgan-emoji"}, "choose another data set or recipe."),
        ({"classes": "01"}, {"config": "sneakers-to-boots"}, "from_class is 7, and Other has classes 0 to 1"),
        ({"resolution_px": 9}, {"config": "enlarge-14-to-28"}, "divide the 9 px of Other, got 2: choose 3."),
        ({"resolution_px": 12}, {"config": "dcgan-28"}, "no effect on images of 12 px"),
        ({"resolution_px": 129, "classes": "01"}, {}, "made for 8 to 128 px"),
    ],
)  # fmt: skip
def test_a_data_set_that_a_recipe_is_not_for_is_refused_in_words(train, about, fields, words):
    errors = train(factories.dataset("Other", train=2, test=0, **about), **fields)
    assert list(errors) == ["dataset"]
    assert words in " ".join(errors["dataset"])
    assert not Generator.objects.exists()


def test_a_refused_recipe_says_what_helps(train):
    plain = factories.dataset("Plain")
    assert "write conditional = false under Change values" in train(plain)["dataset"][0]
    assert train(plain, changes="conditional = false") is None
    assert Generator.objects.get().run.state == JobState.QUEUED


@pytest.mark.parametrize(
    ("config", "most", "words"),
    [
        ("edges-to-fashion", 30, "from held-out images, each used once, and Shoes has 30: ask for at most 30, got 31"),
        ("sneakers-to-boots", 3, "from held-out images of class 7, each used once, and Shoes has 3: ask for at most 3"),
    ],
)  # fmt: skip
def test_a_pool_of_more_pictures_than_there_are_inputs_is_refused(train, config, most, words):
    shoes = factories.dataset("Shoes", train=30, test=30, classes="0123456789")
    errors = train(shoes, config=config, pool_size=most + 1)
    assert list(errors) == ["pool_size"]
    assert words in errors["pool_size"][0]
    assert train(shoes, config=config, pool_size=most) is None


def test_the_sizes_that_are_refused_are_those_of_the_networks():
    ours = (training_recipes.SMALLEST_PX, training_recipes.LARGEST_PX)
    assert ours == (shape.SMALLEST_PX, shape.LARGEST_PX)


def test_a_diverged_training_is_not_offered_to_be_resumed(client, trained):
    watch(trained, WELL)
    TrainingRun.jobs.update(state=JobState.FAILED)
    assert "Resume the training" in page_of(client, trained)
    services.record_divergence(trained.run, images_seen=240, error="g_loss became nan")
    page = page_of(client, trained)
    assert "Resume the training" not in page
    assert "it would come to the same" in page
