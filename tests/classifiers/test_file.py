import json
from dataclasses import asdict

import pytest
import torch
from safetensors.torch import save_file

from classifiers.errors import ClassifierError
from classifiers.file import KEY, About, load, save
from classifiers.network import Network

ABOUT = About("stripes", ("a", "b", "c", "d"), 16, 1, 3, 7, 0.5, 64)


@pytest.fixture(scope="module")
def state():
    return Network(ABOUT.form).state_dict()


def test_what_is_saved_comes_back(state, tmp_path):
    save(tmp_path / "kept.safetensors", state, ABOUT)
    network, about = load(tmp_path / "kept.safetensors")
    assert about == ABOUT
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    assert not network.training


def lying(**changes):
    return {KEY: json.dumps(asdict(ABOUT) | changes)}


def without(name):
    return lambda state: {key: tensor for key, tensor in state.items() if key != name}


@pytest.mark.parametrize(
    ("tensors", "metadata", "message"),
    [
        (without("classes.weight"), lying(), "does not fit its network: Missing key"),
        (lambda s: s | {"classes.weight": torch.ones(9, 9)}, lying(), "size mismatch"),
        (lambda s: s | {"more": torch.ones(1)}, lying(), "Unexpected key"),
        (dict, None, "no classifier trained by"),
        (dict, {KEY: "["}, "does not say what it was trained on"),
        (dict, {KEY: "{}"}, "does not say what it was trained on: KeyError"),
        (dict, lying(steps=[1]), "does not say what it was trained on"),
        (dict, lying(resolution_px=10**9), "resolution_px from 16 to 128"),
        (dict, lying(channels=2), "1 or 3 channels, got 2"),
        (dict, lying(class_names=["a"] * 20_000), "classes from 2 to 10000, got 20000"),
        (dict, lying(class_names=["a"] * 9), "size mismatch"),
    ],
)
def test_a_file_that_lies_is_refused(tensors, metadata, message, state, tmp_path):
    save_file(tensors(state), tmp_path / "lying.safetensors", metadata=metadata)
    with pytest.raises(ClassifierError, match=message):
        load(tmp_path / "lying.safetensors")


@pytest.mark.parametrize("content", [b"hello", b"", b"\xff\xff\xff\xff\xff\xff\xff\x7f{}"])
def test_what_is_no_safetensors_is_refused(content, tmp_path):
    (tmp_path / "odd").write_bytes(content)
    with pytest.raises(ClassifierError, match=r"neither safetensors|damaged"):
        load(tmp_path / "odd")


def test_a_huge_file_is_refused_by_its_size(tmp_path):
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(ClassifierError, match="has 65 MiB, wanted at most 64"):
        load(tmp_path / "huge")


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(ClassifierError, match=r"cannot read .*absent: No such file"):
        load(tmp_path / "absent")
