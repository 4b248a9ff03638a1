"""Tells by its first bytes what an uploaded file is, and what to do if it cannot be run safely."""

from pathlib import Path

from sandbox.errors import ModelRefusedError

LARGEST_MB = 512
_LOOKED_AT_BYTES = 1 << 16
_TORCH = (
    "load it where you trust it, then torch.onnx.export(network, (example,), 'model.onnx', "
    "dynamo=True, external_data=False, dynamic_shapes=({0: 'batch'},))"
)
_KERAS = "python -m tf2onnx.convert --saved-model FOLDER --output model.onnx"


def check_upload(path: Path, *, largest_mb: int = LARGEST_MB) -> None:
    """Refuses what is too large or of another kind, by size and first bytes alone.

    Nothing is parsed. Raises ModelRefusedError: what was got, what is wanted, what to do.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(_LOOKED_AT_BYTES)
    except OSError as error:
        raise ModelRefusedError(f"cannot read {path}: {error.strerror}") from error
    if size > largest_mb * 2**20:
        raise ModelRefusedError(
            f"the file has {size / 2**20:.0f} MiB, wanted at most {largest_mb}: "
            "upload an archive of images instead"
        )
    if found := _unsafe_kind(start):
        kind, command = found
        raise ModelRefusedError(f"the file is {kind}, wanted a single-file ONNX network: {command}")


def _unsafe_kind(start: bytes) -> tuple[str, str] | None:
    if not start:
        return "empty", "export the network again"
    if start.startswith(b"PK\x03\x04"):
        return _zip_kind(start)
    if start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05":
        return "a Python pickle, which can run any code when opened", _TORCH
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "an HDF5 file, as Keras saves weights", _KERAS
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 2**27:
        return "safetensors, which holds weights but no network", _TORCH
    if start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf")):
        return "compressed", "unpack it, or upload images as an archive of images"
    return None


def _zip_kind(start: bytes) -> tuple[str, str]:
    if b"model.weights.h5" in start or b"saved_model.pb" in start:
        return "a Keras archive", _KERAS
    if b".pkl" in start or b"archive_format" in start or b"constants" in start:
        return "a PyTorch archive (.pt, .pt2, TorchScript), which can run any code", _TORCH
    return "a zip archive", "upload it as an archive of images if it holds images"
