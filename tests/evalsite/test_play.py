"""Playing with trained generators: what their pages ask for, what they get, and what is refused in words."""

import json
from contextlib import ExitStack

import numpy as np
import pytest
import torch
from django.template.loader import render_to_string
from django.urls import reverse

from evalsite.catalog.models import Generator, Pool
from evalsite.jobs import JobState
from evalsite.play import neighbours
from evalsite.play.asked import MOST_POINTS, MOST_SAMPLES
from evalsite.play.models import Export
from evalsite.play.networks import network_of
from evalsite.play.seats import RETRY_AFTER_S, SEATS, seat
from generators import playing
from generators.config import load_config
from generators.playing import Network, codes, conditions, reduced
from generators.training import Trainer
from pools import store
from tests import factories
from tests.evalsite.playing import exported, seen, trained
from tests.generators.known import CLASSES, PX, Z_DIM, drawing, weights

pytestmark = pytest.mark.django_db

ONE, TWO, THREE = [0, 0], [0, 1], [7, 4]


@pytest.fixture
def forger():
    return exported(trained())


def ask(client, generator, name, asked):
    address = reverse(f"explore_{name}", args=[generator.slug])
    return client.post(address, json.dumps(asked), content_type="application/json")


def drawn(*terms):
    """What the known network draws from a sum of samples, (weight, [seed, number]), as long as the first."""
    addresses = [(seed, number) for _, (seed, number) in terms]
    shares = np.array([[weight for weight, _ in terms]])
    code, classes = codes(addresses, Z_DIM), conditions(addresses, len(CLASSES))
    length = np.linalg.norm(code[0]) / np.linalg.norm(shares @ code)
    flat = length * shares @ code @ weights() + shares @ classes @ weights(rows=len(CLASSES))
    return playing.levels(flat.reshape(1, 1, PX, PX))[0, ..., 0]


# The network


@pytest.mark.parametrize(
    ("page", "task", "networks"),
    [
        ("explore", "noise", ["generator"]),
        ("translate", "edges", ["generator"]),
        ("translate", "enlarge", ["generator"]),
        ("translate", "classes", ["generator", "back"]),
    ],
)
def test_who_comes_first_has_the_networks_exported_once(client, enqueued, page, task, networks):
    made = trained(task)
    for _ in range(2):
        response = client.get(reverse(page, args=[made.slug]))
        assert "made ready" in response.content.decode()
    rows = [Export.jobs.get(network=network) for network in networks]
    assert Export.jobs.count() == len(rows)
    assert enqueued == [("export", row.pk) for row in rows]


def test_a_page_that_waits_is_replaced_when_the_network_is_there(client):
    made = trained()
    address = reverse("explore", args=[made.slug])
    assert 'hx-trigger="every' in client.get(address).content.decode()
    Export.jobs.all().delete()
    exported(made)
    assert client.get(address, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    assert "Arithmetic" in client.get(address).content.decode()


def test_a_network_whose_file_is_gone_is_exported_anew(client, enqueued):
    made = exported(trained())
    lost = Export.jobs.get()
    lost.file.delete(save=False)
    Export.jobs.update(file="exports/gone.onnx")
    assert ask(client, made, "draw", {"points": [{"start": [ONE]}]}).status_code == 409
    assert "made ready" in client.get(reverse("explore", args=[made.slug])).content.decode()
    new = Export.jobs.get()
    assert (new.is_ready, enqueued) == (False, [("export", new.pk)])


def test_nothing_is_exported_before_the_training_is_over(client, enqueued):
    made = trained()
    Generator.objects.update(file="")
    page = client.get(reverse("explore", args=[made.slug])).content.decode()
    assert "no trained network yet" in page
    assert enqueued == []
    assert ask(client, made, "draw", {"points": [{"start": [ONE]}]}).status_code == 409


def test_a_failed_export_says_why_and_its_owner_tries_again(client, enqueued, run_task):
    made = trained(owner=factories.user())
    address = reverse("explore", args=[made.slug])
    client.get(address)
    run_task(*enqueued.pop())
    row = Export.jobs.get()
    assert row.state == JobState.FAILED
    page = client.get(address).content.decode()
    assert row.error[:20] in page
    assert "Retry" not in page
    client.force_login(factories.user())
    assert client.post(reverse("retry_export", args=[row.pk])).status_code == 403
    client.force_login(made.owner)
    assert "Retry" in client.get(address).content.decode()
    assert client.post(reverse("retry_export", args=[row.pk])).url == address
    assert enqueued == [("export", row.pk)]


def test_a_network_trained_here_is_exported_and_draws(client, work, tmp_path):
    data = factories.dataset(resolution_px=12, classes=("0", "1"))
    tiny = {"z_dim": 8, "generator.features": 4, "discriminator.features": 4, "batch": 4}
    config = load_config("demo-15", **tiny)
    real = data.train_pool.open()
    trainer = Trainer(config, real.read(0, 20), real.labels, 2, device=torch.device("cpu"))
    trainer.save_generator(tmp_path / "weights.safetensors")
    made = trained(of=data)
    made.file.save("w.safetensors", (tmp_path / "weights.safetensors").open("rb"))
    made.run.config = config.as_dict()
    made.run.save()
    client.get(reverse("explore", args=[made.slug]))
    work()
    assert Export.jobs.get().state == JobState.READY
    said = ask(client, made, "draw", {"points": [{"start": [ONE]}, {"start": [TWO]}]}).json()
    one, two = map(seen, said["images"])
    assert one.shape == (12, 12)
    with torch.inference_mode():
        wanted = trainer.ema.averages["generator"](
            torch.from_numpy(codes([(0, 0)], 8)), torch.tensor([0])
        )
    wanted = playing.levels(wanted.float().numpy())[0, ..., 0]
    assert np.abs(one.astype(int) - wanted).max() <= 1
    assert (one != two).any()


@pytest.mark.parametrize(
    ("page", "task"), [("translate", "noise"), ("explore", "edges"), ("explore", "classes")]
)
def test_pages_are_for_the_generators_they_fit(client, page, task):
    assert client.get(reverse(page, args=[trained(task).slug])).status_code == 404


def test_a_run_from_before_there_were_translations_draws_from_noise(client):
    made = trained()
    made.run.config = {"loss": "hinge"}
    made.run.save()
    assert client.get(reverse("explore", args=[made.slug])).status_code == 200


def test_uploaded_generators_have_no_such_pages(client):
    made = factories.generator(kind=Generator.Kind.ONNX)
    assert client.get(reverse("explore", args=[made.slug])).status_code == 404


@pytest.mark.parametrize(("task", "name"), [("noise", "explore"), ("edges", "translate")])
def test_the_generators_page_can_link_to_where_it_is_played_with(task, name):
    made = trained(task)
    link = f'href="{reverse(name, args=[made.slug])}"'
    assert link in render_to_string("play/links.html", {"generator": made, "run": made.run})
    made.file = ""
    assert link not in render_to_string("play/links.html", {"generator": made, "run": made.run})


# Exploring


def test_no_sample_is_an_image_that_a_trial_may_show():
    largest = max(each.limit_value for each in Pool._meta.get_field("seed").validators)
    assert largest < playing.FIRST_SEED


def test_a_sample_is_the_same_picture_whenever_it_is_asked_for(client, forger):
    alone = ask(client, forger, "draw", {"points": [{"start": [THREE]}]}).json()["images"]
    points = [{"start": [ONE]}, {"start": [THREE]}]
    assert ask(client, forger, "draw", {"points": points}).json()["images"][1:] == alone
    assert (seen(alone[0]) == drawn((1, THREE))).all()


def test_arithmetic_with_samples_is_arithmetic_with_their_codes(client, forger):
    point = {"start": [ONE], "minus": [TWO], "plus": [[7, 5], [2, 9]], "strength": 0.5}
    (image,) = ask(client, forger, "draw", {"points": [point]}).json()["images"]
    terms = [(1, ONE), (-0.5, TWO), (0.25, [7, 5]), (0.25, [2, 9])]
    assert np.abs(seen(image).astype(int) - drawn(*terms)).max() <= 1


def test_a_walk_begins_and_ends_with_its_samples(client, forger):
    asked = {"from": {"start": [ONE]}, "to": {"start": [TWO]}, "steps": 11}
    images = [*map(seen, ask(client, forger, "walk", asked).json()["images"])]
    assert len(images) == 11
    assert np.abs(images[0].astype(int) - drawn((1, ONE))).max() <= 1
    assert np.abs(images[-1].astype(int) - drawn((1, TWO))).max() <= 1
    assert len({image.tobytes() for image in images}) == 11


def test_the_nearest_training_images_are_shown_with_their_distance(client, forger):
    said = ask(client, forger, "nearest", {"point": {"start": [ONE]}}).json()
    real = forger.dataset.train_pool.open().read(0, 20)
    apart = real.astype(float)[..., 0] - drawn((1, ONE))
    distances = np.sqrt((apart**2).mean((1, 2)))
    assert (seen(said["image"]) == drawn((1, ONE))).all()
    assert said["among"] == 20
    for place, index in enumerate(np.argsort(distances)[: neighbours.SHOWN]):
        assert said["nearest"][place]["distance"] == pytest.approx(distances[index], abs=0.06)
        assert (seen(said["nearest"][place]["image"]) == real[index, ..., 0]).all()


def test_who_finds_every_seat_taken_is_told_when_to_ask_again(client, forger):
    asked = {"points": [{"start": [ONE]}]}
    with ExitStack() as taken:
        for _ in range(SEATS):
            taken.enter_context(seat())
        refused = ask(client, forger, "draw", asked)
    assert refused.status_code == 503
    assert refused["Retry-After"] == str(RETRY_AFTER_S)
    assert "try again in a moment" in refused.json()["error"]
    assert ask(client, forger, "draw", asked).status_code == 200


def test_a_seat_is_free_again_after_what_went_wrong(client, forger):
    for _ in range(SEATS + 1):
        assert ask(client, forger, "draw", {"points": []}).status_code == 400


def test_training_images_that_are_gone_are_told_in_words(client, forger):
    store.remove(forger.dataset.train_pool.url)
    refused = ask(client, forger, "nearest", {"point": {"start": [ONE]}})
    assert refused.status_code == 500
    assert "cannot be read" in refused.json()["error"]


def test_of_a_large_pool_parts_are_looked_through_evenly(monkeypatch):
    monkeypatch.setattr(neighbours, "MOST_BYTES", 128 * PX * PX)
    pool = factories.dataset(train=300, resolution_px=PX).train_pool
    found = neighbours.neighbourhood(pool.url)
    assert 64 <= len(found.indices) <= 128
    assert np.diff(found.indices).max() <= 5
    assert found.indices.max() > 290
    assert (found.rows == reduced(pool.open().read(0, 300))[found.indices]).all()


def test_training_images_stay_unseen_while_a_study_shows_them_as_real(client):
    forger = exported(
        trained(of=factories.dataset(test=0, classes=CLASSES), owner=factories.user())
    )
    study = factories.study(pools=[factories.pool(forger)])
    asked = {"point": {"start": [ONE]}}
    refused = ask(client, forger, "nearest", asked)
    assert refused.status_code == 400
    assert "open study" in refused.json()["error"]
    page = reverse("explore", args=[forger.slug])
    assert 'id="neighbours"' not in client.get(page).content.decode()
    client.force_login(forger.owner)
    assert ask(client, forger, "nearest", asked).status_code == 200
    client.logout()
    study.state = study.State.CLOSED
    study.save()
    assert ask(client, forger, "nearest", asked).status_code == 200
    assert 'id="neighbours"' in client.get(page).content.decode()


FINE = {"start": [ONE]}


@pytest.mark.parametrize(
    ("name", "asked", "words"),
    [
        ("draw", [], "must be a JSON object"),
        ("draw", {}, "a list of 1 to 40, got null"),
        ("draw", {"points": []}, "a list of 1 to 40"),
        ("draw", {"points": [FINE] * (MOST_POINTS + 1)}, "got 41 of them"),
        ("draw", {"points": ["x" * 500]}, "a point must be an object"),
        ("draw", {"points": [{}]}, "start must be a list"),
        ("draw", {"points": [{"start": []}]}, "at least 1 sample"),
        ("draw", {"points": [{"start": [ONE] * (MOST_SAMPLES + 1)}]}, "at most 16 samples"),
        ("draw", {"points": [{"start": [[0]]}]}, "[seed, number]"),
        ("draw", {"points": [{"start": [[0, 1.5]]}]}, "[seed, number]"),
        ("draw", {"points": [{"start": [[True, 1]]}]}, "[seed, number]"),
        ("draw", {"points": [{"start": [[-1, 1]]}]}, "seed is from 0"),
        ("draw", {"points": [{"start": [[0, 10_000]]}]}, "number from 0 to 9999"),
        ("draw", {"points": [{**FINE, "strength": 4.5}]}, "from -4 to 4, got 4.5"),
        ("draw", {"points": [{**FINE, "strength": float("nan")}]}, "from -4 to 4, got NaN"),
        ("draw", {"points": [{**FINE, "strength": "1"}]}, 'from -4 to 4, got "1"'),
        ("draw", {"points": [{**FINE, "minus": 3}]}, "minus must be a list"),
        ("walk", {"from": FINE, "to": FINE}, "steps must be from 2 to 40"),
        ("walk", {"from": FINE, "to": FINE, "steps": 41}, "got 41"),
        ("walk", {"from": FINE, "to": None, "steps": 5}, "a point must be an object"),
        ("nearest", {"point": []}, "a point must be an object"),
    ],
)
def test_a_bad_request_is_refused_in_words(client, forger, name, asked, words):
    response = ask(client, forger, name, asked)
    assert response.status_code == 400
    assert words in response.json()["error"]
    assert len(response.json()["error"]) < 200


def test_what_is_no_json_is_refused_in_words(client, forger):
    address = reverse("explore_draw", args=[forger.slug])
    for body in (b"{", b"\xff", b"[" * 100_000):
        response = client.post(address, body, content_type="application/json")
        assert (response.status_code, "JSON" in response.json()["error"]) == (400, True)
    assert client.get(address).status_code == 405


def test_a_few_networks_stay_open_and_each_generator_has_its_own(client, forger):
    other = exported(trained(), onnx=drawing(PX))
    for made in (forger, other, forger):
        assert ask(client, made, "draw", {"points": [FINE]}).status_code == 200


def test_a_network_in_the_memory_is_the_one_of_the_file(forger):
    assert network_of(forger) is network_of(forger)
    assert isinstance(network_of(forger), Network)
    with pytest.raises(Export.DoesNotExist):
        network_of(forger, "back")
