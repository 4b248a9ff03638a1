"""Published weights that an administrator has uploaded, kept where every extractor looks for them."""

import shutil
import tempfile
from pathlib import Path

from evalsite.catalog.models import Weights
from metrics.extractors import weights as published

READABLE = 0o644
"""Weights are public, and workers may be of another user than the site."""


def keep_weights(path: Path, known: published.Weights) -> Weights:
    """Copy published weights to where every extractor looks for them."""
    target = published.folder() / known.file
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as part:
        try:
            with path.open("rb") as uploaded:
                shutil.copyfileobj(uploaded, part)
            part.close()
            Path(part.name).chmod(READABLE)
            Path(part.name).replace(target)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
    kept, _ = Weights.objects.update_or_create(
        file=known.file,
        defaults={"sha256": known.sha256, "size_bytes": target.stat().st_size},
    )
    return kept


def remove_weights(weights: Weights) -> None:
    """Forget uploaded weights; what was measured with them stays."""
    (published.folder() / weights.file).unlink(missing_ok=True)
    weights.delete()
