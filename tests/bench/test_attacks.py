"""The bench of attacks: same work on every side, absent peers and refusals; no time is asserted."""

import time
from contextlib import contextmanager
from dataclasses import asdict

import pytest

from bench import attacks, attacks_ours, attacks_peers
from bench.attacks import PINS, as_lines, compare, parse, prepare, row
from bench.attacks_case import CASES
from bench.attacks_peers import PEERS
from bench.metrics_environment import Peers, pinned
from bench.metrics_process import Done, TaskFailed

NO_PEERS = Peers(None, absent=dict.fromkeys(PEERS, "no network"))
FGSM = CASES[0]


def done(seconds, value=0.5):
    return Done(seconds, seconds / 2, value, 100.0)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attacks, "TRAINING_STEPS", 40)
        return prepare(tmp_path_factory.mktemp("bench"), 64)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_sides_do_the_same_to_the_same_images(case, given):
    ours, theirs = (
        side(asdict(case), **given)() for side in (attacks_ours.ours, attacks_peers.foolbox)
    )
    assert 0.2 < ours <= 1
    assert ours == pytest.approx(theirs, abs=0.35 if case.name == "carlini-wagner" else 0.02)


def test_sides_are_timed_in_turn_and_what_is_absent_is_said(given, monkeypatch):
    asked = []

    class Here:
        def prepare(self, task):
            self.run = attacks_ours.TASKS[task.name](**task.arguments)

        def do(self, task):
            asked.append(task.name)
            started = time.perf_counter()
            value = self.run()
            return done(time.perf_counter() - started, value)

    monkeypatch.setattr(attacks, "side", contextmanager(lambda *_: (yield Here())))
    found = compare(FGSM, given, 2, NO_PEERS)
    assert asked == ["ours"] * 3  # once to warm up
    assert found["name"] == "fgsm"
    assert found["ours"]["seconds"] > 0
    assert found["peers"] == {name: {"absent": "no network"} for name in PEERS}


def test_a_row_has_the_peers_seconds_over_ours():
    found = row(FGSM, {"ours": done(2.0), "foolbox": done(3.0, 0.25), "torchattacks": "gone"})
    assert found["peers"]["foolbox"] == {
        "seconds": 3.0, "cpu_s": 1.5, "success": 0.25, "ratio": 1.5, "cpu_ratio": 1.5,
    }  # fmt: skip
    assert as_lines([found]) == (
        "fgsm: 2 s, 50.0% fooled; foolbox 3 s, 25.0%: 1.50 × (1.50 × in cpu time); "
        "torchattacks absent: gone"
    )


def test_our_own_failure_is_no_row():
    with pytest.raises(TaskFailed, match="out of memory"):
        row(FGSM, {"ours": "out of memory"})


def test_a_peer_that_cannot_be_imported_is_absent_with_its_reason():
    found = attacks_peers.versions()()
    assert "foolbox" in found["versions"]
    assert found["absent"].keys() <= {"torchattacks"}


def test_peers_and_torch_are_pinned():
    pins = pinned(PINS.read_text())
    assert pins[0].startswith("torch==")
    assert {"foolbox==3.3.4", "torchattacks==3.5.1"} <= set(pins)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--repeats", "0"], "--repeats must be at least 1, got 0"),
        (["--images", "0"], "--images must be at least 1, got 0"),
        (["--only", "deepfool"], "invalid choice: 'deepfool'"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, words, capsys):
    with pytest.raises(SystemExit):
        parse(arguments)
    assert words in capsys.readouterr().err
