import numpy as np
import pytest

from metrics.errors import MetricError
from metrics.frechet import frechet_estimate
from metrics.per_class import per_class

X = np.random.default_rng(0).normal(size=(200, 4))
Y = np.random.default_rng(1).normal(size=(190, 4))


def test_each_class_is_compared_with_itself_alone():
    labels, order = np.repeat([7, 3], 100), np.random.default_rng(2).permutation(200)
    found = per_class(X[order], Y, labels[order], np.repeat([3, 7], 95))
    assert sorted(found) == [3, 7]
    expected = frechet_estimate(X[100:], Y[:95])
    assert found[3].value == pytest.approx(expected.value, rel=1e-9)
    assert found[3].se == pytest.approx(expected.se, rel=1e-6)
    assert found.refused == {}


def test_classes_with_too_few_images_are_absent_with_a_reason():
    found = per_class(X, Y, np.repeat([0, 1, 2], [100, 51, 49]), np.repeat([0, 1, 2], [90, 49, 51]))
    assert list(found) == [0]
    assert found.refused == {
        1: "a class needs at least 50 images on each side, got 51 (real) and 49 (fake)",
        2: "a class needs at least 50 images on each side, got 49 (real) and 51 (fake)",
    }


@pytest.mark.parametrize(
    ("labels", "got"), [(np.zeros(199, int), r"int64 of shape \(199,\)"), (np.zeros(200), "float")]
)
def test_labels_that_do_not_fit_are_refused(labels, got):
    with pytest.raises(MetricError, match=f"real labels need to be 200 whole numbers, got {got}"):
        per_class(X, Y, labels, np.zeros(190, int))


def test_images_without_a_label_are_of_no_class():
    x = np.random.default_rng(0).normal(size=(160, 2))
    found = per_class(x, x, [0] * 60 + [-1] * 100, [0] * 100 + [-1] * 60)
    assert list(found) == [0]
    assert not found.refused
