"""CLIP's vision tower (Radford et al. 2021): embeddings of images learned from captions."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from math import isqrt
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import normalize

from metrics.errors import MetricError
from metrics.extractors.base import Features, Images
from metrics.extractors.device import best_device, on_device
from metrics.extractors.fitting import words
from metrics.extractors.passes import in_passes
from metrics.extractors.tensors import digest, fill, read_tensors, renamed
from metrics.extractors.vit import (
    BATCH_IMAGES,
    Form,
    embedded,
    normalised,
    without_weights,
)
from metrics.extractors.weights import CLIP as OFFICIAL
from metrics.extractors.weights import Weights, folder, require_sum, tensors_of

VARIABLE = OFFICIAL[0].variable
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of the colours that CLIP was trained on."""
PREFIX = "visual."
PUBLISHED = "published"
"""Under which converted tensors name the checksum of the file that they come from."""
NAMES = (
    (PREFIX, ""), ("transformer.resblocks.", "blocks."), ("conv1", "patch"), ("class_embedding", "cls"),
    ("positional_embedding", "position"), ("ln_pre", "norm_pre"), ("ln_post", "norm"), ("ln_1", "norm1"),
    ("ln_2", "norm2"), ("attn.in_proj_", "qkv."), ("attn.out_proj", "proj"), ("mlp.c_fc", "fc1"),
    ("mlp.c_proj", "fc2"),
)  # fmt: skip


class Clip:
    """Projected class tokens of length 1, (n, 768) for ViT-L/14; no classes.

    As CMMD (Jayasumana et al. 2024) takes them: ViT-L/14 at 336 px, the centred square by Pillow's
    bicubic on 8 bits, CLIP's mean and deviation, embeddings divided by their Euclidean norm; grey is
    repeated in three channels. Float32. The published files are TorchScript, which runs code when it
    is loaded: `python -m metrics.extractors.clip FILE.pt` checks one and keeps its tensors. `path`,
    UNCANNY_CLIP_WEIGHTS or the folder of weights names the tensors of any of the four, or of a network
    like them, as safetensors or state dict with names visual.…: the figures of all but ViT-L/14 at
    336 px carry a name of their own. `device` is "cuda" where there is one, else "cpu". Raises MetricError
    without weights.
    """

    def __init__(self, path: Path | str | None = None, *, device: str | None = None) -> None:
        file = at_hand(path)
        tensors, about = read_tensors(file)
        state = {name: t.float() for name, t in tensors.items() if name.startswith(PREFIX)}
        shape = form(state, file)
        self.image_px = shape.image_px
        self.resize = words(self.image_px, 3)
        network = fill(without_weights(shape), adapted(state), file)
        device = device or best_device()
        self._network = network.to(device)
        published = about.get(PUBLISHED, "")
        known = published if published in {each.sha256 for each in OFFICIAL} else digest(state)
        self.name = "clip" if known == OFFICIAL[0].sha256 else f"clip-{known[:8]}"
        self.version = on_device(f"{file.stem} {known[:8]}, float32", device)

    def extract(self, images: Images) -> Features:
        """Return embeddings (n, 512 or 768) of n ≥ 1 images."""
        return in_passes(images, BATCH_IMAGES, self._pass)

    def _pass(self, images: Images) -> Features:
        pixels = normalised(images, self.image_px, MEAN, STD)
        return Features(normalize(embedded(self._network, pixels)).numpy(), None)


def at_hand(path: Path | str | None = None) -> Path:
    """Return where the tensors are; raises MetricError, saying how to get them, if they are nowhere."""
    named = path or os.environ.get(VARIABLE)
    if named and not Path(named).is_file():
        raise MetricError(f"CLIP's weights need to be at {named}, which is no file")
    here = Path(named) if named else folder() / tensors_of(OFFICIAL[0])
    if here.is_file() and here.suffix != ".pt":
        return here
    release = next((r for r in OFFICIAL if r.file == here.name), OFFICIAL[0])
    raise MetricError(
        f"CLIP needs {here.with_suffix('.safetensors')}, made of the published {release} by "
        f"`python -m metrics.extractors.clip {release.file}`; it is at {release.url}"
    )


def quick_gelu(x: Tensor) -> Tensor:
    """Return x · sigmoid(1.702 x), CLIP's activation."""
    return x * torch.sigmoid(1.702 * x)


def form(state: Mapping[str, Tensor], path: Path) -> Form:
    """Return the form of the vision transformer with these visual.… weights; raises MetricError if none."""
    try:
        width, _, patch_px, _ = state["visual.conv1.weight"].shape
        tokens = len(state["visual.positional_embedding"])
        grid, outputs = isqrt(tokens - 1), state["visual.proj"].shape[1]
    except (KeyError, ValueError, IndexError) as error:
        raise MetricError(f"{path} holds no CLIP vision transformer: wanted {error}") from error
    depth = sum(name.endswith("ln_1.weight") for name in state)
    return Form(
        width, depth, patch_px, grid, epsilon=1e-5, activation=quick_gelu,
        patch_bias=False, norm_before=True, outputs=outputs,
    )  # fmt: skip


def adapted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return CLIP's weights by the names of vit.py."""
    weights = {renamed(name, NAMES): tensor for name, tensor in state.items()}
    weights["projection.weight"] = weights.pop("proj").T
    return weights


def convert(path: Path, releases: Sequence[Weights] = OFFICIAL) -> Path:
    """Write the vision tensors of a published TorchScript file into the folder of weights.

    The file is opened only if its checksum is that of the release of its name; else MetricError.
    """
    release = next((each for each in releases if each.file == path.name), None)
    if release is None or not path.is_file():
        names = ", ".join(each.file for each in releases)
        raise MetricError(f"wanted one of the files {names}, got {path}")
    published: nn.Module = torch.jit.load(require_sum(path, release), map_location="cpu")  # type: ignore[no-untyped-call]
    visual = {
        name: t.contiguous()
        for name, t in published.state_dict().items()
        if name.startswith(PREFIX)
    }
    out = folder() / tensors_of(release)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(visual, out, metadata={PUBLISHED: release.sha256})
    return out


def main(arguments: Sequence[str]) -> int:
    """Convert the file named by the only argument; 0, or 2 after saying what is wrong."""
    try:
        (path,) = arguments
        print(convert(Path(path)))
    except (MetricError, ValueError) as error:
        wrong = error if isinstance(error, MetricError) else f"wanted 1 file, got {len(arguments)}"
        print(f"error: {wrong}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
