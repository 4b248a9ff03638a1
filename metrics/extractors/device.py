"""On what a network computes, which its figures tell: another device gives other last digits."""

from __future__ import annotations

import torch


def best_device() -> str:
    """Return "cuda" where there is a GPU, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def on_device(version: str, device: torch.device | str) -> str:
    """Return the version of an extractor with its device, unless that is the processor.

    >>> on_device("float32", "cpu"), on_device("float32", "cuda:1")
    ('float32', 'float32, on cuda')
    """
    kind = torch.device(device).type
    return version if kind == "cpu" else f"{version}, on {kind}"
