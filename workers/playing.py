"""Trained networks turned into what the site itself can run."""

import tempfile
from pathlib import Path

from evalsite.jobs import Lease
from evalsite.play import services as play
from evalsite.play.models import Export


def export(lease: Lease[Export]) -> None:
    """Export one network of a generator to ONNX."""
    from generators.onnx_export import export as export_network

    asked = lease.row
    with tempfile.TemporaryDirectory() as folder:
        weights, exported = Path(folder) / "weights.safetensors", Path(folder) / "network.onnx"
        weights.write_bytes(asked.generator.file.read())
        export_network(weights, exported, network=asked.network, soft_labels=True)
        lease.require()
        play.keep_export(asked, exported)
