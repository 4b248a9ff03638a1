import csv
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from classifiers.file import About, save
from classifiers.network import Form
from classifiers.training import train
from classifiers.victim import Victim
from generators.adversarial import campaign as campaign_module
from generators.adversarial import command
from generators.adversarial.forged import as_levels
from generators.commands import main
from pools.sources import load

NAMES = ("top", "middle", "bottom")


@pytest.fixture(scope="module")
def classifier(network):
    return Victim("stripes", 8, 1, NAMES, 0.99, knows_gradient=True, logits=network)


@pytest.fixture
def opened(classifier, monkeypatch):
    """What --classifier opens, whatever it is called."""
    monkeypatch.setattr(command, "open_classifier", lambda spec: classifier)


@pytest.fixture
def source(many_stripes, tmp_path):
    images, labels = many_stripes
    path = tmp_path / "stripes.npz"
    np.savez(path, images=as_levels(images), labels=labels.numpy())
    return str(path)


def attack(*options, name="pgd"):
    return main(["attack", "--classifier", "stripes", "--attack", name, *map(str, options)])


@pytest.mark.usefixtures("opened")
def test_each_rung_becomes_a_pool_with_the_outcome_of_every_image(source, tmp_path, capsys):
    out = tmp_path / "out"
    asked = ["--data", source, "--epsilon", 0.05, 0.2, "--steps", 5, "--images", 30]
    assert attack(*asked, "--flipped", "--clean", "--out", out) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed[1:]] == [
        "forged-0.05", "forged-0.2", "flipped-0.05", "flipped-0.2", "clean",
    ]  # fmt: skip
    results = json.loads((out / "results.json").read_text())
    assert results["clean_accuracy"]["value"] == 1
    forged, clean = load(out / "forged-0.2.npz"), load(out / "clean.npz")
    np.testing.assert_array_equal(forged.labels, clean.labels)
    moved = np.abs(forged.images.astype(int) - clean.images).max()
    assert moved == 51
    found = next(each for each in results["rungs"] if each["name"] == "forged-0.2")
    assert found["mean_linf"] == pytest.approx(0.2, abs=0.005)
    assert (found["success"]["n"], found["mean_queries"]) == (30, 6)
    rows = list(csv.DictReader(io.StringIO((out / "forged-0.2.csv").read_text())))
    assert sum(int(row["fooled"]) for row in rows) == found["success"]["count"] > 25
    assert [int(row["label"]) for row in rows] == forged.labels.tolist()
    assert not (out / "unfinished").exists()


@pytest.mark.usefixtures("opened")
def test_an_interrupted_attack_goes_on_with_what_is_missing(source, tmp_path, monkeypatch, capsys):
    asked = ["--data", source, "--epsilon", 0.1, "--steps", 3, "--images", 100, "--flipped"]
    block, blocks = campaign_module.Campaign.forge, []

    def interrupted(self, rung, **options):
        blocks.append((rung.name, options["rows"].start))
        if len(blocks) == 2:
            raise KeyboardInterrupt
        return block(self, rung, **options)

    monkeypatch.setattr(campaign_module.Campaign, "forge", interrupted)
    assert attack(*asked, "--out", tmp_path / "cut") == 130
    assert attack(*asked, "--out", tmp_path / "cut") == 0
    assert attack(*asked, "--out", tmp_path / "whole") == 0
    forged, flipped = (
        [("forged-0.1", 0), ("forged-0.1", 64)],
        [("flipped-0.1", 0), ("flipped-0.1", 64)],
    )
    assert blocks == [*forged, forged[1], *flipped, *forged, *flipped]
    for name in ("results.json", "forged-0.1.csv", "flipped-0.1.csv"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    blocks.clear()
    assert attack(*asked, "--out", tmp_path / "cut") == 0
    assert not blocks
    assert attack(*asked, "--seed", 1, "--out", tmp_path / "cut") == 2
    assert "cut holds another attack" in capsys.readouterr().err


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "null", "{}", '{"rungs": 3}'])
def test_damaged_results_are_refused_in_one_line(source, tmp_path, capsys, text):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.json").write_text(text)
    asked = ["--data", source, "--epsilon", 0.1, "--images", 30, "--out", tmp_path / "out"]
    assert attack(*asked) == 2
    assert "results.json is damaged: " in capsys.readouterr().err


@pytest.mark.usefixtures("opened")
def test_a_class_forged_from_noise_is_filmed(tmp_path, capsys):
    out = tmp_path / "out"
    asked = ["--target", "bottom", "--images", 5, "--steps", 40, "--json", "--out", out]
    assert attack(*asked, name="forge-from-noise") == 0
    results = json.loads(capsys.readouterr().out)
    assert results["clean_accuracy"] is None
    assert results["rungs"][0]["epsilon"] is None
    assert load(out / "forged.npz").labels is None
    with Image.open(out / "forging.webp") as film:
        assert (film.n_frames, film.size) == (20, (4 * 8, 2 * 8))


@pytest.mark.usefixtures("opened")
def test_images_of_other_classes_can_be_forged_towards_one(many_stripes, tmp_path):
    path = tmp_path / "unlabelled.npz"
    np.savez(path, images=as_levels(many_stripes[0][:20]))
    asked = ["--data", path, "--target", 2, "--images", 20, "--epsilon", 0.2, "--out"]
    assert attack(*asked, tmp_path / "out") == 0


def test_the_latent_search_uses_a_generator_and_its_classes(
    make_generator, tmp_path, monkeypatch, capsys
):
    def quarters(images):
        return images.flatten(1).unflatten(1, (4, -1)).mean(2)

    victim = Victim("quarters", 12, 1, tuple("abcd"), None, knows_gradient=True, logits=quarters)
    monkeypatch.setattr(command, "open_classifier", lambda spec: victim)
    asked = ["--generator", make_generator(), "--images", 6, "--steps", 3, "--out", tmp_path / "o"]
    assert attack(*asked, name="latent") == 0
    assert load(tmp_path / "o" / "forged.npz").labels.tolist() == [0, 1, 2, 3, 0, 1]


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epsilon", 0.1], "pgd needs --data"),
        (["--epsilon", 2, "--data", "SOURCE"], "ε must be above 0 and at most 1"),
        (["--epsilon", 0.1, "--data", "SOURCE", "--target", "left"], "3 classes .* got 'left'"),
        (["--epsilon", 0.1, "--data", "SOURCE", "--images", 301], "301 images are asked for, got 300"),
        (["--epsilon", 0.1, "--data", "SOURCE", "--generator", "g"], "pgd takes no --generator"),
        (
            ["--epsilon", 0.1, "--data", "mnist"],
            "10 of the 10 classes of the images are none of stripes's: 0, 1",
        ),
        (
            ["--epsilon", 0.1, "--data", "mnist", "--target", "top"],
            "stripes takes images of 8 × 8 px, grey; got 28 × 28 px, grey",
        ),
    ],
)  # fmt: skip
def test_every_mistake_is_one_line_and_status_2(options, message, source, tmp_path, capsys):
    given = [source if option == "SOURCE" else option for option in options]
    assert attack(*given, "--out", tmp_path / "out") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("generators: ")
    assert re.search(message, line)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("opened")
def test_images_are_brought_to_the_classifier_s_size_when_asked(tmp_path):
    asked = ["--data", "mnist", "--resize", "--target", "top", "--images", 4, "--epsilon", 0.2]
    assert attack(*asked, "--out", tmp_path / "out") == 0
    assert load(tmp_path / "out" / "forged-0.2.npz").images.shape == (4, 8, 8, 1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two classifiers of 16 px that learned a little, and the images they learned from."""
    folder = tmp_path_factory.mktemp("classifiers")
    labels = np.arange(128) % 2
    images = np.random.default_rng(0).integers(0, 120, (128, 16, 16, 1), dtype=np.uint8)
    images[labels == 1, 4:8] = 255
    np.savez(folder / "data.npz", images=images, labels=labels)
    for seed in (0, 1):
        state = train(images, labels, classes=2, steps=6, seed=seed)
        about = About("two", ("plain", "striped"), 16, 1, 6, seed, 1.0, 128)
        assert about.form == Form(16, 1, 2)
        save(folder / f"{seed}.safetensors", state, about)
    return folder


def transfer(files, *options):
    specs = [str(files / f"{seed}.safetensors") for seed in (0, 1)]
    data = str(files / "data.npz")
    return main(["transfer", "--data", data, *map(str, options), "--classifiers", *specs])


def test_transfer_prints_a_matrix_or_json(files, capsys):
    asked = ["--epsilon", 0.3, "--images", 64, "--steps", 3]
    assert transfer(files, *asked) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split()[-2:] == ["0.safetensors", "1.safetensors"]
    assert transfer(files, *asked, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["classifiers"] == ["0.safetensors", "1.safetensors"]
    share = found["shares"][0][1]
    assert 0 < share["n"] <= 64
    assert f"{share['value']:.1%} of {share['n']}" in first
    assert second.startswith("1.safetensors")


def test_transfer_is_for_one_epsilon(files, capsys):
    assert transfer(files, "--epsilon", 0.1, 0.2) == 2
    assert "transfer is for one ε, got 2" in capsys.readouterr().err
