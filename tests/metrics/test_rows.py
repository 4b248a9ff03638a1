import numpy as np
import pytest

from metrics.errors import NotFinite
from metrics.rows import CHUNK_ROWS, blocks, feature_rows, mean_row


def test_float32_features_are_taken_as_they_are_and_others_as_float64():
    x = np.ones((3, 2), np.float32)
    assert np.shares_memory(feature_rows(x), x)
    assert feature_rows(x.astype(np.float16)).dtype == np.float64
    assert feature_rows([[1, 2], [3, 4]]).dtype == np.float64


def test_features_on_disk_stay_there(tmp_path):
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (3, 2))
    assert np.shares_memory(feature_rows(x), x)


def test_what_is_not_finite_is_named_wherever_it_is():
    x = np.zeros((2 * CHUNK_ROWS + 5, 2), np.float32)
    x[[CHUNK_ROWS + 3, 2 * CHUNK_ROWS + 4], 1] = np.inf, np.nan
    with pytest.raises(NotFinite, match=f"2 of {len(x)} images, first in image {CHUNK_ROWS + 3}"):
        feature_rows(x)


def test_means_are_summed_in_float64():
    x = np.full((3 * CHUNK_ROWS + 1, 2), 0.1, np.float32)
    assert mean_row(x) == pytest.approx([float(np.float32(0.1))] * 2, rel=1e-15)


@pytest.mark.parametrize(("n", "sizes"), [(0, []), (4, [4]), (9, [4, 4, 1])])
def test_blocks_cut_everything_once(n, sizes):
    cut = list(blocks(n, 4))
    assert [part.stop - part.start for part in cut] == sizes
    assert [i for part in cut for i in range(n)[part]] == list(range(n))
