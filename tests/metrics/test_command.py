import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from metrics.__main__ import main
from metrics.measure import measure


@pytest.fixture
def sets(tmp_path, images):
    real, fake = images(6, seed=1), images(5, seed=2)
    np.savez(tmp_path / "real.npz", images=real)
    np.savez(tmp_path / "fake.npz", images=fake)
    return real, fake


def figures(capsys, *arguments):
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_command_prints_the_digits_of_measure(sets, tmp_path, capsys):
    printed = figures(capsys, tmp_path / "real.npz", tmp_path / "fake.npz", "--seed", 3)
    assert printed == measure(*sets, seed=3).as_dict()


def test_a_folder_and_an_archive_in_any_order_measure_the_same(sets, tmp_path, capsys):
    folder = tmp_path / "fake"
    folder.mkdir()
    for index in (3, 0, 4, 1, 2):
        Image.fromarray(sets[1][index, :, :, 0]).save(folder / f"{index}.png")
    with zipfile.ZipFile(tmp_path / "fake.zip", "w") as archive:
        for index in (2, 4, 0, 3, 1):
            archive.write(folder / f"{index}.png", f"{index}.png")
    expected = figures(capsys, tmp_path / "real.npz", tmp_path / "fake.npz")
    assert figures(capsys, tmp_path / "real.npz", folder) == expected
    assert figures(capsys, tmp_path / "real.npz", tmp_path / "fake.zip") == expected


def test_the_table_names_figures_intervals_and_cautions(sets, tmp_path, capsys):
    assert (
        main([str(tmp_path / "real.npz"), str(tmp_path / "fake.npz"), "--metrics", "fid,kid"]) == 0
    )
    out = capsys.readouterr().out
    assert "FD-lite0" in out
    assert "IS-lite0" not in out
    assert "FD-lite0: n = 5 ≤ d = 1,280: biased upward; read KID beside it" in out
    assert "generated images; the real ones are held fixed" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent"], "absent"),
        (["fake.npz", "--metrics", "fid,nonsense"], "got 'nonsense'"),
        (["fake.npz", "--extractor", "vgg"], "one of lite0, got 'vgg'"),
        (["wide.npz"], "got 8 × 8 × 1 (real) and 9 × 9 × 1 (fake)"),
        (["one.npz"], "got 6 (real) and 1 (fake)"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(sets, tmp_path, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    np.savez("wide.npz", images=np.zeros((3, 9, 9, 1), np.uint8))
    np.savez("one.npz", images=sets[1][:1])
    assert main(["real.npz", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = [
        each for each in captured.err.splitlines() if "images/s" not in each and each.strip()
    ]
    assert line.strip().startswith("error: ")
    assert words in line


def test_python_dash_m_metrics_is_a_front_door(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "metrics", str(tmp_path / "absent"), "mnist"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
