"""Several processes on one run: two real ones train as one does, and what they could not is refused."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import distributed, nn

from generators import checkpoint
from generators.config import ConfigError
from generators.distributed import (
    SharedBatchNorm2d,
    average,
    check_shared,
    processes,
    share_batch_norms,
)
from generators.feed import Feed, RealImages, Share
from generators.models.cyclegan import exchange
from generators.training import RUN_KIND, Trainer

CPU = torch.device("cpu")
DATA = RealImages(np.zeros((4, 2, 2, 1), np.uint8), None, CPU)
RECIPE = {
    "images": 40,
    "batch": 8,
    "z_dim": 8,
    "generator.features": 4,
    "generator.normalisation": "batch",
    "generator.learning_rate": 1e-4,
    "discriminator.features": 4,
    "discriminator.learning_rate": 1e-4,
    "penalty.every": 2,
    "precision": "float32",
}
# A batch norm takes out the bias before it, whose gradient is then nothing but rounding.
ONLY_ROUNDING = ("generator.layers.2.bias", "generator.layers.3.running_mean")


def train_on_two(overrides, folder):
    """`torchrun --nproc-per-node 2 -m generators train` of the demo recipe, and what is left of it."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "tests.generators.leaving", "train", "demo-15"]
    command += ["--data", str(folder / "data.npz"), "--out", str(folder / "run")]
    return subprocess.run(
        [*command, *(f"--set={key}={value}" for key, value in overrides.items())],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_two_processes_train_as_one_does_and_one_of_them_tells(tiny, data, tmp_path):
    np.savez(tmp_path / "data.npz", images=data[0], labels=data[1])
    done = train_on_two(RECIPE, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("threads left: 0") == 2, "a thread that outlives Python aborts it"
    assert done.stderr.count("compiler loaded: False") == 2, "it takes longer to load than torch"
    assert done.stdout.count("generator.safetensors") == 1
    tensors, about = checkpoint.read(tmp_path / "run" / "run.safetensors", RUN_KIND)
    alone = Trainer(tiny(**RECIPE), *data, 4, device=CPU)
    reports = []
    alone.advance(on_progress=reports.append)
    assert about["step"] == alone.step == 5
    for name in tensors:
        if name.startswith(("model", "average")) and not name.endswith(ONLY_ROUNDING):
            expected = alone._state()[name].float()
            assert (tensors[name] - expected).norm() <= 1e-5 * expected.norm(), name
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    for line, report in zip(map(json.loads, lines), reports, strict=True):
        for name in alone.model.watched:
            assert line[name] == pytest.approx(report.values[name], rel=1e-4)
    path = tmp_path / "run" / "run.safetensors"
    assert Trainer.resume(path, *data, config=alone.config, device=CPU).done


def exchange_as(rank, world, folder):
    """What a process is shown of fakes in three steps, and the older ones it has in the end."""
    store = distributed.FileStore(str(folder / f"store-{world}"), world)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=world)
    share, older, shown = Share(rank, world), torch.zeros(5, 1, 1, 1), []
    for step in range(3):
        fakes = 1 + 4 * step + np.arange(4.0)[:, None, None, None]
        feed = Feed(DATA, 4, seed=0, step=step, share=share)
        shown.append(exchange(older, torch.from_numpy(share.of(fakes)).float(), feed))
    torch.save([older, shown], folder / f"{rank}-of-{world}")
    distributed.destroy_process_group()


def test_two_processes_exchange_fakes_for_older_ones_as_one_does(tmp_path):
    fork = torch.multiprocessing.get_context("fork")
    started = [
        fork.Process(target=exchange_as, args=(rank, world, tmp_path))
        for world in (1, 2)
        for rank in range(world)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
        assert process.exitcode == 0
    older, shown = torch.load(tmp_path / "0-of-1")
    first, second = (torch.load(tmp_path / f"{rank}-of-2") for rank in range(2))
    assert older.any()
    assert torch.equal(first[0], older)
    assert torch.equal(second[0], older)
    for alone, parts in zip(shown, zip(first[1], second[1], strict=True), strict=True):
        assert torch.equal(torch.cat(parts), alone)


def test_one_process_is_not_touched(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    network = nn.Sequential(nn.BatchNorm2d(3))
    with processes() as share:
        assert share == Share(0, 1)
        share_batch_norms(network, share)
        tensor = torch.arange(3.0)
        average([tensor], share)
    assert type(network[0]) is nn.BatchNorm2d
    assert tensor.tolist() == [0, 1, 2]


@pytest.fixture
def group_of_one():
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("group_of_one")
def test_a_shared_batch_norm_is_torchs_own_where_all_rows_are_here():
    own = nn.BatchNorm2d(3)
    nn.init.uniform_(own.weight, generator=torch.Generator().manual_seed(1))
    shared = SharedBatchNorm2d.of(own, Share())
    maps = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)) * 2 + 7
    weights = torch.arange(maps.numel()).view_as(maps) % 5
    results = []
    for norm in (own, shared):
        given = maps.clone().requires_grad_()
        made = norm(given)
        (made * weights).sum().backward()
        state = norm.state_dict()
        results.append([made, given.grad, norm.weight.grad, norm.bias.grad, *state.values()])
        results[-1].append(norm.eval()(maps))
    for expected, got in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
    assert list(own.state_dict()) == list(shared.state_dict())
    assert shared.train()(maps.bfloat16()).dtype == torch.bfloat16


def test_all_batch_norms_of_a_network_are_shared_and_keep_their_state():
    network = nn.Sequential(nn.BatchNorm2d(2), nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3)))
    nn.init.constant_(network[0].running_mean, 4)
    share_batch_norms(network, Share(0, 2))
    assert isinstance(network[0], SharedBatchNorm2d)
    assert isinstance(network[1][1], SharedBatchNorm2d)
    assert network[1][1].share == Share(0, 2)
    assert network[0].running_mean.tolist() == [4, 4]


@pytest.mark.parametrize(
    ("name", "overrides", "word"),
    [
        ("demo-15", {"batch": 5}, "multiple of the 2 processes, got 5"),
        ("relativistic", {}, "'relativistic'"),
        ("began", {}, "'began'"),
        ("dragan", {}, "penalty.name 'dragan'"),
        ("lecture-gated", {}, "gate_generator"),
        ("minimax", {"discriminator.minibatch_kernels": 3}, "minibatch_kernels 3"),
    ],
)
def test_what_needs_a_whole_batch_is_refused_in_shares_alone(tiny, name, overrides, word):
    config = tiny(name, **overrides)
    check_shared(config, Share())
    with pytest.raises(ConfigError, match=re.escape(word)):
        check_shared(config, Share(0, 2))
