import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from generators.animation import BAR_PX, LAST_FRAME_MS, animate, chosen, read_sheets, strip
from generators.commands import main
from pools.stimulus import encode_grid


def sheets(count, shape=(6, 9, 3)):
    random = np.random.default_rng(0)
    return [random.integers(256, size=shape, dtype=np.uint8) for _ in range(count)]


def frames(webp):
    with Image.open(BytesIO(webp)) as picture:
        for place in range(picture.n_frames):
            picture.seek(place)
            yield np.asarray(picture.convert("RGB")), picture.info["duration"]


def test_every_frame_is_a_sheet_pixel_for_pixel_and_the_last_is_held():
    given = sheets(5)
    found = list(frames(animate(given)))
    assert [pixels.tolist() for pixels, _ in found] == [sheet.tolist() for sheet in given]
    assert [ms for _, ms in found] == [150, 150, 150, 150, LAST_FRAME_MS]


def test_an_animation_has_no_end():
    with Image.open(BytesIO(animate(sheets(2)))) as picture:
        assert (picture.format, picture.info["loop"]) == ("WEBP", 0)


def test_grey_sheets_are_shown_too():
    (grey,) = sheets(1, (6, 9, 1))
    ((pixels, _),) = frames(animate([grey]))
    assert np.array_equal(pixels, np.repeat(grey, 3, axis=2))


def test_a_long_training_is_thinned_evenly_with_its_first_and_last():
    given = sheets(101)
    assert [pixels[0, 0].tolist() for pixels, _ in frames(animate(given, most_frames=3))] == [
        given[place][0, 0].tolist() for place in (0, 50, 100)
    ]
    assert len(chosen(given, 40)) == 40
    assert chosen(given, 1)[0] is given[100]


def test_a_strip_shows_moments_from_left_to_right():
    given = sheets(9)
    with Image.open(BytesIO(strip(given, moments=3))) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (6, 3 * 9 + 2 * BAR_PX, 3)
    for place, moment in enumerate((0, 4, 8)):
        start = (9 + BAR_PX) * place
        assert np.array_equal(pixels[:, start : start + 9], given[moment])
        assert (pixels[:, start + 9 : start + 9 + BAR_PX] == 255).all()


def test_no_sheets_or_unequal_ones_are_refused():
    with pytest.raises(ValueError, match=r"at least 1 moment .* got 40 of 0 sheets"):
        animate([])
    with pytest.raises(ValueError, match="sheets of one shape"):
        strip([*sheets(1), *sheets(1, (6, 6, 3))])
    with pytest.raises(ValueError, match=r"got 0 of 2 sheets"):
        strip(sheets(2), moments=0)


@pytest.fixture
def run_folder(tmp_path):
    given = sheets(4)
    (tmp_path / "samples").mkdir()
    for place, sheet in enumerate(given):
        (tmp_path / "samples" / f"{place:012}.png").write_bytes(encode_grid(sheet[None], 1))
    return tmp_path, given


def test_the_command_writes_an_animation_or_a_strip(run_folder, capsys):
    folder, given = run_folder
    assert main(["animate", str(folder), "--out", str(folder / "a.webp")]) == 0
    assert [p.tolist() for p, _ in frames((folder / "a.webp").read_bytes())] == [
        sheet.tolist() for sheet in given
    ]
    assert main(["animate", str(folder), "--out", str(folder / "a.png"), "--moments", "2"]) == 0
    assert (folder / "a.png").read_bytes() == strip(given, moments=2)
    assert capsys.readouterr().out.splitlines() == [str(folder / "a.webp"), str(folder / "a.png")]


def test_sheets_are_read_in_the_order_of_training(run_folder):
    folder, given = run_folder
    assert all(map(np.array_equal, read_sheets(folder / "samples"), given))


@pytest.mark.parametrize(
    ("out", "message"),
    [("a.gif", "--out must end in .webp or .png, got"), ("a.webp", "no sample sheets in")],
)
def test_what_cannot_be_shown_is_refused_in_a_line(tmp_path, capsys, out, message):
    assert main(["animate", str(tmp_path), "--out", str(tmp_path / out)]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", ["animation", "health"])
def test_the_web_process_may_import_it_without_torch(module):
    code = f"import generators.{module}, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_sheet_that_is_cut_short_is_named(run_folder, tmp_path, capsys):
    folder, _ = run_folder
    sheet = min((folder / "samples").glob("*.png"))
    sheet.write_bytes(sheet.read_bytes()[:60])
    assert main(["animate", str(folder), "--out", str(tmp_path / "run.webp")]) == 2
    assert f"{sheet} is damaged: " in capsys.readouterr().err
