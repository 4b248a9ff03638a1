from collections import Counter

import numpy as np
import pytest
from PIL import features

from pools import emoji
from pools.emoji import (
    ADULT,
    FONT,
    KNOWN,
    MAN,
    SPECTACLES,
    WOMAN,
    drawings,
    source_of_emoji,
)
from pools.errors import SourceError
from pools.sources import load

MEDIUM, RED_HAIR, SCHOOL = "\U0001f3fd", "\U0001f9b0", "\U0001f3eb"
WANTED = {(drawing.text, drawing.glasses): drawing.class_name for drawing in drawings()}

with_font = pytest.mark.skipif(not FONT.is_file(), reason=f"{emoji.PACKAGE} is not installed")


class Font:
    """Stands for a font that has these texts, each a picture of one grey."""

    def __init__(self, **greys):
        self.greys = greys

    def has(self, text):
        return text in self.greys

    def draw(self, drawing):
        grey = self.greys[drawing.text] + bool(drawing.glasses)
        return np.full((128, 136, 3), grey, np.uint8)


@pytest.fixture
def use_font(monkeypatch):
    def use(**greys):
        monkeypatch.setattr(emoji, "_Font", lambda path: Font(**greys))

    return use


@pytest.mark.parametrize(
    ("text", "class_name"),
    [
        (MAN, "man"),
        (WOMAN + MEDIUM, "woman"),
        (f"{MAN}{MEDIUM}\u200d{RED_HAIR}", "man"),
        (f"{WOMAN}\u200d{SCHOOL}", "woman"),
        (f"{ADULT}{MEDIUM}\u200d{SCHOOL}", "person"),
        ("\U0001f46e", "person"),
        ("\U0001f46e\u200d\u2640", "woman"),
        ("\U0001f46e\U0001f3ff\u200d\u2642", "man"),
        ("\U0001f600", "smiley"),
        ("\U0001f44d\U0001f3fb", "hand"),
        ("\U0001f408", "animal"),
        ("\U0001f355", "food or plant"),
        ("\U0001f308", "sky"),
        ("\U0001f697", "place or vehicle"),
        ("\U0001f3b8", "object"),
    ],
)
def test_what_a_picture_shows_is_its_class(text, class_name):
    assert WANTED[text, ""] == class_name


def test_no_picture_is_asked_for_twice_and_every_class_has_many():
    listed = list(drawings())
    assert len(set(WANTED)) == len({drawing.name for drawing in listed}) == len(listed)
    counts = Counter(drawing.class_name for drawing in listed)
    assert set(counts) == set(KNOWN.class_names)
    assert min(counts.values()) >= 50
    heads = sum(counts[name] for name in ("man", "woman", "person", "smiley"))
    assert heads > len(listed) / 2


def test_men_and_women_wear_glasses_alike():
    wearing = Counter(name for (_, glasses), name in WANTED.items() if glasses)
    assert wearing["man"] == wearing["woman"] >= 100
    assert WANTED[WOMAN + MEDIUM, SPECTACLES] == "woman"
    assert (f"{WOMAN}\u200d{SCHOOL}", SPECTACLES) not in WANTED


def test_entries_are_what_the_font_has_in_a_fixed_order(use_font):
    use_font(**{WOMAN: 30, MAN: 10, f"{MAN}\u200d{RED_HAIR}": 20, "\U0001f600": 40, "A": 50})
    source = source_of_emoji("any")
    entries = list(source)
    assert len(source) == len(entries) == len(list(source))
    assert {(entry.name, source.class_names[entry.label]) for entry in entries} == {
        ("U+1F468", "man"),
        ("U+1F468 with U+1F453", "man"),
        ("U+1F468 U+200D U+1F9B0", "man"),
        ("U+1F468 U+200D U+1F9B0 with U+1F453", "man"),
        ("U+1F469", "woman"),
        ("U+1F469 with U+1F453", "woman"),
        ("U+1F600", "smiley"),
    }
    assert entries[0].name == "U+1F468"
    assert entries[0].decode().tolist() == np.full((128, 136, 3), 10).tolist()


def test_a_picture_that_is_there_twice_is_taken_once(use_font):
    use_font(**{"\U0001f600": 10, "\U0001f601": 10, "\U0001f602": 20})
    assert [entry.name for entry in source_of_emoji("any")] == ["U+1F600", "U+1F602"]


def test_an_absent_font_is_told_with_the_package_and_the_file(tmp_path):
    with pytest.raises(
        SourceError, match=r"no .*odd\.ttf: install Debian's package fonts-noto-color"
    ):
        source_of_emoji(tmp_path / "odd.ttf")


def test_the_font_is_a_source_for_every_command(use_font, tmp_path):
    use_font(**{WOMAN: 30, MAN: 10})
    (tmp_path / "NotoColorEmoji.ttf").write_bytes(b"\0\1\0\0" + bytes(508))
    loaded = load(tmp_path / "NotoColorEmoji.ttf", resolution_px=64)
    assert loaded.images.shape == (4, 64, 64, 3)
    assert [loaded.class_names[label] for label in loaded.labels] == [
        "man",
        "man",
        "woman",
        "woman",
    ]
    with pytest.raises(SourceError, match="no images for test"):
        load(tmp_path / "NotoColorEmoji.ttf", split="test")


def test_what_is_no_font_is_refused(tmp_path):
    (tmp_path / "odd.ttf").write_bytes(b"odd")
    with pytest.raises(SourceError, match=r"odd\.ttf has no emoji in it"):
        source_of_emoji(tmp_path / "odd.ttf")


def test_a_font_without_emoji_is_refused(use_font):
    use_font(A=1)
    with pytest.raises(
        SourceError, match=r"plain\.ttf has no emoji in it: take NotoColorEmoji\.ttf"
    ):
        source_of_emoji("plain.ttf")


@pytest.fixture(scope="module")
def real_font():
    return source_of_emoji()


@with_font
def test_the_font_has_at_least_a_thousand_heads_of_the_two_thousand_pictures(real_font):
    counts = Counter(real_font.class_names[entry.label] for entry in real_font)
    assert len(real_font) >= 2_000
    assert counts["man"] + counts["woman"] + counts["person"] >= 1_000


@with_font
def test_without_raqm_single_characters_are_still_drawn(monkeypatch):
    monkeypatch.setattr(features, "check", lambda name: False)
    names = {entry.name for entry in source_of_emoji()}
    assert "U+1F468" in names
    assert not any("U+200D" in name for name in names)


@with_font
def test_glasses_are_put_over_the_eyes_and_nowhere_else(real_font):
    entries = {entry.name: entry for entry in real_font}
    plain, worn = (entries[name].decode() for name in ("U+1F468", "U+1F468 with U+1F453"))
    rows, columns = np.nonzero((plain != worn).any(2))
    assert (rows.min(), rows.max()) > (50, 80)
    assert rows.max() < 95
    assert 20 < columns.min() < columns.max() < 116
