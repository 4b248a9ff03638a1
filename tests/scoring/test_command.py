"""`python -m scoring` prints a table for people, JSON for programs, and one line for a mistake."""

import json
import subprocess
import sys

import pytest

from scoring.__main__ import main
from scoring.score import score
from scoring.table import read_csv

ROWS = [
    f"o{n % 6},s{n},{'gan' if n % 2 else ''},{'fake' if n % 2 else 'real'},"
    f"{('real', 'fake', 'fake', '')[n % 4] if n < 50 else 'real'},{'late' if n > 70 else ''}"
    for n in range(80)
]
TEXT = "observer,stimulus,generator,truth,response,flags\n" + "\n".join(ROWS) + "\n"


@pytest.fixture(name="trials")
def trials_fixture(tmp_path):
    path = tmp_path / "trials.csv"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


def test_the_table_shows_rank_error_rate_and_what_was_resampled(trials, capsys):
    assert main([trials, "--draws", "200"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["rank", "generator"]
    row = score(read_csv(trials), draws=200).generators[0].error_rate
    assert lines[1].startswith("1     gan")
    assert f"{row.value * 100:.1f} [{row.low * 100:.1f}, {row.high * 100:.1f}]" in lines[1]
    assert "12 skipped, left out" in lines[3]
    assert "observers × images (200 draws, seed 0)" in lines[4]


def test_json_has_the_digits_of_score(trials, capsys):
    assert main([trials, "--json", "--draws", "200", "--seed", "3"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(json.dumps(score(read_csv(trials), draws=200, seed=3).as_dict()))


def test_skipped_trials_can_be_counted_as_wrong(trials, capsys):
    assert main([trials, "--json", "--draws", "100", "--skipped", "wrong"]) == 0
    assert json.loads(capsys.readouterr().out)["n_trials"] == 80


def test_flagged_trials_can_be_left_out(trials, capsys):
    assert main([trials, "--json", "--draws", "100", "--exclude-flagged"]) == 0
    assert json.loads(capsys.readouterr().out)["n_trials"] == 59


def test_a_generator_without_interval_is_explained_below_the_table(tmp_path, capsys):
    path = tmp_path / "one.csv"
    path.write_text("observer,stimulus,truth,response\nann,s1,fake,real\n", encoding="utf-8")
    assert main([str(path)]) == 0
    output = capsys.readouterr().out
    assert output.splitlines()[1].split()[:3] == ["–", "fake", "100.0"]
    assert "No interval for fake: an interval needs at least 2 observers, got 1." in output


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("observer;truth\n", [], "columns are separated by ';'; a comma is wanted"),
        (TEXT + "o1,x,gan,fake,dunno,\n", [], "line 82: response 'dunno' is neither"),
        (TEXT, ["--draws", "5"], "an interval needs at least 100 draws, got 5"),
        (TEXT, ["--seed", "-1"], "seed must not be negative, got -1"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path, capsys, text, options, reason):
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    assert main([str(path), *options]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    assert shown.err.startswith(f"scoring: {path}: {reason}")


def test_a_missing_file_is_named(capsys):
    assert main(["nowhere.csv"]) == 2
    assert capsys.readouterr().err == "scoring: nowhere.csv: No such file or directory\n"


def test_a_dash_reads_standard_input(trials):
    command = [sys.executable, "-m", "scoring", "-", "--json", "--draws", "100"]
    done = subprocess.run(command, input=TEXT.encode(), capture_output=True, check=True)
    assert json.loads(done.stdout) == json.loads(
        json.dumps(score(read_csv(trials), draws=100).as_dict())
    )
    assert done.stderr == b""
