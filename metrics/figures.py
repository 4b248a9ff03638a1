"""What figures are called: the one place that decides which of them may bear a paper's name."""

from collections.abc import Mapping

METRICS: Mapping[str, str] = {"is": "IS", "fid": "FD", "kid": "KID"}
"""What is asked for, and its stem: a Fréchet distance is no FID but on Inception features."""

OWN_NAMES: Mapping[str, Mapping[str, str]] = {
    "inception": {"is": "IS", "fid": "FID", "kid": "KID"},
}
"""Extractors whose figures are those that papers mean by the bare name."""


def figure_name(metric: str, extractor: str) -> str:
    """Return the name of a metric's figure on an extractor.

    >>> figure_name("fid", "lite0"), figure_name("fid", "inception")
    ('FD-lite0', 'FID')
    """
    return OWN_NAMES.get(extractor, {}).get(metric, f"{METRICS[metric]}-{extractor}")
