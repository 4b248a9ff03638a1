import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from django.core.files.base import ContentFile

from evalsite import jobs
from evalsite.catalog import services
from evalsite.catalog.models import Generator
from generators.config import Translation
from generators.onnx_sampling import OnnxSignature
from generators.sampling import load_generator
from generators.translating import originals, translate
from pools import sources, store
from pools.entries import source_of_array
from tests import factories
from workers.drawing import drawn_by, in_classes

NAMES = ["cat", "dog", "owl"]


def labels_of(source):
    return [entry.label for entry in source] if source.labelled else None


def test_classes_of_an_archive_are_found_by_their_names():
    images = factories.pixels(4)
    source = source_of_array(images, np.array([0, 1, 1, 0]), ("owl", "cat"))
    told = in_classes(source, NAMES)
    assert labels_of(told) == [2, 0, 0, 2]
    assert told.class_names == ("cat", "dog", "owl")
    np.testing.assert_array_equal([entry.decode() for entry in told], images)


def test_classes_without_names_are_found_by_their_numbers():
    source = source_of_array(factories.pixels(3), np.array([2, 0, 7]))
    assert labels_of(in_classes(source, NAMES)) == [2, 0, store.UNLABELLED]


@pytest.mark.parametrize("names", [[], ["cat", "dog"]])
def test_classes_that_the_data_set_does_not_have_are_left_out(names):
    source = source_of_array(factories.pixels(2), np.array([0, 1]), ("owl", "cat"))
    assert labels_of(in_classes(source, names)) is None


def test_images_without_classes_stay_so():
    assert labels_of(in_classes(source_of_array(factories.pixels(2)), NAMES)) is None


@pytest.fixture
def drawn_labels(work, unmeasured):
    """Draws what is waiting to be, and gives the labels of a generator's pool."""

    def draw(generator):
        work()
        pool = generator.pools.get()
        assert pool.error == ""
        return pool.open().labels

    return draw


def upload(content, name, kind, **fields):
    data = factories.dataset(classes=NAMES)
    file = ContentFile(content, name)
    return services.upload_generator(
        owner=None, name=name, dataset=data, kind=kind, file=file, **fields
    )


@pytest.mark.django_db
def test_a_conditional_generators_pool_keeps_the_classes_it_was_asked_for(train_tiny, drawn_labels):
    assert drawn_labels(train_tiny(pool_size=5)).tolist() == [0, 1, 0, 1, 0]


@pytest.mark.django_db
def test_a_pool_of_some_classes_shows_these_alone_in_turn(train_tiny, work, unmeasured):
    made = train_tiny()
    work()
    made.refresh_from_db()
    names = made.dataset.class_names
    assert load_generator(made.file.path).class_names == tuple(names)
    few = services.request_pool(made, count=5, classes=[1])
    every = services.request_pool(made, count=5)
    work()
    assert few.open().labels.tolist() == [1] * 5
    few.refresh_from_db()
    assert few.size == f"5 images of {names[1]}, seed 0"
    shown, all_shown = few.open().read(0, 5), every.open().read(0, 5)
    assert [bool(np.array_equal(*pair)) for pair in zip(shown, all_shown, strict=True)] == [
        label == 1 for label in every.open().labels
    ]


@pytest.mark.django_db
def test_a_drawing_that_is_cancelled_ends_and_can_be_begun_again(
    train_tiny, work, unmeasured, monkeypatch
):
    generator = train_tiny()
    work()
    pool = services.request_pool(generator, count=600, seed=9)

    def until_cancelled(*args, **kwargs):
        drawn = drawn_by(*args, **kwargs)
        return replace(drawn, batches=cancelled_after_one(drawn.batches))

    def cancelled_after_one(batches):
        yield next(batches)
        assert jobs.cancel(pool)
        yield from batches

    monkeypatch.setattr(jobs, "REPORT_EVERY_S", -1)
    monkeypatch.setattr("workers.drawing.drawn_by", until_cancelled)
    work()
    pool.refresh_from_db()
    assert pool.state == jobs.JobState.CANCELLED
    monkeypatch.setattr("workers.drawing.drawn_by", drawn_by)
    assert jobs.retry(pool)
    work()
    pool.refresh_from_db()
    assert (pool.is_ready, len(pool.open())) == (True, 600)


@pytest.mark.django_db
def test_a_generator_without_classes_has_a_pool_without_labels(train_tiny, drawn_labels):
    assert drawn_labels(train_tiny(pool_size=5, conditional=False)) is None


PIX2PIX = {
    "model": "pix2pix",
    "conditional": False,
    "penalty.name": "none",
    "generator.architecture": "unet",
    "discriminator.architecture": "patch",
    "translation.task": "edges",
}
CYCLEGAN = {
    **PIX2PIX,
    "model": "cyclegan",
    "generator.architecture": "residual",
    "translation.task": "classes",
}


@pytest.mark.django_db
def test_a_translation_s_pool_is_made_of_held_out_images_each_once(train_tiny, drawn_labels):
    generator = train_tiny(pool_size=20, **PIX2PIX)
    assert sorted(drawn_labels(generator).tolist()) == [0] * 10 + [1] * 10
    generator.refresh_from_db()
    pool, real = generator.pools.get().open(), generator.dataset.held_out_pool.open()
    given = originals(Translation(task="edges"), real.read(0, 20), real.labels, 20, seed=3)
    made = translate(load_generator(generator.file.path), given.images)
    assert np.abs(pool.read(0, 20).astype(int) - made).max() <= 1
    assert len({image.tobytes() for image in pool.read(0, 20)}) == 20


@pytest.mark.django_db
def test_a_cyclegan_s_pool_shows_the_other_class_alone(train_tiny, drawn_labels):
    assert drawn_labels(train_tiny(pool_size=10, **CYCLEGAN)).tolist() == [1] * 10


@pytest.mark.django_db
def test_a_pool_larger_than_the_held_out_images_fails_in_words(train_tiny, work, unmeasured):
    generator = train_tiny(pool_size=11, **CYCLEGAN)
    work()
    assert "there are 10 images of class 0" in generator.pools.get().error
    generator.refresh_from_db()
    network = load_generator(generator.file.path)
    for count, made in ((11, 10), (4, 4)):
        drawn = drawn_by(network, generator.dataset, count, seed=0, fewer=True)
        assert (sum(map(len, drawn.batches)), len(drawn.labels)) == (made, made)


@pytest.mark.django_db
def test_folders_of_an_archive_are_classes_of_the_data_set(drawn_labels):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, image in zip(["owl/1", "cat/1", "owl/2"], factories.pixels(3), strict=True):
            archive.writestr(f"{name}.png", factories.png(image))
    made = upload(out.getvalue(), "images.zip", Generator.Kind.ARCHIVE)
    with sources.open_source(made.file.path) as source:
        names = [source.class_names[entry.label] for entry in source]
    assert [NAMES[label] for label in drawn_labels(made)] == names


@pytest.mark.django_db
@pytest.mark.parametrize(("class_count", "labels"), [(3, [0, 1, 2, 0]), (None, None), (7, None)])
def test_an_onnx_network_that_takes_the_data_sets_classes_has_a_labelled_pool(
    drawn_labels, monkeypatch, class_count, labels
):
    signature = OnnxSignature((4,), None, class_count, 8, 1)
    monkeypatch.setattr("generators.onnx_sampling.inspect_onnx", lambda *_, **__: signature)
    monkeypatch.setattr(
        "generators.onnx_sampling.sample_onnx", lambda *_, **__: iter([factories.pixels(4)])
    )
    made = upload(factories.onnx_generator(), "G.onnx", Generator.Kind.ONNX, count=4)
    found = drawn_labels(made)
    assert (None if found is None else found.tolist()) == labels


@pytest.mark.django_db
def test_an_onnx_network_is_looked_at_within_the_limits_it_is_sampled_within(
    drawn_labels, monkeypatch, settings
):
    settings.ONNX_TIMEOUT_S, settings.ONNX_MAX_MB, settings.ONNX_MEMORY_MB = 5_000, 900, 3_000
    given = []

    def inspect(*_, **limits):
        given.append(limits)
        return OnnxSignature((4,), None, 3, 8, 1)

    def draw(*_, **limits):
        given.append(limits)
        return iter([factories.pixels(4)])

    monkeypatch.setattr("generators.onnx_sampling.inspect_onnx", inspect)
    monkeypatch.setattr("generators.onnx_sampling.sample_onnx", draw)
    drawn_labels(upload(factories.onnx_generator(), "G.onnx", Generator.Kind.ONNX, count=4))
    wanted = {"timeout_s": 5_000, "largest_mb": 900, "memory_mb": 3_000}
    assert [{name: each.get(name) for name in wanted} for each in given] == [wanted, wanted]
