"""The table of docs/metrics.md on intervals of few images."""

import pytest

from bench.few_images import shares, simulated, table


def test_every_figure_of_few_images_is_simulated():
    row = simulated(10, samples=20, seed=0)
    assert list(row) == ["inception score", "Fréchet distance", "density", "coverage", "recall"]
    assert all(0.5 < each["own"] <= 1 for each in row.values())


def test_a_figure_without_an_interval_is_said_to_be_refused():
    row = simulated(6, samples=2, seed=0)
    assert row["recall"] == {"normal": None, "own": None}
    assert "refused" in table({6: row})


def test_the_interval_of_a_share_is_known_without_simulation():
    """One of two images says 1/2 ± 0.4, which leaves out a share of 0.91: both say that, 0.91² often."""
    found = shares(2)
    assert found["own"]["worst"] == pytest.approx(0.91**2)
    assert found["own"]["mean"] > found["normal"]["mean"]
