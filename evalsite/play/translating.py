"""What translations make of images: drawings, cycles and enlargements, each with the pictures beside it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from django.core.files.uploadedfile import UploadedFile

from evalsite.catalog.models import ON_SHOW, Dataset, Generator
from evalsite.catalog.services import Refused
from evalsite.play.asked import Given, read_image, read_upload
from evalsite.play.models import Export
from evalsite.play.networks import network_of
from evalsite.play.services import CYCLE, translation_of
from generators.playing import Floats, edges, levels, shrink, signed
from pools.resize import resized, with_channels
from pools.store import UNLABELLED, Images

MOST_EXAMPLES = 24


@dataclass(frozen=True)
class Turned:
    """Pictures by name, uint8 (H, W, C), and what there is to say of them."""

    pictures: dict[str, Images]
    words: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Example:
    """A held-out image that anyone may look at: no trial shows it where there are others.

    `back` says that a cycle begins with it at its other end.
    """

    index: int
    image: Images
    name: str
    back: bool


def examples(generator: Generator) -> list[Example]:
    """Images to begin with; of a cycle's two classes only, named after them."""
    dataset, translation = generator.dataset, translation_of(generator)
    pool = dataset.held_out_pool.open()
    images = pool.read(0, min(ON_SHOW, len(pool)))
    labels = np.full(len(images), UNLABELLED) if pool.labels is None else pool.labels
    ends = (translation.from_class, translation.to_class)
    found = [
        Example(index, image, _class_name(dataset, label), back=label == translation.to_class)
        for index, (image, label) in enumerate(zip(images, map(int, labels), strict=False))
        if translation.task != CYCLE or label in ends
    ]
    return found[:MOST_EXAMPLES]


def _class_name(dataset: Dataset, label: int) -> str:
    return str(dataset.class_names[label]) if 0 <= label < len(dataset.class_names) else ""


def class_names(generator: Generator) -> tuple[str, str]:
    """What a cycle's two classes are called."""
    translation = translation_of(generator)
    ends = (translation.from_class, translation.to_class)
    one, other = (_class_name(generator.dataset, label) or f"class {label}" for label in ends)
    return one, other


def turn_example(generator: Generator, index: int, *, back: bool = False) -> Turned:
    """What the network makes of a held-out image."""
    found = next((each for each in examples(generator) if each.index == index), None)
    if found is None:
        raise Refused(f"there is no example {index}: choose one of those on the page")
    return _turn_image(generator, Given(found.image, ()), back=back)


def turn_upload(
    generator: Generator, upload: "UploadedFile[bytes]", *, back: bool = False
) -> Turned:
    """What the network makes of an uploaded image, or of a drawing if it takes drawings."""
    if translation_of(generator).task == "edges":
        return _turn_drawing(generator, read_upload(upload))
    return _turn_image(generator, read_image(upload, generator.dataset), back=back)


def _turn_drawing(generator: Generator, drawing: Images) -> Turned:
    height, width, _ = drawing.shape
    resolution_px = generator.dataset.resolution_px
    if height != width or height % resolution_px:
        raise Refused(
            f"a drawing's sides are equal and a multiple of {resolution_px} px, "
            f"got {width} × {height}"
        )
    strokes = shrink(_batch(with_channels(drawing, 1)), height // resolution_px)
    return Turned({"output": _run(generator, strokes)})


def _turn_image(generator: Generator, given: Given, *, back: bool) -> Turned:
    return TURNS[translation_of(generator).task](generator, given, back)


def _edges(generator: Generator, given: Given, back: bool) -> Turned:
    strokes = edges(_batch(given.image))
    pictures = {"input": levels(strokes)[0], "output": _run(generator, strokes)}
    return Turned({**pictures, "original": given.image}, notes=given.notes)


def _cycle(generator: Generator, given: Given, back: bool) -> Turned:
    ways = (Export.Network.BACK, Export.Network.GENERATOR)
    there, home = ways if back else reversed(ways)
    other = _run(generator, _batch(given.image), there)
    closed = _run(generator, _batch(other), home)
    words = f"The cycle closes within {_apart(given.image, closed):.1f} of 255 grey levels a pixel."
    pictures = {"input": given.image, "output": other, "closed": closed}
    return Turned(pictures, words, given.notes)


def _enlarge(generator: Generator, given: Given, back: bool) -> Turned:
    factor = translation_of(generator).factor
    small = shrink(_batch(given.image), factor)
    pixels = levels(small)[0]
    pictures = {
        "nearest": pixels.repeat(factor, 0).repeat(factor, 1),
        "bicubic": resized(pixels, factor * len(pixels)),
        "output": _run(generator, small),
    }
    words = f"Grey levels of 255 a pixel off the true image: {_errors(pictures, given.image)}."
    notes = (f"what it was given is {len(pixels)} × {len(pixels)} px", *given.notes)
    return Turned({**pictures, "original": given.image}, words, notes)


def _errors(pictures: dict[str, Images], original: Images) -> str:
    named = {"the network": "output", "bicubic": "bicubic", "nearest neighbour": "nearest"}
    return ", ".join(f"{name} {_apart(pictures[key], original):.1f}" for name, key in named.items())


TURNS: dict[str, Callable[[Generator, Given, bool], Turned]] = {
    "edges": _edges,
    "classes": _cycle,
    "enlarge": _enlarge,
}


def _run(generator: Generator, inputs: Floats, name: str = Export.Network.GENERATOR) -> Images:
    image: Images = network_of(generator, name)(image=inputs)[0]
    return image


def _batch(image: Images) -> Floats:
    return signed(image[np.newaxis])


def _apart(one: Images, other: Images) -> float:
    """The mean absolute difference of images (H, W, C), in grey levels."""
    return float(np.abs(one.astype(float) - other).mean())
