import hashlib
import pickle
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from classifiers import tensors
from metrics.errors import ImageMismatch, MetricError
from metrics.extractors import clip as clip_module
from metrics.extractors.base import identity
from metrics.extractors.clip import Clip, convert
from metrics.extractors.dinov2 import DinoV2, at_grid
from metrics.extractors.weights import DINOV2, Weights

RECORDED = np.load(Path(__file__).parents[1] / "data" / "metrics" / "vit_small.npz")
BLOCK_SHAPES = {
    "norm1.weight": (128,), "norm1.bias": (128,),
    "attn.qkv.weight": (384, 128), "attn.qkv.bias": (384,),
    "attn.proj.weight": (128, 128), "attn.proj.bias": (128,), "ls1.gamma": (128,),
    "norm2.weight": (128,), "norm2.bias": (128,),
    "mlp.fc1.weight": (512, 128), "mlp.fc1.bias": (512,),
    "mlp.fc2.weight": (128, 512), "mlp.fc2.bias": (128,), "ls2.gamma": (128,),
}  # fmt: skip
DINO_SHAPES = {
    "cls_token": (1, 1, 128), "pos_embed": (1, 1370, 128), "mask_token": (1, 128),
    "patch_embed.proj.weight": (128, 3, 14, 14), "patch_embed.proj.bias": (128,),
    "norm.weight": (128,), "norm.bias": (128,),
}  # fmt: skip
DINO_SHAPES |= {f"blocks.{i}.{name}": size for i in (0, 1) for name, size in BLOCK_SHAPES.items()}
OPENAI_NAMES = {
    "norm1": "ln_1", "norm2": "ln_2", "attn.qkv.": "attn.in_proj_", "attn.proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
}  # fmt: skip
CLIP_SHAPES = {
    "class_embedding": (128,), "positional_embedding": (17, 128), "proj": (128, 32),
    "conv1.weight": (128, 3, 14, 14), "ln_pre.weight": (128,), "ln_pre.bias": (128,),
    "ln_post.weight": (128,), "ln_post.bias": (128,),
}  # fmt: skip


def openai(name):
    for ours, theirs in OPENAI_NAMES.items():
        name = name.replace(ours, theirs)
    return name


CLIP_SHAPES |= {
    f"transformer.resblocks.{i}.{openai(name)}": size
    for i in (0, 1)
    for name, size in BLOCK_SHAPES.items()
    if not name.startswith("ls")
}


def seeded(name, shape):
    """The tensor that a name stands for: normal numbers seeded by it; scales are about 1."""
    fan = shape[-1] if len(shape) == 2 else 1
    spread = (0.1 if len(shape) in (1, 4) else 1.5) / fan**0.5
    values = np.random.default_rng(zlib.crc32(name.encode())).normal(0, spread, shape)
    is_scale = name.endswith("gamma") or re.search(r"(norm\d?|ln_\w+)\.weight$", name) is not None
    return torch.from_numpy((values + is_scale).astype(np.float32))


def released(path):
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    return Weights(path.name, found, "nowhere", "UNCANNY_DINOV2_WEIGHTS")


@pytest.fixture(scope="module")
def dino_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("dino") / "dinov2_tiny_pretrain.pth"
    torch.save({name: seeded(name, shape) for name, shape in DINO_SHAPES.items()}, path)
    return path


@pytest.fixture(scope="module")
def dino(dino_file):
    return DinoV2(dino_file, releases=[released(dino_file)])


def clip_state():
    names = {f"visual.{name}": shape for name, shape in CLIP_SHAPES.items()}
    return {name: seeded(name, shape) for name, shape in names.items()}


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "tiny.safetensors"
    save_file({**clip_state(), "logit_scale": torch.ones(())}, path)
    return path


@pytest.fixture(scope="module")
def clip(clip_file):
    return Clip(clip_file)


@pytest.fixture(scope="module")
def squares():
    """Four images of 40 px, each of 16 squares of one colour."""
    colours = np.random.default_rng(5).integers(0, 256, (4, 4, 4, 3), dtype=np.uint8)
    return colours.repeat(10, axis=1).repeat(10, axis=2)


# The same numbers as the reference code


def test_dinov2_features_are_those_of_the_official_code(dino, squares):
    got = dino.extract(squares)
    np.testing.assert_allclose(got.features, RECORDED["dinov2"], rtol=1e-5, atol=1e-5)
    assert got.probabilities is None


def test_clip_embeddings_are_those_of_the_official_code_divided_by_their_length(clip, squares):
    got = clip.extract(squares).features
    np.testing.assert_allclose(got, RECORDED["clip"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, rtol=1e-6)


def test_a_state_dict_gives_what_safetensors_give(clip, squares, tmp_path):
    torch.save({name: t.half().float() for name, t in clip_state().items()}, tmp_path / "half.pth")
    torch.save({name: t.half() for name, t in clip_state().items()}, tmp_path / "tiny.pth")
    half, tiny = Clip(tmp_path / "half.pth"), Clip(tmp_path / "tiny.pth")
    np.testing.assert_array_equal(half.extract(squares).features, tiny.extract(squares).features)
    assert half.name == tiny.name != clip.name


def test_positions_of_the_right_number_are_left_alone():
    positions = torch.rand(17, 8)
    assert at_grid(positions, 4) is positions


# Each image by itself


@pytest.mark.parametrize("extractor", ["dino", "clip"])
def test_neither_batch_nor_place_changes_a_bit(extractor, request, images):
    extractor, pictures = request.getfixturevalue(extractor), images(11, size=40, channels=3)
    together = extractor.extract(pictures).features
    parts = [
        extractor.extract(part).features for part in (pictures[:1], pictures[1:5], pictures[5:])
    ]
    np.testing.assert_array_equal(np.concatenate(parts), together)
    np.testing.assert_array_equal(extractor.extract(pictures[::-1]).features[::-1], together)


def test_a_grey_image_is_the_same_as_its_rgb_copy(clip, images):
    grey = images(2, size=40)
    colour = np.repeat(grey, 3, axis=3)
    np.testing.assert_array_equal(clip.extract(grey).features, clip.extract(colour).features)


def test_what_is_no_image_is_refused(clip):
    with pytest.raises(ImageMismatch, match="needs uint8 images"):
        clip.extract(np.zeros((2, 40, 40), np.uint8))


# Which weights


def test_the_identity_names_network_checksum_and_resize(dino, clip):
    assert re.fullmatch(
        r"dinov2 \(dinov2_tiny [0-9a-f]{8}, float32; centred square, Pillow's antialiased bicubic "
        r"to 224 × 224 px, 8 bits, RGB\)",
        identity(dino),
    )
    assert re.fullmatch(r"clip-([0-9a-f]{8}) \(tiny \1, float32; .* 56 × 56 px.*\)", identity(clip))


def test_another_device_is_told_for_its_digits_are_others(dino_file, dino, clip_file, clip):
    away = DinoV2(dino_file, releases=[released(dino_file)], device="meta")
    assert away.version == f"{dino.version}, on meta"
    assert Clip(clip_file, device="meta").version == f"{clip.version}, on meta"


def test_another_official_size_has_a_name_of_its_own(dino_file):
    large = Weights("dinov2_vitl14_pretrain.pth", "0" * 64, "nowhere", "UNCANNY_DINOV2_WEIGHTS")
    assert DinoV2(dino_file, releases=[large, released(dino_file)]).name == "dinov2-tiny"


def test_weights_may_be_named_by_the_environment(dino_file, clip_file, monkeypatch):
    monkeypatch.setenv("UNCANNY_DINOV2_WEIGHTS", str(dino_file))
    monkeypatch.setenv("UNCANNY_CLIP_WEIGHTS", str(clip_file))
    assert DinoV2(releases=[released(dino_file)]).name == "dinov2"
    assert Clip().version.startswith("tiny ")


def test_other_weights_than_the_official_ones_are_refused_by_checksum(dino_file):
    with pytest.raises(MetricError, match=f"needs SHA-256 {DINOV2[0].sha256}"):
        DinoV2(dino_file)


def test_without_clip_s_weights_the_message_says_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.delenv("UNCANNY_CLIP_WEIGHTS", raising=False)
    monkeypatch.setenv("UNCANNY_WEIGHTS_DIR", str(tmp_path))
    wanted = tmp_path / "ViT-L-14-336px.safetensors"
    with pytest.raises(MetricError, match=rf"needs {wanted}, .*SHA-256 3035c92b.*extractors\.clip"):
        Clip()
    with pytest.raises(MetricError, match="absent, which is no file"):
        Clip(tmp_path / "absent")


def test_the_published_torchscript_is_refused_with_the_conversion_to_run(tmp_path):
    (tmp_path / "ViT-B-32.pt").write_bytes(b"PK")
    with pytest.raises(MetricError, match=r"`python -m metrics\.extractors\.clip ViT-B-32\.pt`"):
        Clip(tmp_path / "ViT-B-32.pt")


def scripted(path):
    """A TorchScript file with the tensors of a small CLIP, and one of its text tower."""
    root = nn.Module()
    for name, tensor in {**clip_state(), "token_embedding.weight": torch.ones(2, 2)}.items():
        *parents, leaf = name.split(".")
        module = root
        for parent in parents:
            if not hasattr(module, parent):
                module.add_module(parent, nn.Module())
            module = getattr(module, parent)
        module.register_buffer(leaf, tensor)
    torch.jit.save(torch.jit.script(root), path)
    return released(path)


def test_a_published_file_is_converted_once_its_checksum_is_right(
    tmp_path, monkeypatch, clip, squares
):
    monkeypatch.setenv("UNCANNY_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.delenv("UNCANNY_CLIP_WEIGHTS", raising=False)
    official = scripted(tmp_path / "ViT-L-14-336px.pt")
    monkeypatch.setattr(clip_module, "OFFICIAL", (official,))
    assert convert(tmp_path / official.file, [official]).parent == tmp_path / "weights"
    converted = Clip()
    assert converted.name == "clip"
    assert converted.version == f"ViT-L-14-336px {official.sha256[:8]}, float32"
    np.testing.assert_array_equal(
        converted.extract(squares).features, clip.extract(squares).features
    )


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("ViT-B-32.pt", "needs SHA-256 40d36571"),
        ("other.pt", "wanted one of the files ViT-L-14-336px.pt, .*got .*other.pt"),
    ],
)
def test_a_file_that_was_not_published_is_never_opened_as_torchscript(
    file, message, tmp_path, capsys
):
    (tmp_path / file).write_bytes(b"hello")
    assert clip_module.main([str(tmp_path / file)]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_the_conversion_needs_one_file(capsys):
    assert clip_module.main([]) == 2
    assert capsys.readouterr().err == "error: wanted 1 file, got 0\n"


# Files that are no weights


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("/tmp/uncanny-pickled"),))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda p: p.write_bytes(b"hello"), "neither safetensors nor a PyTorch state dict"),
        (lambda p: p.write_bytes(b""), "neither safetensors nor"),
        (lambda p: p.write_bytes(b"\x40\0\0\0\0\0\0\0{}"), "damaged or cut short"),
        (lambda p: p.write_bytes(pickle.dumps(Evil())), "without running code"),
        (lambda p: torch.save(Evil(), p), "without running code"),
        (lambda p: torch.save([1], p), "needs to hold a state dict"),
        (lambda p: torch.save({1: torch.ones(1)}, p), "needs to hold a state dict"),
        (lambda p: scripted(p), "without running code: .*TorchScript"),
        (lambda p: save_file({"x": torch.ones(1)}, p), "holds no CLIP vision transformer"),
        (
            lambda p: save_file({**clip_state(), "visual.proj": torch.ones(4, 4)}, p),
            "does not fit its network: size mismatch",
        ),
        (
            lambda p: save_file({**clip_state(), "visual.positional_embedding": torch.ones(0)}, p),
            "holds no CLIP vision transformer",
        ),
        (
            lambda p: save_file({**clip_state(), "visual.conv1.weight": torch.ones(9, 3, 2, 2)}, p),
            "a width of 64 times its heads, got 9",
        ),
    ],
)
def test_what_is_no_file_of_weights_is_refused_and_never_run(write, message, tmp_path):
    write(tmp_path / "weights")
    with pytest.raises(MetricError, match=message):
        Clip(tmp_path / "weights")
    assert not Path("/tmp/uncanny-pickled").exists()


def test_a_file_of_very_many_tensors_is_refused_by_their_number(clip_file, monkeypatch):
    monkeypatch.setattr(tensors, "TENSOR_LIMIT", 10)
    with pytest.raises(MetricError, match="has 33 tensors, wanted at most 10"):
        Clip(clip_file)


def test_other_tensors_are_no_dinov2_checkpoint(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"x": torch.ones(1)}, path)
    with pytest.raises(MetricError, match="is no DINOv2 checkpoint"):
        DinoV2(path, releases=[released(path)])
