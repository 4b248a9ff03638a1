"""Translations in the browser: drawings, cycles, enlargements, and what may be uploaded."""

import io

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from evalsite.catalog.models import ON_SHOW
from evalsite.play import translating
from evalsite.play.asked import LARGEST_MB, read_image
from generators import playing
from generators.playing import shrink, signed
from tests import factories
from tests.evalsite.playing import exported, seen, trained
from tests.generators.known import CLASSES, PX, grey

pytestmark = pytest.mark.django_db


@pytest.fixture
def cycle():
    return exported(exported(trained("classes")), network="back")


def turn(client, generator, **fields):
    return client.post(reverse("translate_turn", args=[generator.slug]), fields)


def picture(image, name="mine.png", **options):
    """An uploaded file of these pixels."""
    out = io.BytesIO()
    image.save(out, options.pop("format", "PNG"), **options)
    return SimpleUploadedFile(name, out.getvalue())


def test_an_examples_edges_become_a_picture(client):
    made = exported(trained("edges"))
    said = turn(client, made, example=3).json()["pictures"]
    real = made.dataset.held_out_pool.open().image(3)
    strokes = playing.levels(playing.edges(signed(real[np.newaxis])))[0, ..., 0]
    assert (seen(said["original"]) == real[..., 0]).all()
    assert (seen(said["input"]) == strokes).all()
    assert np.abs(255 - seen(said["output"]).astype(int) - strokes).max() <= 1


def test_a_drawing_is_averaged_to_the_networks_size(client):
    made = exported(trained("edges"))
    large = np.zeros((PX * 3, PX * 3), np.uint8)
    large[:3, :3] = 255
    large[3, 3] = 90
    said = turn(client, made, image=picture(Image.fromarray(large))).json()["pictures"]
    (output,) = map(seen, said.values())
    assert (output[0, 0], output[1, 1], output[5, 5]) == (0, 245, 255)


@pytest.mark.parametrize("size", [(PX, 2 * PX), (PX + 1, PX + 1)])
def test_a_drawing_of_another_size_is_refused(client, size):
    response = turn(client, exported(trained("edges")), image=picture(Image.new("L", size)))
    assert response.status_code == 400
    assert f"a multiple of {PX} px, got {size[0]} × {size[1]}" in response.json()["error"]


@pytest.mark.parametrize("back", ["", "on"])
def test_a_cycle_shows_there_and_back_and_how_well_it_closes(client, cycle, back):
    said = turn(client, cycle, example=1, back=back).json()
    there, other, closed = (seen(said["pictures"][key]) for key in ("input", "output", "closed"))
    assert (other == 255 - there).all()
    assert (closed == there).all()
    assert said["words"] == "The cycle closes within 0.0 of 255 grey levels a pixel."


def test_the_way_back_is_the_other_network(client):
    made = exported(trained("classes"))
    exported(made, network="back", onnx=grey(PX))
    forth = turn(client, made, example=0).json()
    back = turn(client, made, example=0, back="on").json()
    assert (seen(forth["pictures"]["closed"]) == 128).all()
    assert (seen(back["pictures"]["output"]) == 128).all()
    assert (seen(back["pictures"]["closed"]) == 127).all()
    assert float(forth["words"].split()[4]) > 10


def test_examples_of_a_cycle_are_of_its_classes_and_named(cycle):
    data = factories.dataset(classes=("hat", *CLASSES), test=30)
    cycle.dataset = data
    cycle.run.config["translation"].update(from_class=1, to_class=2)
    found = translating.examples(cycle)
    assert {each.name for each in found} == set(CLASSES)
    assert all(each.index % 3 for each in found)
    assert translating.class_names(cycle) == CLASSES


def test_an_enlargement_is_shown_beside_the_plain_ones_and_the_truth(client):
    made = exported(trained("enlarge"))
    said = turn(client, made, example=2).json()
    real = made.dataset.held_out_pool.open().image(2)
    pictures = {name: seen(address) for name, address in said["pictures"].items()}
    small = playing.levels(shrink(signed(real[np.newaxis]), 2))[0, ..., 0]
    doubled = small.repeat(2, 0).repeat(2, 1)
    assert (pictures["original"] == real[..., 0]).all()
    assert (pictures["nearest"] == doubled).all()
    assert np.abs(pictures["output"].astype(int) - doubled).max() <= 1
    assert pictures["bicubic"].shape == real.shape[:2]
    off = np.abs(real[..., 0].astype(float) - doubled).mean()
    assert f"nearest neighbour {off:.1f}." in said["words"]
    assert said["notes"] == [f"what it was given is {PX // 2} × {PX // 2} px"]


@pytest.mark.parametrize("task", ["edges", "classes", "enlarge"])
def test_a_page_of_translations_shows_what_can_be_looked_at_and_no_more(client, task):
    made = trained(task, of=factories.dataset(classes=CLASSES, test=ON_SHOW + 20))
    exported(exported(made), network="back")
    page = client.get(reverse("translate", args=[made.slug])).content.decode()
    assert page.count("data-example=") == translating.MOST_EXAMPLES
    assert f"play/{task}.js" in page
    response = turn(client, made, example=ON_SHOW)
    assert response.status_code == 400
    assert f"no example {ON_SHOW}" in response.json()["error"]


def colours(mode, size=(12, 9)):
    image = Image.new("RGBA", size, (200, 40, 40, 128))
    return image if mode == "RGBA" else image.convert(mode)


@pytest.mark.parametrize(
    ("file", "notes"),
    [
        (picture(Image.new("L", (PX, PX), 70)), []),
        (picture(colours("RGBA")), ["transparency", "middle square", "8 × 8 px", "became grey"]),
        (picture(colours("CMYK"), format="JPEG"), ["CMYK", "middle square", "8 × 8", "grey"]),
        (
            picture(Image.fromarray(np.full((PX, PX), 70 << 8, np.uint16))),
            ["of 16 bits the upper 8 were kept"],
        ),
    ],
    ids=["fitting", "alpha", "CMYK", "16 bits"],
)
def test_an_uploaded_image_is_made_to_fit_and_that_is_said(client, cycle, file, notes):
    said = turn(client, cycle, image=file).json()
    assert seen(said["pictures"]["input"]).shape == (PX, PX)
    assert len(said["notes"]) == len(notes)
    assert all(part in note for part, note in zip(notes, said["notes"], strict=True))
    if len(notes) < 2:
        assert (seen(said["pictures"]["input"]) == 70).all()


def test_grey_images_become_coloured_for_networks_in_colour():
    data = factories.dataset()
    data.channels = 3
    given = read_image(picture(Image.new("L", (PX, PX), 70)), data)
    assert given.image.shape == (PX, PX, 3)
    assert given.notes == ("grey became colour",)


def animated():
    frames = [Image.new("L", (9, 9), level) for level in (0, 200)]
    return picture(frames[0], "dance.gif", format="GIF", save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (SimpleUploadedFile("net.png", b"\x80\x04\x95pickle"), "net.png: is not a PNG"),
        (SimpleUploadedFile("none.png", b""), "none.png: is empty"),
        (animated(), "dance.gif: is animated"),
        (
            SimpleUploadedFile("half.png", picture(colours("RGB", (64, 64))).read()[:90]),
            "half.png: is corrupt or truncated",
        ),
        (SimpleUploadedFile("large.png", bytes((LARGEST_MB << 20) + 1)), "large.png: is larger"),
    ],
    ids=["no image", "empty", "animated", "truncated", "too large"],
)
def test_a_hostile_file_is_named_and_refused(client, cycle, file, words):
    response = turn(client, cycle, image=file)
    assert response.status_code == 400
    assert words in response.json()["error"]


def test_an_example_or_an_image_is_wanted_and_not_both(client, cycle):
    both = {"example": 0, "image": picture(Image.new("L", (PX, PX)))}
    for fields in ({}, both):
        response = turn(client, cycle, **fields)
        assert "either the number of an example or one image" in response.json()["error"]
    assert "example: " in turn(client, cycle, example="x").json()["error"]
