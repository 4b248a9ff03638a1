"""One image file to pixels, or the reason why not."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pools import decode as module
from pools.decode import MAX_PIXELS, decode
from pools.errors import Rejection


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width, height):
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")


def frames(kind, count=3, **options):
    out = io.BytesIO()
    pictures = [Image.new("RGB", (8, 8), (shade * 60, 0, 0)) for shade in range(count)]
    pictures[0].save(out, kind, save_all=True, append_images=pictures[1:], **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True})]
)
def test_lossless_files_give_the_very_pixels(kind, options, pixels, encoded):
    image = pixels(9, 7, 3)
    np.testing.assert_array_equal(decode(encoded(image, kind, **options)), image)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_grey_files_have_one_channel(kind, pixels, encoded):
    image = pixels(9, 7, 1)
    decoded = decode(encoded(image, kind))
    if kind != "GIF":
        assert decoded.shape == (9, 7, 1)
    np.testing.assert_array_equal(decoded[..., :1], image)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_is_close_to_its_original(mode, encoded):
    picture = Image.linear_gradient("L").resize((32, 32)).convert(mode)
    decoded = decode(encoded(picture, "JPEG", quality=95))
    assert decoded.shape == (32, 32, len(mode))
    assert np.abs(decoded.astype(int) - np.atleast_3d(np.asarray(picture))).max() < 8


def test_a_palette_becomes_its_colours(encoded):
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 0])
    picture.putpixel((1, 0), 1)
    assert decode(encoded(picture)).tolist() == [[[10, 20, 30], [200, 100, 0]]]


def test_cmyk_becomes_rgb(encoded):
    decoded = decode(encoded(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG", quality=95))
    assert decoded.shape == (8, 8, 3)
    red, green, blue = decoded[4, 4].tolist()
    assert red < 10
    assert min(green, blue) > 245


def test_of_sixteen_bits_the_upper_eight_are_kept(encoded):
    values = np.array([[0, 255, 256], [32_768, 65_279, 65_535]], np.uint16)
    assert decode(encoded(Image.fromarray(values))).squeeze().tolist() == [
        [0, 0, 1],
        [128, 254, 255],
    ]


def test_one_bit_is_black_and_white(encoded):
    picture = Image.new("1", (2, 1))
    picture.putpixel((1, 0), 1)
    assert decode(encoded(picture)).tolist() == [[[0], [255]]]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGBA", (0, 0, 0, 0), [255, 255, 255]),
        ("RGBA", (255, 0, 0, 255), [255, 0, 0]),
        ("RGBA", (0, 0, 0, 51), [204, 204, 204]),
        ("LA", (0, 0), [255]),
        ("LA", (100, 255), [100]),
    ],
)
def test_transparency_is_laid_on_white(mode, colour, expected, encoded):
    assert decode(encoded(Image.new(mode, (1, 1), colour)))[0, 0].tolist() == expected


def test_a_transparent_palette_entry_is_white(encoded):
    picture = Image.new("P", (1, 1))
    picture.putpalette([10, 20, 30])
    assert decode(encoded(picture, "PNG", transparency=0)).tolist() == [[[255, 255, 255]]]


def png_of_samples(width, depth, colour, row, transparent=()):
    """A PNG of one row, whose samples lie in it as they are given."""
    header = struct.pack(">IIBBBBB", width, 1, depth, colour, 0, 0, 0)
    key = struct.pack(f">{len(transparent)}H", *transparent)
    chunks = [(b"IHDR", header), *([(b"tRNS", key)] if key else [])]
    chunks += [(b"IDAT", zlib.compress(b"\0" + bytes(row))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*each) for each in chunks)


@pytest.mark.parametrize(
    ("depth", "row", "key", "expected"),
    [
        (1, [0b01000000], 0, [255, 255]),
        (2, [0b01100000], 1, [255, 170]),
        (4, [0x1F], 1, [255, 255]),
        (4, [0xF1], 1, [255, 255]),
        (4, [0x12], 15, [17, 34]),
        (8, [5, 6], 5, [255, 6]),
        (16, [0x12, 0x34, 0x12, 0x35], 0x1234, [255, 0x12]),
    ],
)
def test_the_transparent_grey_of_a_png_is_white_at_any_depth(depth, row, key, expected):
    decoded = decode(png_of_samples(2, depth, 0, row, [key]))
    assert decoded[0, :, 0].tolist() == expected


def test_grey_of_sixteen_bits_with_transparency_stays_grey():
    grey = [0x64, 0, 0xFF, 0xFF, 0x64, 0, 0, 0]
    assert decode(png_of_samples(2, 16, 4, grey)).tolist() == [[[100], [255]]]


def test_a_transparent_colour_of_sixteen_bits_is_refused():
    row = [0x12, 0x34] * 3
    assert decode(png_of_samples(1, 16, 2, row)).tolist() == [[[0x12] * 3]]
    with pytest.raises(Rejection, match="transparent colour of 16 bits"):
        decode(png_of_samples(1, 16, 2, row, [0x1234] * 3))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_as_its_camera_says(orientation, encoded):
    upright = np.zeros((16, 24, 1), np.uint8)
    upright[:8, :8] = 255
    stored_as = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(encoded(np.ascontiguousarray(stored_as[orientation]), "JPEG", exif=exif))
    assert decoded.shape == (16, 24, 1)
    np.testing.assert_allclose(decoded, upright, atol=6)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_moving_pictures_are_refused(kind):
    with pytest.raises(Rejection, match="is animated"):
        decode(frames(kind))


def test_a_camera_file_of_several_pictures_gives_the_first():
    assert decode(frames("MPO"))[0, 0, 0] < 10


@pytest.mark.parametrize("data", [b"hello", b"\x00" * 100, b"%PDF-1.7", b"II*\x00" + bytes(20)])
def test_what_is_no_image_is_refused(data):
    with pytest.raises(Rejection, match="is not a PNG, JPEG, WebP, BMP or GIF image"):
        decode(data)


def test_a_format_that_is_not_listed_is_refused(pixels, encoded):
    with pytest.raises(Rejection, match="is not a PNG"):
        decode(encoded(pixels(8, 8, 3), "TIFF"))


def test_nothing_at_all_is_refused():
    with pytest.raises(Rejection, match="is empty"):
        decode(b"")


def test_too_many_bytes_are_refused(monkeypatch, pixels, encoded):
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 100)
    with pytest.raises(Rejection, match="is larger than"):
        decode(encoded(pixels(16, 16, 3)))


@pytest.mark.parametrize("side_px", [8_000, 50_000, 2**31 - 1])
def test_too_many_pixels_are_refused_before_they_are_decoded(side_px):
    with pytest.raises(Rejection, match=f"has more than {MAX_PIXELS:,} pixels"):
        decode(png_header(side_px, side_px))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_truncated_files_are_refused(kind, part, pixels, encoded):
    data = encoded(pixels(40, 40, 3), kind)
    with pytest.raises(Rejection, match=r"is corrupt or truncated|is not a PNG"):
        decode(data[: int(len(data) * part)])


def test_a_png_with_one_flipped_bit_is_refused(pixels, encoded):
    whole = encoded(pixels(16, 16, 3), "PNG", compress_level=0)
    for at in range(8, len(whole) - len(png_chunk(b"IEND", b""))):
        data = bytearray(whole)
        data[at] ^= 4
        with pytest.raises(Rejection):
            decode(bytes(data))


def test_a_tiff_is_called_so_with_what_to_do(encoded, pixels):
    with pytest.raises(Rejection, match="but a TIFF image: save it as PNG"):
        decode(encoded(pixels(4, 4, 3), "TIFF"))
