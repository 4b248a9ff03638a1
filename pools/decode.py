"""The bytes of one image file to pixels: PNG, JPEG, WebP, BMP and GIF, or a reason why not."""

from __future__ import annotations

import re
from io import BytesIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from pools.errors import Rejection, told_as
from pools.store import Images

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_PIXELS = 50_000_000
EXIF_ORIENTATION = 0x0112
SHALLOW = {"L;2": 85, "L;4": 17}
"""What a PNG's grey of 2 or 4 bits is multiplied by to have 8, by Pillow's name for it."""

FOREIGN_PICTURES = {
    re.compile(rb"II[*+]\0|MM\0[*+]"): "a TIFF image",
    re.compile(rb"....ftyp(avif|avis)", re.DOTALL): "an AVIF image",
    re.compile(rb"....ftyp(heic|heix|mif1)", re.DOTALL): "a HEIC image",
    re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"): "a JPEG 2000 image",
    re.compile(rb"P[1-7]\s"): "a Netpbm image",
}
"""Pictures that are not decoded, by how their bytes begin."""

WHITE = (255, 255, 255, 255)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(data: bytes) -> Images:
    """Pixels of one image file, uint8, shape (H, W, 1) if it is grey and (H, W, 3) if not.

    The photograph's EXIF orientation is applied; palettes and CMYK become RGB; transparency is
    laid on white; of 16 bits the upper 8 are kept; colour profiles are ignored. Raises Rejection
    for what is no image, animated, truncated, corrupt, or larger than `MAX_FILE_BYTES` or
    `MAX_PIXELS`; sizes are read from the header, before anything is decoded.
    """
    if not data:
        raise Rejection("is empty")
    if len(data) > MAX_FILE_BYTES:
        raise Rejection(f"is larger than {MAX_FILE_BYTES >> 20} MiB")
    with told_as(Rejection, "is corrupt or truncated"), _open(data) as image:
        _require_one_small_picture(image)
        _require_checksums(data, image)
        return _pixels(image)


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise Rejection(_other_kind(data)) from None
    except Image.DecompressionBombError:
        raise Rejection(f"has more than {MAX_PIXELS:,} pixels") from None


def _other_kind(data: bytes) -> str:
    known = next((kind for magic, kind in FOREIGN_PICTURES.items() if magic.match(data)), "")
    wanted = "is not a PNG, JPEG, WebP, BMP or GIF image"
    return f"{wanted} but {known}: save it as PNG" if known else wanted


def _require_one_small_picture(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise Rejection(f"has more than {MAX_PIXELS:,} pixels")
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise Rejection("is animated")


def _require_checksums(data: bytes, image: Image.Image) -> None:
    """Pillow decodes a PNG without looking at the checksums of its pixels."""
    if image.format == "PNG":
        with Image.open(BytesIO(data), formats=["PNG"]) as unread:
            unread.verify()


def _pixels(image: Image.Image) -> Images:
    samples = _samples(image)
    turn = TURNS.get(image.getexif().get(EXIF_ORIENTATION, 1))
    image.load()
    flat = _grey_or_rgb(image, samples)
    pixels = np.array(flat.transpose(turn) if turn is not None else flat)
    return pixels.reshape(*pixels.shape[:2], -1)


def _samples(image: Image.Image) -> str:
    """How a PNG that is not decoded yet holds them, as Pillow names it: "L;4", "LA;16B", …"""
    tiles = getattr(image, "tile", [])
    return str(tiles[0].args) if image.format == "PNG" and tiles else ""


def _grey_or_rgb(image: Image.Image, samples: str) -> Image.Image:
    key = image.info.get("transparency")
    if image.mode.startswith("I"):
        return _upper_bits(image, key)
    if key is not None and samples == "RGB;16B":
        raise Rejection("has a transparent colour of 16 bits, which cannot be read: save it as 8")
    if key is not None and samples in SHALLOW:
        image.info["transparency"] = key * SHALLOW[samples]
    grey = image.mode in ("1", "L", "LA", "La") or samples == "LA;16B"
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        white = Image.new("RGBA", image.size, WHITE)
        image = Image.alpha_composite(white, colours)
    return image.convert("L" if grey else "RGB")


def _upper_bits(image: Image.Image, transparent: int | None) -> Image.Image:
    values = np.asarray(image).astype(np.uint32)
    upper = (values >> 8).astype(np.uint8)
    if transparent is not None:
        upper[values == transparent] = WHITE[0]
    return Image.fromarray(upper)
