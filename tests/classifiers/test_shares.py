import pytest

from classifiers.errors import ClassifierError
from classifiers.shares import Share


@pytest.mark.parametrize(("count", "n"), [(1, 0), (-1, 4), (5, 4)])
def test_a_share_of_nothing_or_of_more_than_all_is_refused(count, n):
    with pytest.raises(ClassifierError, match=f"got {count} of {n}"):
        Share.of(count, n)
