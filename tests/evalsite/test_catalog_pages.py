import io
import pickle
import re
import struct
import tarfile
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evalsite import jobs
from evalsite.catalog import services
from evalsite.catalog.models import Generator, Pool, SampleSheet, TrainingRun
from evalsite.catalog.training_recipes import recipes
from evalsite.jobs import JobState
from generators.config import available_configs, load_config, parse_override
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def data():
    return factories.dataset(classes=("0", "1"))


@pytest.fixture
def train(client, logged_in, data):
    """Send the training form."""

    def send(**fields):
        asked = {
            "name": "Mine",
            "dataset": data.pk,
            "config": "demo-15",
            "seed": 0,
            "pool_size": 20,
        }
        return client.post(reverse("train"), asked | fields)

    return send


@pytest.fixture
def upload(client, logged_in, data):
    """Send the upload form with a file of these bytes."""

    def send(content, name="file.bin", **fields):
        asked = {"name": "Mine", "dataset": data.pk, "count": 12, "seed": 1}
        return client.post(
            reverse("upload"), asked | fields | {"file": SimpleUploadedFile(name, content)}
        )

    return send


@pytest.fixture
def others(data):
    """A training that belongs to somebody else."""
    return services.start_training(
        owner=factories.user(), name="Theirs", dataset=data, config={}, images_total=100
    )


def words(response):
    return response.content.decode()


def test_the_training_form_starts_a_training(train, enqueued, logged_in):
    response = train(images="640")
    made = Generator.objects.get()
    assert response.url == made.get_absolute_url()
    assert (made.owner, made.kind) == (logged_in, Generator.Kind.TRAINED)
    assert made.run.images_total == made.run.config["images"] == 640
    assert made.pools.get().state == JobState.WAITING
    assert enqueued == [("train", made.run.pk)]


@pytest.mark.parametrize("name", available_configs())
def test_the_values_of_a_recipe_can_be_sent_as_its_changes(name):
    (recipe,) = (each for group in recipes().values() for each in group if each.name == name)
    changes = dict(parse_override(line) for line in recipe.lines)
    assert load_config(name, **changes) == recipe.config


def test_the_training_form_holds_the_values_of_its_recipes(client, logged_in, data):
    page = words(client.get(reverse("train")))
    assert "adam.beta1 = 0.5\n" in page
    assert 'data-recipe="wgan-gp"' in page


def test_a_recipe_for_a_gpu_says_how_long_it_takes_without_one(client, logged_in, data):
    for name in ("train", "new_sweep"):
        page = words(client.get(reverse(name)))
        assert page.count("Without a GPU it takes") == 4
        assert "Without a GPU it takes about 26 days of a processor core" in page
        assert "Without a GPU it takes more than 26 days of a processor core" in page
    found = [each for group in recipes().values() for each in group]
    meant = {each.name for each in found if "Meant for a GPU" in each.config.description}
    assert meant == {each.name for each in found if each.without_gpu}


def test_an_empty_length_means_as_the_recipe_says(train):
    train()
    assert TrainingRun.jobs.get().images_total == 12000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("config", "../secrets"),
        ("images", "0"),
        ("images", "1000000000000"),
        ("seed", "-1"),
        ("pool_size", "100001"),
        ("dataset", "0"),
    ],
)
def test_a_training_that_cannot_be_is_refused_beside_its_field(train, field, value):
    response = train(**{field: value})
    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    assert not Generator.objects.exists()


def test_a_training_in_progress_shows_its_state_losses_and_samples(client, others):
    for seen in (10, 20):
        services.record_progress(
            others.run,
            images_seen=seen,
            seconds=1,
            values={"d_loss": 0.25, "g_loss": 1.5},
            sheet_png=factories.png(factories.pixels(1)[0]),
        )
    page = words(client.get(others.get_absolute_url()))
    assert "20 of 100 images shown" in page
    assert "Losses: discriminator 0.25, generator 1.5" in page
    assert "hx-trigger" in page
    sheet = SampleSheet.objects.last()
    assert reverse("sheet", args=[sheet.pk]) in page
    image = client.get(reverse("sheet", args=[sheet.pk]))
    assert image["Content-Type"] == "image/png"
    assert b"".join(image.streaming_content).startswith(b"\x89PNG")


def test_a_training_is_cancelled_and_resumed_by_its_owner(client, train, enqueued):
    train()
    made = Generator.objects.get()
    client.post(reverse("cancel_training", args=[made.slug]))
    assert TrainingRun.jobs.get().state == JobState.CANCELLED
    assert "Resume the training" in words(client.get(made.get_absolute_url()))
    client.post(reverse("resume_training", args=[made.slug]))
    assert TrainingRun.jobs.get().state == JobState.QUEUED
    page = client.post(reverse("resume_training", args=[made.slug]), follow=True)
    assert "This training is not stopped." in words(page)


def test_a_running_training_says_that_it_is_being_cancelled(client, train):
    train()
    made = Generator.objects.get()
    jobs.claim(TrainingRun, made.run.pk)
    client.post(reverse("cancel_training", args=[made.slug]))
    page = words(client.get(made.get_absolute_url()))
    assert "is being cancelled" in page
    assert "Cancel the training" not in page


def test_a_training_that_has_ended_is_not_said_to_be_cancelled(client, train):
    train()
    made = Generator.objects.get()
    jobs.claim(TrainingRun, made.run.pk).ready()
    page = words(client.post(reverse("cancel_training", args=[made.slug]), follow=True))
    assert "This training has ended already." in page
    assert "Cancelled." not in page


def test_a_training_says_how_long_it_will_go_on(client, others):
    TrainingRun.jobs.update(images_seen=25, images_total=100, seconds=200.0)
    assert "about 10 min to go" in words(client.get(others.get_absolute_url()))


def test_a_translation_speaks_of_images_and_not_of_noise(client, data):
    config = load_config("edges-to-fashion").as_dict()
    made = services.start_training(
        owner=None, name="Edges", dataset=data, config=config, images_total=100
    )
    for seen in (10, 20):
        services.record_progress(
            made.run,
            images_seen=seen,
            seconds=1,
            values={"reconstruction": 0.5},
            sheet_png=factories.png(factories.pixels(1)[0]),
        )
    page = words(client.get(made.get_absolute_url()))
    assert "The same images, drawn after" in page
    assert "oise" not in page
    assert "How far what is drawn again lies from the image that it should be." in page


def test_another_pool_is_offered_with_a_seed_of_its_own(client, train):
    train()
    made = Generator.objects.get()
    form = client.get(made.get_absolute_url()).context["pool_form"]
    assert form["seed"].value() == made.pools.get().seed + 1


def test_a_seed_among_the_changed_values_is_that_of_the_training(train):
    train(changes="seed = 7")
    run = TrainingRun.jobs.get()
    assert (run.seed, run.config["seed"], run.generator.pools.get().seed) == (7, 7, 7)


def test_a_training_is_as_long_as_its_whole_steps(train):
    train(images=6000, changes="batch = 32")
    assert TrainingRun.jobs.get().images_total == 6016


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"changes": "adam.beta1 = 0.1\nadam.beta1 = 0.2"}, "adam.beta1 stands in two lines"),
        (
            {"changes": "images = 64", "images": 128},
            "images stands here and as the training length",
        ),
    ],
)
def test_a_value_that_is_given_twice_is_refused(train, fields, message):
    assert message in words(train(**fields))
    assert not TrainingRun.jobs.exists()


def queries_of(client, address):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_more_trainings_cost_the_page_of_generators_no_more_queries(client, train):
    def start(number):
        train(name=f"Mine {number}")
        run = TrainingRun.jobs.latest("pk")
        SampleSheet.objects.create(run=run, images_seen=7, image=f"{number}.png")

    start(0)
    few = queries_of(client, reverse("generators"))
    for number in range(1, 5):
        start(number)
    assert queries_of(client, reverse("generators")) <= few


def test_more_queued_pools_cost_the_page_of_a_generator_no_more_queries(client):
    made = factories.generator(kind=Generator.Kind.ONNX)
    factories.pool(made, seed=0, is_ready=False)
    few = queries_of(client, made.get_absolute_url())
    for seed in range(1, 6):
        factories.pool(made, seed=seed, is_ready=False)
    assert queries_of(client, made.get_absolute_url()) == few


@pytest.fixture
def of_classes(logged_in):
    """A trained generator that can be asked for one of three classes."""
    data = factories.dataset(classes=["bag", "boot", "coat"])
    made = factories.generator(owner=logged_in, kind=Generator.Kind.TRAINED, of=data)
    config = {"conditional": True, "title": "T", "loss": "hinge", "penalty": {"name": "none"}}
    TrainingRun.jobs.create(generator=made, config=config, state=JobState.READY)
    made.file.save("w.safetensors", io.BytesIO(b"weights"))
    return made


def test_a_pool_is_drawn_of_the_classes_that_were_ticked(client, of_classes):
    form = client.get(of_classes.get_absolute_url()).context["pool_form"]
    assert form.fields["classes"].choices == [(0, "bag"), (1, "boot"), (2, "coat")]
    address = reverse("sample", args=[of_classes.slug])
    for ticked in ([], ["0", "1", "2"], ["2"], ["1", "0"]):
        client.post(address, {"count": 9, "seed": 2, "classes": ticked})
    found = of_classes.pools.order_by("pk").values_list("classes", flat=True)
    assert list(found) == [[], [2], [0, 1]]
    page = words(client.get(of_classes.get_absolute_url()))
    assert "9 images of coat, seed 2" in page
    wrong = client.post(address, {"count": 9, "seed": 3, "classes": ["3"]}, follow=True)
    assert "classes: Select a valid choice. 3 is not one of the available choices." in words(wrong)


@pytest.mark.parametrize("lacks", ["condition", "names"])
def test_without_classes_by_name_there_are_none_to_choose(client, of_classes, lacks):
    if lacks == "condition":
        TrainingRun.jobs.update(config={**of_classes.run.config, "conditional": False})
    else:
        of_classes.dataset.class_names = []
        of_classes.dataset.save()
    page = client.get(of_classes.get_absolute_url())
    assert list(page.context["pool_form"].fields) == ["count", "seed"]
    client.post(reverse("sample", args=[of_classes.slug]), {"count": 9, "seed": 2, "classes": "1"})
    assert of_classes.pools.get().classes == []


@pytest.mark.parametrize("action", ["cancel_training", "resume_training", "sample"])
def test_other_researchers_cannot_change_a_generator(client, logged_in, others, action):
    response = client.post(reverse(action, args=[others.slug]), {"count": 9, "seed": 0})
    assert response.status_code == 403
    assert "Only the researcher who made this can change it." in words(response)
    assert TrainingRun.jobs.get().state == JobState.QUEUED
    assert "Cancel the training" not in words(client.get(others.get_absolute_url()))


@pytest.mark.parametrize("action", ["cancel_training", "resume_training", "sample"])
def test_a_link_cannot_change_a_generator(client, others, action):
    client.force_login(others.owner)
    assert client.get(reverse(action, args=[others.slug])).status_code == 405


def test_staff_can_cancel_any_training(client, others):
    client.force_login(factories.user(is_staff=True))
    client.post(reverse("cancel_training", args=[others.slug]))
    assert TrainingRun.jobs.get().state == JobState.CANCELLED


@pytest.mark.parametrize("action", ["cancel_training", "resume_training"])
def test_an_upload_has_no_training_to_stop(client, logged_in, action):
    made = factories.generator(owner=logged_in)
    assert client.post(reverse(action, args=[made.slug])).status_code == 404


def test_a_trained_generator_is_sampled_again_by_its_owner(client, logged_in, tmp_path, enqueued):
    made = factories.generator(owner=logged_in, kind=Generator.Kind.TRAINED)
    address = reverse("sample", args=[made.slug])
    refused = client.post(address, {"count": 9, "seed": 2}, follow=True)
    assert "no network to draw from (yet)" in words(refused)
    made.file.save("w.safetensors", io.BytesIO(b"weights"))
    wrong = client.post(address, {"count": 1, "seed": 2}, follow=True)
    assert "count: Ensure this value is greater than or equal to 2." in words(wrong)
    assert enqueued == []
    client.post(address, {"count": 9, "seed": 2})
    client.post(address, {"count": 9, "seed": 2})
    assert enqueued == [("sample", made.pools.get().pk)]


def test_a_failed_pool_says_why_and_its_owner_retries_it(client, logged_in, enqueued):
    made = factories.generator(owner=logged_in)
    failed = factories.pool(made, is_ready=False)
    Pool.jobs.filter(pk=failed.pk).update(state=JobState.FAILED, error="<3.png> is\nbroken")
    page = words(client.get(made.get_absolute_url()))
    assert "&lt;3.png&gt; is<br>broken" in page
    assert "Retry" in page
    client.post(reverse("retry_pool", args=[failed.pk]))
    assert enqueued == [("sample", failed.pk)]
    client.force_login(factories.user())
    assert client.post(reverse("retry_pool", args=[failed.pk])).status_code == 403


def test_the_drawing_of_a_pool_is_cancelled_by_its_owner_and_begun_again(
    client, logged_in, enqueued
):
    made = factories.generator(owner=logged_in)
    pool = factories.pool(made, is_ready=False)
    address = reverse("cancel_pool", args=[pool.pk])
    assert address in words(client.get(made.get_absolute_url()))
    told = client.post(address, follow=True)
    assert "the pool can be drawn again, or deleted" in words(told)
    assert Pool.jobs.get(pk=pool.pk).state == JobState.CANCELLED
    assert "Draw it again" in words(told)
    assert "Nobody is drawing this pool any more" in words(client.post(address, follow=True))
    client.post(reverse("retry_pool", args=[pool.pk]))
    assert enqueued == [("sample", pool.pk)]
    client.force_login(factories.user())
    assert client.post(address).status_code == 403
    assert address not in words(client.get(made.get_absolute_url()))


def test_a_file_that_was_refused_is_uploaded_again_and_not_retried(client, logged_in, enqueued):
    made = factories.generator(owner=logged_in)
    failed = factories.pool(made, is_ready=False)
    jobs.claim(Pool, failed.pk).fail("3.png: is broken", note=jobs.FILE_REFUSED)
    page = words(client.get(made.get_absolute_url()))
    assert "Retry" not in page
    assert f'<a href="{reverse("upload")}">upload it again</a>' in page
    refused = client.post(reverse("retry_pool", args=[failed.pk]), follow=True)
    assert "The same file would be refused again" in words(refused)
    assert enqueued == []


def test_real_images_cannot_be_drawn_again(client, logged_in, data):
    assert client.post(reverse("retry_pool", args=[data.train_pool.pk])).status_code == 404


def test_a_zip_of_images_is_taken(upload, enqueued):
    upload(factories.image_zip(), "images.zip")
    made = Generator.objects.get()
    assert made.kind == Generator.Kind.ARCHIVE
    assert enqueued == [("sample", made.pools.get().pk)]


def test_uploaded_images_are_not_said_to_have_a_seed(client, upload):
    upload(factories.image_zip(), "images.zip")
    made = Generator.objects.get()
    assert "Images that are not read yet" in words(client.get(made.get_absolute_url()))
    Pool.jobs.update(count=1234)
    page = words(client.get(made.get_absolute_url()))
    assert "1,234 images" in page
    assert "seed" not in page


def test_an_upload_that_failed_says_so_among_all_generators(client, upload):
    upload(factories.image_zip(), "images.zip")
    jobs.claim(Pool, Generator.objects.get().pools.get().pk).fail("bad.png: is not a PNG image")
    assert "bad.png: is not a PNG image" in words(client.get(reverse("generators")))


def test_the_list_of_generators_renews_itself_while_something_is_at_work(client, upload):
    factories.pool()
    address = reverse("generators")
    assert "every 3s" not in words(client.get(address))
    upload(factories.image_zip(), "images.zip")
    page = words(client.get(address))
    (asked,) = re.findall(rf'id="live" hx-get="({address}[^"]+)" hx-trigger="every 3s"', page)
    assert client.get(asked).status_code == 204
    lease = jobs.claim(Pool, Generator.objects.get(name="Mine").pools.get().pk)
    lease.report(0.5, "reading 6 of 12 images")
    assert "reading 6 of 12 images" in words(client.get(asked))
    lease.fail("bad.png: is not a PNG image")
    assert "every 3s" not in words(client.get(asked))


def test_a_compressed_tar_is_taken(upload):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("1.png"))
    upload(out.getvalue(), "images.tar.gz")
    assert Generator.objects.get().kind == Generator.Kind.ARCHIVE


def test_a_zip_with_one_bad_image_is_taken_for_its_pool_to_name_it(upload):
    out = factories.image_zip(2, extra=[("000-first.png", b"no image")])
    upload(out, "images.zip")
    assert Generator.objects.get().kind == Generator.Kind.ARCHIVE


def test_an_onnx_network_is_taken_with_the_pool_asked_for(upload):
    upload(factories.onnx_generator(), "Forger.ONNX")
    made = Generator.objects.get()
    assert made.kind == Generator.Kind.ONNX
    assert (made.pools.get().count, made.pools.get().seed) == (12, 1)
    assert made.can_sample


def zipped(*names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return out.getvalue()


SAFETENSORS = struct.pack("<Q", 2) + b"{}"
REFUSED = {
    "pickle": (pickle.dumps({"a": 1}), "G.pkl", "a Python pickle, which can run any code"),
    "torchscript": (zipped("G/data.pkl", "G/constants.pkl"), "G.pt", "a PyTorch archive"),
    "safetensors": (
        SAFETENSORS,
        "G.safetensors",
        "safetensors, which holds weights but no network",
    ),
    "keras": (b"\x89HDF\r\n\x1a\n" + bytes(9), "G.h5", "an HDF5 file, as Keras saves weights"),
    "text": (b"hello there", "notes.txt", "notes.txt is neither an archive of images"),
    "empty": (b"", "G.onnx", "The submitted file is empty."),
    "documents": (
        zipped("letter.docx"),
        "letters.zip",
        "letters.zip is a zip archive without images",
    ),
    "no files": (zipped(), "none.zip", "none.zip is a zip archive without images"),
    "images beside a folder": (
        factories.image_zip(2, extra=[("more/002.png", b"no image")]),
        "both.zip",
        "no image can be taken: 000.png lies beside the class folders, so it has no class",
    ),
    "a single image": (
        factories.image_zip(1),
        "one.zip",
        "one.zip is a zip archive of a single image: upload one of at least 2",
    ),
    "cut short": (
        factories.image_zip()[:200],
        "cut.zip",
        "cut.zip is a zip archive that is cut short",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_any_other_file_is_refused_with_its_reason_on_the_page(upload, enqueued, kind):
    content, name, reason = REFUSED[kind]
    response = upload(content, name)
    assert response.status_code == 200
    assert reason in words(response)
    assert not Generator.objects.exists()
    assert enqueued == []


def test_a_file_too_large_is_refused_with_what_would_be_taken(upload, settings):
    settings.UPLOAD_MAX_MB = 0
    page = words(upload(factories.image_zip(), "images.zip"))
    assert "this site takes up to 0 MB" in page
    settings.UPLOAD_MAX_MB, settings.ONNX_MAX_MB = 1, 0
    assert "wanted at most 0: upload an archive" in words(
        upload(factories.onnx_generator(), "G.onnx")
    )
    assert not Generator.objects.exists()


def test_a_name_that_looks_like_markup_stays_text(client, data):
    factories.pool(factories.generator("<script>alert(1)</script>", of=data), is_ready=False)
    for page in ("generators", "home"):
        assert "<script>alert" not in words(client.get(reverse(page)))


def test_a_pools_first_images_are_one_picture(client):
    ready, unready = factories.pool(), factories.pool(is_ready=False)
    response = client.get(reverse("pool_sheet", args=[ready.pk]))
    assert response["Content-Type"] == "image/png"
    assert client.get(reverse("pool_sheet", args=[unready.pk])).status_code == 404


def test_a_queued_job_says_how_many_are_ahead(client, data):
    first, second = (
        services.start_training(owner=None, name=n, dataset=data, config={}, images_total=1)
        for n in "ab"
    )
    assert "next in line" in words(client.get(first.get_absolute_url()))
    assert "1 job ahead" in words(client.get(second.get_absolute_url()))
    jobs.claim(TrainingRun, first.run.pk).ready()
    assert "next in line" in words(client.get(second.get_absolute_url()))


def test_a_data_set_shows_its_facts_and_who_imitates_it(client, data):
    forger = factories.generator("Imitator", of=data)
    page = words(client.get(data.get_absolute_url()))
    assert forger.get_absolute_url() in page
    assert data.train_pool.content_hash[:16] in page
    assert "20 images" in page
