"""`python -m scoring` prints a table for people, JSON for programs, and one line for a mistake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scoring.command import main
from scoring.dictionary import dictionary_csv, dictionary_markdown
from scoring.files import read_trials
from scoring.report import report
from scoring.score import score

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
    row = score(read_trials(trials), draws=200).generators[0].error_rate
    assert lines[1].startswith("1     gan")
    assert f"{row.value * 100:.1f} [{row.low * 100:.1f}, {row.high * 100:.1f}]" in lines[1]
    assert "12 skipped, left out" in lines[3]
    assert "observers × images (200 draws, seed 0)" in lines[4]


def as_json(table, **options):
    return json.loads(json.dumps(report(table, **options).as_dict()))


def test_the_command_names_the_columns_that_it_does_not_read(trials, tmp_path, capsys):
    assert main([trials, "--draws", "100"]) == 0
    assert capsys.readouterr().err == ""
    other = tmp_path / "other.csv"
    other.write_text(TEXT.replace("generator", "model", 1), encoding="utf-8")
    assert main([str(other), "--draws", "100"]) == 0
    assert capsys.readouterr().err == "scoring: columns not read: model\n"


def test_json_has_the_digits_of_score_and_of_everything_else(trials, capsys):
    assert main([trials, "--json", "--draws", "200", "--seed", "3"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == as_json(read_trials(trials), draws=200, seed=3)
    scores = json.loads(json.dumps(score(read_trials(trials), draws=200, seed=3).as_dict()))
    assert scores.items() <= printed.items()


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
        (TEXT, ["--catch-right", "80"], "catch_right must be from 0 to 1, got 80"),
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
    assert json.loads(done.stdout) == as_json(read_trials(trials), draws=100)
    assert done.stderr == b""


@pytest.mark.parametrize("name", ["left.csv", "left.parquet"])
def test_a_table_exported_with_its_exclusions_gives_the_same_digits(trials, tmp_path, capsys, name):
    path = str(tmp_path / name)
    options = [trials, "--json", "--draws", "100"]
    assert main([*options, "--one-answer", "0.6", "--export", path]) == 0
    excluding = json.loads(capsys.readouterr().out)
    assert [one["reason"] for one in excluding["exclusions"]] == ["excluded_one_answer"]
    assert read_trials(path).excluded.any()
    assert main([path, "--json", "--draws", "100"]) == 0
    assert json.loads(capsys.readouterr().out) == excluding


def test_criteria_are_told_in_the_text(trials, capsys):
    assert main([trials, "--draws", "100", "--fewest-trials", "10"]) == 0
    assert "Left out: 2 observers with 26 trials (excluded_few)." in capsys.readouterr().out


def test_metrics_are_compared_with_people(trials, tmp_path, capsys):
    metrics = tmp_path / "metrics.csv"
    metrics.write_text("generator,name,value\ngan,FID,7\n", encoding="utf-8")
    assert main([trials, "--draws", "100", "--metrics", str(metrics)]) == 0
    told = "FID: ρ – with error rate over 1 generators, less being better (not defined"
    assert told in capsys.readouterr().out
    metrics.write_text("generator,name\n", encoding="utf-8")
    assert main([trials, "--metrics", str(metrics)]) == 2
    assert capsys.readouterr().err.startswith(f"scoring: {metrics}: missing columns: value")


def test_the_trials_are_not_written_over(trials, capsys):
    before = Path(trials).read_bytes()
    assert main([str(trials), "--export", str(trials)]) == 2
    assert "was given to be read: name another file" in capsys.readouterr().err
    assert Path(trials).read_bytes() == before


def test_an_export_that_cannot_be_written_is_named(trials, tmp_path, capsys):
    path = str(tmp_path / "nowhere" / "left.csv")
    assert main([trials, "--export", path]) == 2
    assert capsys.readouterr().err == f"scoring: {path}: No such file or directory\n"


def test_pairs_exposures_and_images_are_shown_where_there_are_some(tmp_path, capsys):
    rows = [
        f"o{n % 3},{image},{generator},{truth},{said},{(1000, 5000)[n // 3 % 2]},{n}"
        for n in range(30)
        for image, generator, truth, said in (
            (f"r{n}", "", "real", ("real", "fake")[n % 4 == 0]),
            (f"f{n}", "gan", "fake", ("fake", "real")[n % 4 == 0]),
        )
    ]
    header = "observer,stimulus,generator,truth,response,exposure_ms,screen"
    path = tmp_path / "pairs.csv"
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    assert main([str(path), "--draws", "100"]) == 0
    output = capsys.readouterr().out
    assert "30 pairs by 3 observers, 0 of them ties; 0 more tell nothing." in output
    assert "Strengths are logits from the real images." in output
    assert "error % at" in output
    assert "5000 ms" in output
    assert "Most convincing of gan: f" in output


def test_the_plan_and_the_dictionary_are_commands_of_their_own(capsys):
    assert main(["plan", "--width", "10", "--trials", "50"]) == 0
    assert "observers" in capsys.readouterr().out
    assert main(["dictionary"]) == 0
    assert capsys.readouterr().out == dictionary_csv()
    assert main(["dictionary", "--markdown"]) == 0
    assert capsys.readouterr().out == dictionary_markdown()


@pytest.mark.parametrize("option", [[], ["--metrics"]])
def test_a_device_is_refused_which_may_have_no_end(trials, capsys, option):
    assert main([*([trials] if option else []), *option, "/dev/zero"]) == 2
    assert "/dev/zero: it is a device, not a file" in capsys.readouterr().err


def test_a_pipe_is_read_as_a_file_is(trials, capsys, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cp", trials, str(pipe)]):
        assert main([str(pipe), "--draws", "100"]) == 0


def test_draws_that_no_memory_holds_are_refused_in_one_line(trials, capsys):
    assert main([trials, "--draws", str(10**11)]) == 2
    said = capsys.readouterr().err
    assert "Unable to allocate" in said
    assert "Traceback" not in said


def test_a_place_without_a_name_is_refused_and_not_forgotten(trials, capsys):
    """As an unset variable of the shell gives it."""
    for option in ("--metrics", "--export"):
        assert main([trials, option, ""]) == 2
        assert capsys.readouterr().err.startswith("scoring: ")
