"""What a browser asks for, read and bounded: places among the codes, and images."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from PIL import Image

from evalsite.catalog.models import Dataset
from evalsite.catalog.services import Refused
from generators.playing import Address
from pools.decode import FORMATS, decode
from pools.errors import Rejected, Rejection
from pools.resize import fit
from pools.store import Images

LARGEST_SEED = 2**31 - 1
LARGEST_INDEX = 9_999
MOST_SAMPLES = 16
MOST_POINTS = 40
STRONGEST = 4.0
LARGEST_MB = 10


@dataclass(frozen=True)
class Point:
    """A place among the codes: the mean of samples, moved away from those of `minus` to `plus`."""

    start: tuple[Address, ...]
    minus: tuple[Address, ...]
    plus: tuple[Address, ...]
    strength: float


def read_json(body: bytes) -> Mapping[str, Any]:
    """The object that a request holds; Refused if it holds none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused("the request must be a JSON object")
    return found


def read_points(found: Any) -> list[Point]:
    """1 to MOST_POINTS places."""
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_POINTS:
        raise Refused(f"points must be a list of 1 to {MOST_POINTS}, got {_said(found)}")
    return [read_point(each) for each in found]


def read_point(found: Any) -> Point:
    """`{"start": [[seed, number], …], "minus": […], "plus": […], "strength": 1}`; all but start may be left out."""
    if not isinstance(found, dict):
        raise Refused(
            f'a point must be an object such as {{"start": [[0, 7]]}}, got {_said(found)}'
        )
    start = _samples("start", found.get("start"))
    if not start:
        raise Refused("a point must start from at least 1 sample, got none")
    strength = found.get("strength", 1.0)
    if type(strength) not in (int, float) or not abs(strength) <= STRONGEST:
        raise Refused(
            f"strength must be from {-STRONGEST:g} to {STRONGEST:g}, got {_said(strength)}"
        )
    minus, plus = (_samples(name, found.get(name, [])) for name in ("minus", "plus"))
    return Point(start, minus, plus, float(strength))


def _samples(name: str, found: Any) -> tuple[Address, ...]:
    if not isinstance(found, list) or len(found) > MOST_SAMPLES:
        raise Refused(
            f"{name} must be a list of at most {MOST_SAMPLES} samples, got {_said(found)}"
        )
    return tuple(_address(each) for each in found)


def _address(found: Any) -> Address:
    if not isinstance(found, list) or [type(part) for part in found] != [int, int]:
        raise Refused(f"a sample is [seed, number] in whole numbers, got {_said(found)}")
    seed, index = found
    if not (0 <= seed <= LARGEST_SEED and 0 <= index <= LARGEST_INDEX):
        raise Refused(
            f"a sample's seed is from 0 to {LARGEST_SEED} and its number from 0 to "
            f"{LARGEST_INDEX}, got {_said(found)}"
        )
    return seed, index


def _said(found: Any) -> str:
    """What was got, in few words."""
    if isinstance(found, list) and len(found) > 4:
        return f"{len(found)} of them"
    told = json.dumps(found)
    return told if len(told) <= 80 else f"{told[:80]}…"


@dataclass(frozen=True)
class Given:
    """An image that somebody gave, made to fit a data set, and what was done to it."""

    image: Images
    notes: tuple[str, ...]


def read_upload(upload: "UploadedFile[bytes]") -> Images:
    """The pixels of an uploaded image, uint8 (H, W, 1 or 3); Refused, naming it, if it is none."""
    try:
        if (upload.size or 0) > LARGEST_MB << 20:
            raise Rejection(f"is larger than {LARGEST_MB} MiB")
        return decode(upload.read())
    except Rejection as error:
        raise Refused(str(Rejected(upload.name or "the image", str(error)))) from error


def read_image(upload: "UploadedFile[bytes]", dataset: Dataset) -> Given:
    """An uploaded image of any size and kind in the data set's resolution and channels."""
    pixels = read_upload(upload)
    upload.seek(0)
    notes = (*_kind_notes(upload.read()), *_fit_notes(pixels, dataset))
    size = {"resolution_px": dataset.resolution_px, "channels": dataset.channels}
    return Given(fit(pixels, **size), notes)


def _kind_notes(data: bytes) -> list[str]:
    """What decoding has left out; only for data that was decoded, so this reads a header at most."""
    with Image.open(BytesIO(data), formats=FORMATS) as image:
        found = {
            "transparency was laid on white": image.has_transparency_data,
            "CMYK became RGB": image.mode == "CMYK",
            "of 16 bits the upper 8 were kept": image.mode.startswith("I"),
        }
    return [note for note, is_so in found.items() if is_so]


def _fit_notes(pixels: Images, dataset: Dataset) -> list[str]:
    """What fitting to the data set changes."""
    height, width, channels = pixels.shape
    side = dataset.resolution_px
    found = {
        "the middle square was taken": height != width,
        f"the size became {side} × {side} px": min(height, width) != side,
        "colours became grey": channels > dataset.channels,
        "grey became colour": channels < dataset.channels,
    }
    return [note for note, is_so in found.items() if is_so]
