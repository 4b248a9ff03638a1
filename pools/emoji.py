"""Small colour pictures, many of them faces, from the bitmaps of the font Noto Color Emoji."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from pools.datasets import Known
from pools.entries import Entry, Source
from pools.errors import SourceError, told_as
from pools.store import Images

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
PACKAGE = "fonts-noto-color-emoji"
MAGIC = b"\0\1\0\0"
"""With which a TrueType font begins."""
RESOLUTION_PX = 64

BITMAP_PX = 109  # the one size that the font has
WIDTH_PX, HEIGHT_PX = 136, 128

MAN, WOMAN, ADULT = "\U0001f468", "\U0001f469", "\U0001f9d1"
GENDERS = {MAN: "man", WOMAN: "woman", ADULT: "person"}
SIGNS = {"": "person", "\u200d\u2642": "man", "\u200d\u2640": "woman"}
TONES = ("", *map(chr, range(0x1F3FB, 0x1F400)))
SPECTACLES, SUNGLASSES = "\U0001f453", "\U0001f576"
"""Drawn over heads; the font has few faces that wear any."""


def characters(ranges: str) -> tuple[str, ...]:
    """The characters of hexadecimal code points and ranges of them.

    >>> characters("41-43 61")
    ('A', 'B', 'C', 'a')
    """
    ends = (part.partition("-") for part in ranges.split())
    return tuple(
        chr(code) for low, _, high in ends for code in range(int(low, 16), int(high or low, 16) + 1)
    )


# Looking straight at us, alone or by hair, work or gesture.
HEADS = characters("1F468 1F469 1F9D1 1F466 1F467 1F9D2 1F474 1F475 1F9D3")
HAIR = characters("1F9B0-1F9B3")
BLOND, BEARDED = "\U0001f471", "\U0001f9d4"
WORK = characters(
    "2695 2696 2708 1F33E 1F373 1F393 1F3A4 1F3A8 1F3EB 1F3ED 1F4BB 1F4BC 1F527 1F52C 1F680 1F692"
)
BUSTS = characters(
    "1F46E 1F470 1F473 1F477 1F481 1F482 1F486 1F487 1F575 1F645-1F647 1F64B 1F64D 1F64E 1F926"
    " 1F935 1F937 1F9D6 1F9D9 1F9DB 1F9DD 1F9DF"
)
OF_GENDER = {
    "man": characters("1F466 1F468 1F474 1F472 1F385 1F934"),
    "woman": characters("1F467 1F469 1F475 1F478 1F936 1F930 1F931"),
    "person": characters("1F9D1-1F9D3 1F476 1F47C 1F977 1F9D5"),
}
THINGS = {
    "smiley": characters(
        "2639 263A 1F600-1F637 1F641-1F644 1F910-1F915 1F917 1F920-1F925 1F927-1F92F 1F970-1F976"
        " 1F978-1F97A 1F9D0 1FAE0-1FAE5 1FAE8"
    ),
    "hand": characters(
        "261D 270A-270D 1F446-1F450 1F485 1F4AA 1F590 1F596 1F64C 1F64F 1F90C 1F90F"
        " 1F918-1F91F 1F932 1FAF0-1FAF8"
    ),
    "animal": characters(
        "1F400-1F43D 1F43F 1F54A 1F577 1F638-1F640 1F648-1F64A 1F980-1F99F 1F9A1-1F9AE 1FAB0-1FAB3"
        " 1FABC 1FABF 1FACE 1FACF"
    ),
    "food or plant": characters(
        "2615 2618 1F32D-1F37F 1F382 1F490 1F940 1F942 1F943 1F950-1F96F 1F9C0-1F9CB 1FAB4 1FAB7"
        " 1FABB 1FAD0-1FADB"
    ),
    "sky": characters(
        "2600 2601 2603 2604 26A1 26C4 26C5 26C8 2744 2B50 1F300-1F320 1F324-1F32C 1F525 1F4A7"
    ),
    "place or vehicle": characters(
        "2693 2708 26E9 26EA 26F0-26F5 26FA 1F3A0-1F3A2 1F3AA 1F3CD 1F3CE 1F3D4-1F3F0 1F492"
        " 1F54B-1F54D 1F5FB-1F5FF 1F680-1F6A2 1F6A4 1F6B2 1F6D5 1F6D6 1F6E5 1F6E9 1F6EB 1F6EC 1F6F3-1F6FC"
    ),
    "object": characters(
        "231A 231B 23F0 260E 26BD 26BE 2702 1F380 1F381 1F383 1F384 1F386 1F388-1F393 1F396-1F39F"
        " 1F3A3-1F3A9 1F3AB-1F3BF 1F3C5 1F3C6 1F3C8 1F3C9 1F3CF-1F3D3 1F3F7-1F3FA 1F451-1F462"
        " 1F484 1F488-1F48A 1F48C-1F48E 1F493-1F49F 1F4A1 1F4A3 1F4B0-1F4DA 1F4DC-1F4F4 1F4F7-1F4FD 1F50A-1F516"
        " 1F526-1F52E 1F550-1F567 1F56F 1F570 1F576 1F579 1F58A-1F58D 1F5A5 1F5A8 1F5B1 1F5D1-1F5DE 1F5E1"
        " 1F6AA 1F6BD-1F6BF 1F6C1 1F6CB 1F6CD-1F6CF 1F6D2 1F6E0-1F6E2 1F941 1F944-1F94F 1F97B-1F97F 1F9BA"
        " 1F9E2-1F9FF 1FA70-1FA7C 1FA80-1FA88 1FA90-1FAAE"
    ),
}
KNOWN = Known(
    title="Noto Color Emoji",
    class_names=(*OF_GENDER, *THINGS),
    source="Google Inc. and contributors: Noto Color Emoji; glasses put on some heads",
    licence="SIL Open Font License 1.1",
)


@dataclass(frozen=True)
class Drawing:
    """A picture that the font may have: what is written, its class, and the glasses put on it."""

    text: str
    class_name: str
    glasses: str = ""

    @property
    def name(self) -> str:
        """Its code points.

        >>> Drawing(MAN, "man", SPECTACLES).name
        'U+1F468 with U+1F453'
        """
        name = " ".join(f"U+{ord(character):04X}" for character in self.text)
        return f"{name} with U+{ord(self.glasses):04X}" if self.glasses else name


def drawings() -> Iterator[Drawing]:
    """All that is asked of the font, by class."""
    for tone in TONES:
        yield from _people(tone)
    for class_name, texts in THINGS.items():
        for text, tone in product(texts, TONES if class_name == "hand" else ("",)):
            yield Drawing(text + tone, class_name)


def _people(tone: str) -> Iterator[Drawing]:
    for class_name, texts in OF_GENDER.items():
        for text in texts:
            yield from _head(text + tone, class_name, wears=text in HEADS)
    for adult, part in product(GENDERS, HAIR + WORK):
        yield from _head(f"{adult}{tone}\u200d{part}", GENDERS[adult], wears=part in HAIR)
    for bust, sign in product((BLOND, BEARDED, *BUSTS), SIGNS):
        yield from _head(bust + tone + sign, SIGNS[sign], wears=bust in (BLOND, BEARDED))


def _head(text: str, class_name: str, *, wears: bool) -> Iterator[Drawing]:
    for glasses in ("", SPECTACLES, SUNGLASSES) if wears else ("",):
        yield Drawing(text, class_name, glasses)


def source_of_emoji(path: str | Path = FONT) -> Source:
    """Every picture of `drawings` that the font has, once: RGB on white, 136 × 128 px.

    Sequences of code points (hair, work, most genders) need Pillow with Raqm; without it they are
    left out. Raises SourceError if there is no such font.
    """
    font = _Font(path)
    seen: set[bytes] = set()
    kept: list[Drawing] = []
    for drawing in drawings():
        if font.has(drawing.text):
            pixels = font.draw(drawing).tobytes()
            kept += [] if pixels in seen else [drawing]
            seen.add(pixels)
    if not kept:
        raise SourceError(f"{path} has no emoji in it: take {FONT.name} of the package {PACKAGE}")

    def entries() -> Iterator[Entry]:
        for drawing in kept:
            label = KNOWN.class_names.index(drawing.class_name)
            yield Entry(drawing.name, label, partial(font.draw, drawing))

    return Source(len(kept), True, entries, KNOWN.class_names)


class _Font:
    """The font, and what Pillow can shape of it."""

    def __init__(self, path: str | Path) -> None:
        if not Path(path).is_file():
            raise SourceError(
                f"there is no {path}: install Debian's package {PACKAGE}, or give the place of "
                f"{FONT.name}"
            )
        shapes = features.check("raqm")
        engine = ImageFont.Layout.RAQM if shapes else ImageFont.Layout.BASIC
        with told_as(SourceError, f"{path} has no emoji in it"):
            self._font = ImageFont.truetype(path, BITMAP_PX, layout_engine=engine)

    def has(self, text: str) -> bool:
        """Whether it is drawn as one picture: what is absent is empty or drawn part by part."""
        _, top, right, bottom = self._font.getbbox(text)
        return bottom > top and right <= WIDTH_PX

    def draw(self, drawing: Drawing) -> Images:
        """uint8 (128, 136, 3)."""
        picture = Image.new("RGBA", (WIDTH_PX, HEIGHT_PX), "white")
        picture.alpha_composite(self._glyph(drawing.text))
        if drawing.glasses:
            self._put_on(picture, drawing)
        return np.asarray(picture.convert("RGB"))

    def _glyph(self, text: str) -> Image.Image:
        glyph = Image.new("RGBA", (WIDTH_PX, HEIGHT_PX))
        ImageDraw.Draw(glyph).text((0, 0), text, font=self._font, embedded_color=True)
        return glyph

    def _put_on(self, picture: Image.Image, drawing: Drawing) -> None:
        """Glasses at the height of the eyes: a head fills the picture, a bust has a smaller one."""
        is_bust = drawing.text[0] == BLOND or any(hair in drawing.text for hair in HAIR)
        width, eyes = (64, 60) if is_bust else (92, 74)
        glyph = self._glyph(drawing.glasses)
        glyph = glyph.crop(glyph.getbbox())
        glyph = glyph.resize((width, width * glyph.height // glyph.width), Image.Resampling.LANCZOS)
        picture.alpha_composite(glyph, ((WIDTH_PX - width) // 2, eyes - glyph.height // 2))
