import io
import random
import re
import zipfile

import pytest
from django.urls import reverse
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from evalsite import jobs
from evalsite.catalog import services
from evalsite.catalog.models import Generator, LossPoint, Sweep, TrainingRun
from evalsite.catalog.sweeps import Range, SpaceError, at_random, grid, read_space
from evalsite.jobs import JobState
from evalsite.leaderboard.models import Score
from evalsite.leaderboard.sweep_page import in_order, rows_of
from evalsite.leaderboard.sweep_plot import HEIGHT, SPACING, parallel
from tests import factories

pytestmark = pytest.mark.django_db

NINE = ", ".join(str(number) for number in range(1, 10))


@pytest.fixture
def sent(monkeypatch):
    """What was sent to workers as groups."""
    groups = []
    monkeypatch.setattr(
        "evalsite.catalog.sweeps_starting.enqueue_group",
        lambda task, pks: groups.append((task, list(pks))),
    )
    return groups


@pytest.fixture
def sweep(client, logged_in, sent):
    """Send the form; the sweep, or the errors beside its fields."""
    data = factories.dataset("Digits", classes=("0", "1"))

    def send(space="loss = hinge, minimax\nbatch = 16, 32", **fields):
        asked = {
            "name": "Losses", "dataset": data.pk, "config": "demo-15", "seed": 5, "pool_size": 0,
            "search": "grid", "draw_seed": 0, "space": space,
        }  # fmt: skip
        response = client.post(reverse("new_sweep"), asked | fields)
        return response.context["form"].errors if response.context else Sweep.objects.get()

    return send


def score(run, value, images_seen=None):
    pool = factories.pool(run.generator, seed=run.pk)
    type(pool).jobs.filter(pk=pool.pk).update(images_seen=images_seen)
    return Score.objects.create(
        generator=run.generator,
        dataset=run.generator.dataset,
        pool=pool,
        name="FD∞-lite0",
        value=value,
        low=value - 1,
        high=value + 1,
        n={"fake": 200, "real": 2000},
    )


def test_a_random_search_draws_within_its_ranges_and_whole_numbers_stay_whole():
    space = [Range("a", 1e-4, 1.0, True), Range("b", 2, 5, False)]
    points = at_random(space, 60, seed=3)
    assert all(1e-4 <= point["a"] <= 1.0 and point["b"] in (2, 3, 4, 5) for point in points)
    below = sum(point["a"] < 1e-2 for point in points)
    assert 15 < below < 45  # half, as equal ratios are as likely
    assert {point["b"] for point in points} == {2, 3, 4, 5}
    assert all(float(f"{point['a']:.3g}") == point["a"] for point in points)


def test_a_random_search_is_its_seed_and_goes_on_where_a_shorter_one_ends():
    space = read_space("loss = hinge, minimax\npenalty.weight = 0.1..10 log")
    assert at_random(space, 5, seed=1) == at_random(space, 9, seed=1)[:5]
    assert at_random(space, 5, seed=1) != at_random(space, 5, seed=2)


def test_a_random_search_draws_no_point_twice():
    points = at_random(read_space("a = 1, 2, 3\nb = 1..2"), 6, seed=0)
    assert len({tuple(point.values()) for point in points}) == 6


def test_a_narrow_range_is_drawn_from_as_finely_as_a_wide_one():
    points = at_random(read_space("adam.beta2 = 0.99..0.999"), 60, seed=0)
    assert len({point["adam.beta2"] for point in points}) == 60
    assert all(0.99 <= point["adam.beta2"] <= 0.999 for point in points)


def test_a_search_that_finds_too_few_points_ends():
    with pytest.raises(SpaceError, match="different combinations were found, and 9 were asked"):
        at_random([Range("a", 1.0, 1.0 + 2**-52, False)], 9, seed=0)


def test_the_ends_of_a_whole_range_are_as_likely_as_what_is_between():
    rng = random.Random(0)
    drawn = [Range("a", 1, 4, False).draw(rng) for _ in range(4_000)]
    assert all(900 < drawn.count(value) < 1_100 for value in range(1, 5))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing to search"),
        ("loss", "a line is written key = values, got 'loss'"),
        ("loss =", "a line is written key = values"),
        ("batch = 16,,32", "batch has an empty value"),
        ("batch = 16, 16", "batch has 16 twice"),
        ("batch = 16\nbatch = 32", "batch stands in two lines"),
        ("batch = 32..16", "batch: a range goes from a number to a larger one, got '32..16'"),
        ("loss = hinge..minimax", "loss: a range goes from a number"),
        ("images = 1.." + "9" * 400, "images: a range goes from a number"),
        ("penalty.weight = 0..1 log", "penalty.weight: a range with log begins above 0, got 0"),
    ],
)
def test_a_space_that_cannot_be_read_names_its_key(text, words):
    with pytest.raises(SpaceError, match=re.escape(words)):
        read_space(text)


def test_a_search_too_large_or_too_small_is_refused():
    with pytest.raises(SpaceError, match="at most 64 trainings, got 81"):
        grid(read_space(f"a = {NINE}\nb = {NINE}"))
    with pytest.raises(SpaceError, match="a is a range: list its values for a grid"):
        grid(read_space("a = 1..2"))
    with pytest.raises(SpaceError, match="there are 2 combinations, and 3 were asked for"):
        at_random(read_space("a = 1, 2"), 3, seed=0)


def test_every_combination_is_trained_and_all_are_sent_at_once(sweep, sent, logged_in):
    made = sweep(changes="adam.beta1 = 0.25", images=640)
    runs = list(made.runs.order_by("pk"))
    assert [run.point for run in runs] == [
        {"loss": loss, "batch": batch} for loss in ("hinge", "minimax") for batch in (16, 32)
    ]
    assert sent == [("train", [run.pk for run in runs])]
    for run in runs:
        config = run.config
        assert (config["loss"], config["batch"]) == (run.point["loss"], run.point["batch"])
        assert (config["adam"]["beta1"], run.images_total, run.seed) == (0.25, 640, 5)
        assert (run.generator.owner, run.state) == (logged_in, JobState.QUEUED)
    assert runs[3].generator.name == "Losses 4"
    assert "loss = minimax, batch = 32" in runs[3].generator.description
    assert (made.search, made.count, made.config["adam"]["beta1"]) == ("grid", 4, 0.25)


def test_seeds_can_be_swept_too(sweep):
    runs = sweep("seed = 1, 2").runs.order_by("pk")
    assert [run.seed for run in runs] == [1, 2]


def test_a_random_search_has_as_many_trainings_as_were_asked_for(sweep):
    made = sweep("penalty.weight = 0.1..10 log", search="random", count=5, draw_seed=7)
    expected = at_random(read_space("penalty.weight = 0.1..10 log"), 5, seed=7)
    assert [run.point for run in made.runs.order_by("pk")] == expected


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"space": "los = hinge, minimax"}, "space", "unknown key 'los'"),
        ({"space": "loss = hinge, cross"}, "space", "got 'cross'"),
        ({"space": "loss = hinge, wasserstein"}, "space", "bounded discriminator"),
        ({"space": "loss = hinge"}, "space", "a sweep has at least 2 trainings, got 1"),
        ({"space": "conditional = false, true", "dataset": "plain"}, "dataset", "no classes"),
        ({"space": f"batch = {NINE}\nz_dim = {NINE}"}, "space", "at most 64"),
        ({"search": "random"}, "space", "needs the number of trainings, got none"),
        ({"search": "random", "count": "65"}, "count", "less than or equal to 64"),
        ({"changes": "batch = 1"}, "changes", "batch must be from 2"),
    ],
)
def test_a_bad_sweep_is_refused_by_name_before_anything_starts(sweep, sent, fields, field, words):
    if fields.get("dataset") == "plain":
        fields = {**fields, "dataset": factories.dataset("Plain").pk}
    errors = sweep(**fields)
    assert list(errors) == [field]
    assert words in errors[field][0]
    assert not Sweep.objects.exists()
    assert not Generator.objects.exists()
    assert sent == []


def test_a_point_that_a_data_set_is_not_for_is_named(sweep):
    plain = factories.dataset("Plain")
    errors = sweep("conditional = false, true", changes="conditional = false", dataset=plain.pk)
    assert errors["space"][0].startswith("conditional = True: This recipe draws by class")


def test_lines_cross_the_axes_at_their_values_the_best_on_top():
    points = {
        1: {"lr": 0.001, "loss": "hinge"},
        2: {"lr": 0.1, "loss": "minimax"},
        3: {"lr": 0.01, "loss": "hinge"},
    }
    picture = parallel(points, {1: 10.0, 2: 30.0, 3: 20.0}, title="FD", write="{:g}".format)
    lines = {thread.key: thread for thread in picture.threads}
    assert lines[1].points == f"0,{HEIGHT}.0 {SPACING},0.0 {2 * SPACING},{HEIGHT}.0"
    assert lines[3].points.startswith(f"0,{HEIGHT / 2}")  # by ratios
    assert [thread.key for thread in picture.threads] == [2, 3, 1]
    assert {key: thread.percent for key, thread in lines.items()} == {1: 0, 2: 100, 3: 50}
    assert lines[2].words == "lr 0.1, loss minimax: FD 30"
    assert [track.title for track in picture.tracks] == ["lr", "loss", "FD"]
    assert parallel(points, {1: 10.0}, title="FD", write=str) is None


def test_the_page_shows_the_newest_quality_of_each_training(client, sweep):
    made = sweep()
    first, second, third, _ = made.runs.order_by("pk")
    score(first, 90.0, images_seen=500)
    score(first, 40.0, images_seen=1000)
    score(second, 50.0, images_seen=1000)
    score(second, 45.0)
    page = client.get(made.get_absolute_url()).content.decode()
    assert (
        "40.00<small>39.00 to 41.00</small><small>n = 200</small><small>after 1,000 images</small>"
        in page
    )
    assert "45.00<small>44.00 to 46.00</small><small>n = 200</small></span>" in page
    assert page.count('class="thread"') == 2
    assert "90.00" not in page
    assert page.count("not measured yet") == 2
    assert third.generator.get_absolute_url() in page


def test_a_training_that_was_deleted_is_told_of(client, sweep):
    found = sweep(space="loss = minimax, hinge")
    assert "deleted" not in client.get(found.get_absolute_url()).content.decode()
    found.runs.first().generator.delete()
    page = client.get(found.get_absolute_url()).content.decode()
    assert "2 trainings of" in page
    assert "; 1 of them was deleted." in page


def test_many_queued_trainings_cost_no_more_to_show_than_few(
    client, sweep, django_assert_max_num_queries
):
    made = sweep()
    TrainingRun.jobs.update(state=JobState.QUEUED)
    with django_assert_max_num_queries(22):
        assert "jobs ahead" in client.get(made.get_absolute_url()).content.decode()


def test_rows_are_sorted_by_any_column_what_is_unknown_last(client, sweep):
    made = sweep()
    runs = list(made.runs.order_by("pk"))
    for run, value in zip(runs, (30.0, 10.0, 20.0), strict=False):
        score(run, value)
    numbers = {run.pk: number for number, run in enumerate(runs)}

    def order(by):
        return [numbers[row.run.pk] for row in in_order(rows_of(made), by)]

    assert order("quality") == [1, 2, 0, 3]
    assert order("-quality") == [0, 2, 1, 3]
    assert order("batch") == [0, 2, 1, 3]
    assert order("-loss") == [2, 3, 0, 1]
    assert order("-training") == [3, 2, 1, 0]
    page = client.get(made.get_absolute_url(), {"sort": "-batch"}).content.decode()
    assert re.search(r'aria-sort="descending"><a id="by-\d" href="\?sort=batch">batch', page)


def test_a_verdict_stands_in_its_row(client, sweep):
    made = sweep()
    run = made.runs.order_by("pk").last()
    run.losses.bulk_create(
        LossPoint(run=run, images_seen=120 * n, values={"d_loss": 0.01}) for n in range(1, 51)
    )
    assert "The discriminator has won" in client.get(made.get_absolute_url()).content.decode()


def test_a_row_is_called_healthy_once_it_can_be_judged(client, sweep):
    made = sweep()
    run, well = made.runs.first(), {"d_loss": 1.3, "spread": 0.9, "copied": 0.0}
    every = run.images_total // 50

    def verdicts():
        page = client.get(made.get_absolute_url()).content.decode()
        return set(re.findall(r'"Verdicts"><span>([^<]*)<', page))

    def watch(*numbers):
        points = [LossPoint(run=run, images_seen=every * n, values=well) for n in numbers]
        run.losses.bulk_create(points)
        TrainingRun.jobs.filter(pk=run.pk).update(images_seen=points[-1].images_seen)

    assert verdicts() == {"–"}
    watch(1)
    assert verdicts() == {"too early to tell", "–"}
    watch(*range(2, 51))
    assert verdicts() == {"healthy", "–"}


def test_a_page_that_asks_for_news_gets_them_only_if_there_are_any(client, sweep):
    made = sweep()
    page = client.get(made.get_absolute_url()).content.decode()
    (stamp,) = re.findall(r"as_of=(\w+)", page)
    assert client.get(made.get_absolute_url(), {"as_of": stamp}).status_code == 204
    score(made.runs.first(), 10.0)
    assert client.get(made.get_absolute_url(), {"as_of": stamp}).status_code == 200
    for run in made.runs.all():
        jobs.cancel(run)
    assert "hx-get" not in client.get(made.get_absolute_url()).content.decode()


def test_a_sweep_is_cancelled_whole_by_its_owner_alone(client, sweep, logged_in):
    made = sweep()
    address = reverse("cancel_sweep", args=[made.slug])
    client.force_login(factories.user())
    assert client.post(address).status_code == 403
    client.force_login(logged_in)
    client.post(address)
    assert set(made.runs.values_list("state", flat=True)) == {JobState.CANCELLED}
    run = TrainingRun.jobs.first()
    client.post(reverse("resume_training", args=[run.generator.slug]))
    run.refresh_from_db()
    assert run.state == JobState.QUEUED


def test_what_was_cancelled_of_a_sweep_is_resumed_whole_by_its_owner_alone(
    client, sweep, logged_in
):
    made = sweep()
    address = reverse("resume_sweep", args=[made.slug])
    assert address not in client.get(made.get_absolute_url()).content.decode()
    page = client.post(address, follow=True).content.decode()
    assert "None of its trainings is cancelled." in page
    done, *others = made.runs.all()
    TrainingRun.jobs.filter(pk=done.pk).update(state=JobState.FAILED)
    client.post(reverse("cancel_sweep", args=[made.slug]))
    assert address in client.get(made.get_absolute_url()).content.decode()
    client.force_login(factories.user())
    assert client.post(address).status_code == 403
    client.force_login(logged_in)
    client.post(address)
    done.refresh_from_db()
    assert done.state == JobState.FAILED
    resumed = made.runs.exclude(pk=done.pk)
    assert set(resumed.values_list("state", flat=True)) == {JobState.QUEUED}
    assert len(resumed) == len(others) > 1


def test_a_training_of_a_sweep_leads_back_to_it_and_sweeps_are_listed(client, sweep):
    made = sweep()
    generator = made.runs.first().generator
    assert made.get_absolute_url() in client.get(generator.get_absolute_url()).content.decode()
    assert made.get_absolute_url() in client.get(reverse("sweeps")).content.decode()
    assert services.unique_slug(Sweep, "new") == "new-2"  # a page of its own


@pytest.mark.parametrize("key", ["title", "description"])
def test_a_sweep_over_words_is_refused_with_the_keys_that_can_vary(sweep, key):
    errors = sweep(f"{key} = one, two")
    reason = str(errors["space"])
    assert f"{key} changes nothing in a training; what can vary: model, images, batch" in reason
    assert "penalty.weight" in reason
    assert "title," not in reason
    assert not Sweep.objects.exists()


def test_a_sweep_goes_to_tensorboard_as_a_folder_for_each_training(client, sweep, tmp_path):
    found = sweep()
    for run in found.runs.all():
        run.losses.create(images_seen=64, values={"d_loss": float(run.pk)})
    assert (
        reverse("sweep_events", args=[found.slug])
        in client.get(found.get_absolute_url()).content.decode()
    )
    response = client.get(reverse("sweep_events", args=[found.slug]))
    assert response["Content-Disposition"] == 'attachment; filename="losses-tensorboard.zip"'
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        archive.extractall(tmp_path / "taken")
    assert len(list((tmp_path / "taken").iterdir())) == 4
    for run in found.runs.select_related("generator"):
        events = EventAccumulator(str(tmp_path / "taken" / run.generator.slug)).Reload()
        assert [event.value for event in events.Scalars("d_loss")] == [run.pk]
        plugin = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data
        told = metadata.parse_session_start_info_plugin_data(plugin.content).hparams
        assert told["batch"].number_value == run.point["batch"]
