"""The timing bench: what is asked for, how errors are summed up, and what a trace says."""

import json
import subprocess
import sys

import pytest

from bench import chromium, timing
from bench.chromium import find_chromium, running_chromium
from bench.compositor import Exposure, Frame, exposures, presented_frames
from bench.live import ROOT
from bench.timing import Shown, Trial, Unavailable, as_table, rows, summary, trials_of

FRAME_MS = 10


def mark(name, ts):
    return {"name": name, "ph": "I", "cat": "blink.user_timing", "ts": ts, "pid": 1}


def stage(name, phase, ts, number=1, pid=1):
    return {"name": name, "ph": phase, "ts": ts, "pid": pid, "id2": {"local": hex(number)}}


def frame(begin, commit, presented, number=1, pid=1):
    """The stages of one frame, in µs."""
    return [
        stage("PipelineReporter", "b", begin, number, pid),
        stage("Commit", "b", commit, number, pid),
        stage("SwapEndToPresentationCompositorFrame", "e", presented, number, pid),
    ]


def test_every_duration_is_shown_as_often_in_an_order_that_the_seed_decides():
    trials = trials_of((100, 250), 20, seed=3)
    assert sorted(trial.ms for trial in trials) == [100] * 20 + [250] * 20
    assert trials == trials_of((100, 250), 20, seed=3) != trials_of((100, 250), 20, seed=4)
    assert len({trial.name for trial in trials}) == 40
    assert len({trial.gap_ms for trial in trials}) > 10


def test_no_trials_are_refused():
    with pytest.raises(ValueError, match="at least 1 trial of each duration, got 0"):
        trials_of((100,), 0, seed=1)


def test_errors_are_summed_up_with_their_sign_and_the_farthest():
    found = summary([-3.0, 1.0, 2.0, 0.0], FRAME_MS)
    assert found == {"n": 4, "mean_ms": 0.0, "sd_ms": 1.871, "worst_ms": -3.0, "off": 0}


def test_an_exposure_is_off_beyond_half_a_frame_and_the_jitter_of_clocks():
    assert summary([-6.0, 6.0], FRAME_MS)["off"] == 0
    assert summary([-6.1, 6.1, 20.0, 0.0], FRAME_MS)["off"] == 3


def test_no_exposures_have_no_errors():
    assert summary([], FRAME_MS) == {
        "n": 0,
        "mean_ms": None,
        "sd_ms": None,
        "worst_ms": None,
        "off": None,
    }


@pytest.fixture
def found():
    trials = [Trial("a", 0, 100, 80), Trial("b", 1, 250, 80)]
    shown = Shown(FRAME_MS, 0.25, {"a": 101.0, "b": 250.0}, {"a": 120.0}, {"a": 120.0})
    return rows("ours", "idle", trials, shown)


def test_each_duration_has_its_row_and_so_have_all_together(found):
    assert [row["requested_ms"] for row in found] == [100, 250, None]
    assert [row["page"]["mean_ms"] for row in found] == [1.0, 0.0, 0.5]


def test_what_a_clock_did_not_see_is_not_counted(found):
    assert [row["compositor"]["n"] for row in found] == [1, 0, 1]
    assert [row["compositor"]["off"] for row in found] == [1, None, 1]


def test_the_table_has_a_line_for_each_row_and_says_why_jspsych_is_absent(found):
    result = {"trials": 1, "results": found, "machine": {"cores": 2}}
    lines = as_table({**result, "jspsych": {"absent": "there is no npm"}}).splitlines()
    assert "+1.00    0.00   +1.00    0.0%  +20.00" in lines[2]
    assert lines[2].endswith("25%")
    assert lines[3].count("–") == 8
    assert lines[-1] == "jsPsych was left out: there is no npm"
    assert "jsPsych" not in as_table({**result, "jspsych": {"versions": {}}})


def test_a_drawing_is_shown_by_the_first_frame_committed_after_it():
    events = [
        *frame(0, 500, 2_000),
        mark("on:7", 1_000),
        *frame(10_000, 11_000, 14_000),
        *frame(20_000, 21_000, 24_000, number=2),
        mark("off:7", 110_500),
        *frame(110_000, 111_000, 113_000),
    ]
    assert exposures(events, FRAME_MS) == {"7": Exposure(compositor_ms=99, screen_ms=100)}


def test_the_order_in_which_a_trace_is_written_does_not_matter():
    events = [mark("on:7", 0), *frame(0, 5, 9), mark("off:7", 9_000), *frame(9_000, 9_500, 9_900)]
    assert exposures(events[::-1], FRAME_MS) == exposures(events, FRAME_MS) != {}


def test_a_frame_that_was_dropped_shows_nothing():
    dropped = frame(10_000, 11_000, 0)[:2]
    events = [*dropped, *frame(20_000, 21_000, 24_000), *frame(30_000, 31_000, 33_000, number=2)]
    assert presented_frames(events) == [Frame(21_000, 24_000), Frame(31_000, 33_000)]


def test_a_frame_without_news_from_the_page_shows_no_drawing():
    begin, _, presented = frame(10_000, 11_000, 14_000)
    assert presented_frames([begin, presented]) == []


def test_frames_of_two_processes_are_told_apart():
    first, second = frame(0, 1_000, 4_000), frame(0, 2_000, 3_000, pid=2)
    events = sorted([*first, *second], key=lambda event: event["ts"])
    assert presented_frames(events) == [Frame(1_000, 4_000), Frame(2_000, 3_000)]


@pytest.mark.parametrize("missing", ["on:7", "off:7"])
def test_a_trial_whose_end_was_never_presented_is_left_out(missing):
    events = [mark("on:7", 0), *frame(0, 500, 2_000), mark("off:7", 9_000)]
    assert exposures(events, FRAME_MS) == {}
    complete = [*events, *frame(9_000, 9_500, 9_900)]
    assert list(exposures(complete, FRAME_MS)) == ["7"]
    assert exposures([event for event in complete if event["name"] != missing], FRAME_MS) == {}


@pytest.mark.parametrize(("onset_us", "screen_ms"), [(12_000, 20), (19_900, 20), (20_100, 10)])
def test_a_screen_shows_from_refresh_to_refresh_though_not_all_are_in_the_trace(
    onset_us, screen_ms
):
    events = [
        mark("on:7", 0),
        *frame(0, 500, onset_us),
        mark("off:7", 22_000),
        *frame(30_000, 30_500, 38_000),
    ]
    assert exposures(events, FRAME_MS)["7"].screen_ms == screen_ms


@pytest.mark.parametrize(
    ("shares", "taken"), [([0.2], 1), ([0.9, 0.7, 0.5, 0.1], 3), ([0.9] * 9, 5), ([None], 1)]
)
def test_an_idle_turn_that_was_disturbed_is_taken_again_and_not_for_ever(
    shares, taken, monkeypatch
):
    takes = []

    def show(*_, is_loaded):
        takes.append(Shown(FRAME_MS, shares[len(takes)], {}, {}, {}))
        assert not is_loaded
        return takes[-1]

    monkeypatch.setattr(timing, "_show", show)
    monkeypatch.setattr(timing, "await_quiet", lambda patience_s: None)
    monkeypatch.setattr(timing.time, "monotonic", lambda: 7 * len(takes))
    assert timing._show_idle(None, "page", [], patience_s=30) is takes[-1]
    assert len(takes) == taken


def test_without_npm_it_is_said_that_jspsych_is_absent(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Unavailable, match="there is no npm"):
        timing._jspsych()


def test_what_npm_says_when_it_fails_is_passed_on(monkeypatch, tmp_path):
    def fail(*_, **__):
        raise subprocess.CalledProcessError(1, "npm", stderr="no such version\n")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(Unavailable, match="npm failed: no such version"):
        timing._jspsych()


def test_an_installed_jspsych_is_not_installed_again(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    folder = tmp_path / "uncanny" / f"jspsych-{timing.JSPSYCH['jspsych']}" / "node_modules"
    for name in timing.JSPSYCH:
        (folder / name).mkdir(parents=True)
    assert timing._jspsych() == folder


def test_without_a_chromium_it_is_said_how_to_get_one(monkeypatch):
    monkeypatch.setattr(chromium, "find_chromium", lambda: None)
    with (
        pytest.raises(FileNotFoundError, match=r"no Chromium was found.*apt install chromium"),
        running_chromium(),
    ):
        pass


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="no Chromium was found")
def test_page_and_compositor_see_every_trial_in_a_real_browser():
    script = (  # in a process of its own: other tests may keep a browser open in this one
        "import json; from bench.timing import measure;"
        "print(json.dumps(measure(1, with_jspsych=False, conditions=('idle',), patience_s=0)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    result = json.loads(done.stdout.splitlines()[-1])
    *each, together = result["results"]
    assert 4 < result["frame_ms"] < 40
    for clock in timing.CLOCKS:
        assert together[clock]["n"] == len(timing.DURATIONS_MS)
        for row in each:  # every image was shown, however short a busy machine cut it
            assert row[clock]["worst_ms"] > -row["requested_ms"]
    assert result["jspsych"] == {"absent": "not asked for"}
