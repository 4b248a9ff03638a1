"""The bench of the metrics: its rows, its processes, absent peers and refusals; no time is asserted."""

import importlib.metadata
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import metrics, metrics_arithmetic, metrics_environment, metrics_network
from bench.metrics_environment import PEERS, PINS, Peers, find_peers, folder, pinned
from bench.metrics_process import (
    Done,
    Task,
    TaskFailed,
    alternate,
    attempt,
    side,
    together,
    warmed,
)
from bench.metrics_rows import Quantity, Row, as_lines, row_of
from bench.metrics_sides import Bench
from bench.metrics_stream import DIMENSIONS, CheapExtractor, StreamedPool
from bench.metrics_weights import seeded_state
from metrics.frechet import frechet_distance
from metrics.gaussian import Gaussian
from tests.data.metrics import seeded_state_dict as recorded

OURS = (Path(sys.executable), "bench.metrics_ours", [min(os.sched_getaffinity(0))])
NO_PEERS = Peers(None, absent=dict.fromkeys(PEERS, "no network"))
TOY = """
from bench.metrics_process import serve
def echo(word):
    print("noise on stdout")
    return lambda: word
def fail():
    return lambda: 1 / 0
def end():
    return lambda: __import__("os")._exit(3)
serve({"echo": echo, "fail": fail, "end": end})
"""


def done(seconds, value=None):
    return Done(seconds, seconds / 2, value, 100.0)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A process that knows three small tasks."""
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with side(OURS[0], "toy", OURS[2]) as process:
        yield process


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path, NO_PEERS, OURS[2], repeats=1, images=2, large=False)


def test_a_process_does_what_it_prepared_and_its_prints_do_no_harm(toy):
    words = [Task("echo", {"word": "one"}), Task("echo", {"word": "two"})]
    for task in words:
        toy.prepare(task)
    found = [toy.do(task) for task in reversed(words)]
    assert [each.value for each in found] == ["two", "one"]
    assert all(each.seconds >= 0 and each.cpu_s >= 0 and each.peak_mb > 1 for each in found)
    assert together([toy], words[0]).value == ["one"]


def test_a_task_that_fails_says_why_and_the_next_is_done(toy):
    word = Task("echo", {"word": "here"})
    for task in (Task("fail"), word):
        toy.prepare(task)
    assert attempt(toy, Task("fail")) == "ZeroDivisionError: division by zero"
    assert attempt(toy, word).value == "here"
    with pytest.raises(TaskFailed, match="KeyError: 'unknown'"):
        toy.prepare(Task("unknown"))


def test_a_process_that_ends_is_a_task_that_failed(toy):
    toy.prepare(Task("end"))
    assert attempt(toy, Task("end")) == "its process ended by itself, with status 3"


def test_turns_alternate_and_the_median_of_each_is_kept():
    order = []

    def turn(name, seconds):
        def take():
            order.append(name)
            return done(seconds.pop())

        return take

    outcomes = alternate([turn("a", [5, 1, 3]), turn("b", [2, 9, 8])], 3)
    assert [each.seconds for each in outcomes] == [3, 8]
    assert order == ["a", "b"] * 3


def test_of_a_warmed_turn_the_second_counts():
    taken = iter([done(9.0), done(2.0), done(8.0), done(3.0)])
    (outcome,) = alternate([warmed(lambda: next(taken))], 2)
    assert outcome.seconds == 2.0
    assert next(taken, None) is None


def test_of_two_the_faster_is_kept_and_of_a_failure_the_reason():
    taken = iter([done(4.0), done(1.0)])
    outcomes = alternate([lambda: next(taken), lambda: "absent"], 2)
    assert [outcomes[0].seconds, outcomes[1]] == [1.0, "absent"]


def test_a_row_has_the_peers_seconds_over_ours():
    row = row_of("x", done(2.0), "prdc", done(7.0), target=3.0, error=0.0)
    assert row.as_dict() == {
        "what": "x",
        "ours_s": 2.0,
        "peer": "prdc",
        "peer_s": 7.0,
        "cpu_ratio": 3.5,
        "target": 3.0,
        "error": 0.0,
        "peer_error": None,
        "note": "",
        "ratio": 3.5,
    }


def test_a_peer_that_is_absent_has_no_ratio_and_a_reason():
    row = row_of("x", done(2.0), "prdc", "no network", target=3.0)
    assert (row.peer_s, row.ratio, row.note) == (None, None, "no network")


def test_lines_say_what_rows_and_quantities_hold():
    found = [
        Row("x", 2.0, "prdc", 7.0, 3.4, 3.0, 1e-12, 2e-5),
        Row("x", 2.0, "prdc", note="no network"),
        Quantity("memory", 1234.5, "MB", at_most=2000),
    ]
    assert as_lines([each.as_dict() for each in found]).splitlines() == [
        "x: 2 s, prdc 7 s, 3.5 × (3.4 × in cpu time) (wanted ≥ 3), error 1e-12, the peer's 2e-05",
        "x: 2 s, prdc absent: no network",
        "memory: 1234 MB (wanted ≤ 2000)",
    ]


def test_only_the_fastest_peer_has_the_target():
    rows = [Row("x", 1.0, "a", 5.0), Row("x", 1.0, "b", 3.0), Row("x", 1.0, "c")]
    found = metrics_network.with_target_on_the_fastest(rows, 2.2)
    assert [row.target for row in found] == [None, 2.2, None]


def test_everything_is_pinned_and_torch_comes_first():
    pins = pinned(PINS.read_text())
    assert pins[0].startswith("torch==")
    assert all(pin.count("==") == 1 for pin in pins)
    assert {pin.partition("==")[0] for pin in pins} >= set(PEERS)


def test_other_pins_have_another_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "pins").write_text("torch==1.0\n")
    assert folder(tmp_path / "pins") != folder() == folder()
    assert folder().parent == tmp_path / "uncanny"


def installs(monkeypatch, tmp_path, refused):
    """Have an environment made where pip refuses some pins; return what it was called with."""
    calls = []

    def install(python, *what):
        calls.append(what)
        return not set(what) & set(refused)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(metrics_environment, "_install", install)
    monkeypatch.setattr(metrics_environment.venv, "create", lambda home, **_: home.mkdir())
    return calls


def test_without_a_network_all_peers_are_absent_and_it_is_tried_again(tmp_path, monkeypatch):
    tmp_path.joinpath("uncanny").mkdir()
    torch_pin = pinned(PINS.read_text())[0]
    calls = installs(monkeypatch, tmp_path, [torch_pin])
    for _ in range(2):
        peers = find_peers()
        assert peers.python is None
        assert peers.absent.keys() == set(PEERS)
    assert calls == [(torch_pin,)] * 2


def test_a_pin_that_cannot_be_had_leaves_the_others(tmp_path, monkeypatch):
    tmp_path.joinpath("uncanny").mkdir()
    torch_pin, *rest = pinned(PINS.read_text())
    calls = installs(monkeypatch, tmp_path, [rest[3]])
    find_peers()
    assert calls == [(torch_pin,), ("--no-deps", *rest), *(("--no-deps", pin) for pin in rest)]
    assert not (folder() / "complete").exists()


def test_peers_that_cannot_be_imported_are_named_with_the_reason():
    with side(OURS[0], metrics_environment.MODULE, OURS[2]) as here:
        here.prepare(metrics_environment.VERSIONS)
        found = here.do(metrics_environment.VERSIONS).value
    assert found["absent"]["prdc"] == "ModuleNotFoundError: No module named 'prdc'"
    assert found["versions"]["torch"] == importlib.metadata.version("torch")


def test_seeded_weights_are_those_of_the_recorded_features():
    ours, theirs = seeded_state(), recorded.seeded_state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("data", [metrics_arithmetic.full_rank, metrics_arithmetic.few])
def test_the_exact_distance_is_that_of_the_moments(data, monkeypatch):
    monkeypatch.setattr(metrics_arithmetic, "DIMENSIONS", 40)
    given, exact = data(30 if data is metrics_arithmetic.few else 400)
    real, fake = (
        Gaussian(None, given[f"{each}_mean"], covariance=given[f"{each}_cov"])
        for each in ("real", "fake")
    )
    assert frechet_distance(real, fake).value == pytest.approx(exact, rel=1e-9)


def test_streamed_images_are_the_same_in_any_range():
    pool = StreamedPool(10)
    whole = pool.read(0, 10)
    np.testing.assert_array_equal(pool.read(3, 7), whole[3:7])
    np.testing.assert_array_equal(np.concatenate(list(pool.batches(4))), whole)
    assert len(np.unique(whole.reshape(10, -1), axis=0)) == 10
    assert not np.array_equal(StreamedPool(10, seed=1).read(0, 10), whole)
    features = CheapExtractor().extract(whole).features
    assert features.shape == (10, DIMENSIONS)
    assert 0 <= features.min() < 0.1 < 0.9 < features.max() <= 1


def test_without_peers_our_own_figures_remain(bench, monkeypatch):
    monkeypatch.setattr(metrics_arithmetic, "PAIRWISE", 40)
    monkeypatch.setattr(metrics_arithmetic, "DIMENSIONS", 8)
    rows = metrics_arithmetic.kid(bench)
    assert [row.peer for row in rows] == ["torch-fidelity", "torchmetrics"] * 2
    assert all(row.ours_s > 0 and row.ratio is None and row.note == "no network" for row in rows)


def test_there_is_no_row_of_a_gpu_that_is_not_there(bench, monkeypatch):
    monkeypatch.setattr(Bench, "once", lambda *_: done(0.1))
    assert metrics_network.gpu(bench) == []


def test_what_is_found_is_sorted_into_rows_and_quantities(monkeypatch):
    parts = {"a": lambda bench: [Row("x", 1.0), Quantity("y", 2.0, "MB")], "b": lambda bench: []}
    monkeypatch.setattr(metrics, "PARTS", parts)
    found = metrics.measure(metrics.parse(["--only", "a,b", "--repeats", "1"]), NO_PEERS)
    assert [row["what"] for row in found["rows"]] == ["x"]
    assert [each["what"] for each in found["quantities"]] == ["y"]
    assert found["versions"]["absent"]["prdc"] == "no network"
    assert json.loads(json.dumps(found))["machine"]["cores"] == os.cpu_count()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "kid,speed"], "got speed"),
        (["--repeats", "0"], "--repeats must be at least 1, got 0"),
        (["--images", "1"], "--images must be at least 2, got 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments, words, capsys):
    with pytest.raises(SystemExit):
        metrics.parse(arguments)
    assert words in capsys.readouterr().err
