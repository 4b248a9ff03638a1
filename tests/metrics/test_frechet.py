import numpy as np
import pytest

from metrics.errors import MetricError, NotFinite, TooFewImages
from metrics.frechet import frechet_distance, frechet_estimate
from metrics.gaussian import Gaussian
from metrics.moments import moments


def of_features(x):
    return Gaussian.of_features(x)


def of_moments(x):
    return Gaussian.of_moments(moments(x))


def distance(real, fake, fit=of_features):
    return frechet_distance(fit(real), fit(fake)).value


def normal(n, d, seed, scale=1.0):
    return scale * np.random.default_rng(seed).normal(size=(n, d))


@pytest.mark.parametrize("fit", [of_features, of_moments])
@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize(
    ("name", "n_a", "n_b"),
    [("fid_600_500", 600, 500), ("fid_rankdef_40_50", 40, 50), ("fid_rankdef_40_500", 40, 500)],
)
def test_distances_equal_the_80_bit_references(recorded, name, n_a, n_b, swap, fit):
    sides = (recorded.a[:n_a], recorded.b[:n_b])
    got = distance(*(sides[::-1] if swap else sides), fit=fit)
    assert got == pytest.approx(recorded.values[name], abs=1e-10)


@pytest.mark.parametrize("n", [2, 10, 40, 200])
def test_identical_sets_are_at_distance_zero(n):
    x = normal(n, 40, seed=n)
    result = frechet_distance(of_features(x), of_features(x))
    assert 0 <= result.value < 1e-12
    assert -1e-12 < result.residual <= 0


@pytest.mark.parametrize(("n", "d"), [(200, 5), (4, 50)])
def test_a_shift_of_the_mean_counts_squared(n, d):
    x = normal(n, d, seed=1)
    assert distance(x, x + 3.0) == pytest.approx(9.0 * d, rel=1e-12)


@pytest.mark.parametrize(("n", "d"), [(200, 5), (4, 50)])
def test_scaling_by_s_costs_the_variance_times_one_minus_s_squared(n, d):
    x = normal(n, d, seed=2)
    x -= x.mean(axis=0)
    assert distance(x, 3 * x) == pytest.approx(4 * x.var(axis=0, ddof=1).sum(), rel=1e-12)


def test_commuting_gaussians_have_the_closed_form():
    a, b = np.array([1.0, 4.0, 9.0]), np.array([4.0, 1.0, 0.25])
    turn, _ = np.linalg.qr(normal(3, 3, seed=3))
    first = Gaussian(100, np.zeros(3), turn @ np.diag(a) @ turn.T)
    second = Gaussian(100, np.zeros(3), turn @ np.diag(b) @ turn.T)
    expected = ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    assert frechet_distance(first, second).value == pytest.approx(expected, rel=1e-12)


def test_dead_columns_change_nothing():
    x, y = normal(200, 4, seed=4), normal(150, 4, seed=5, scale=2)
    dead_x, dead_y = (np.insert(side, [1, 3], 0.1, axis=1) for side in (x, y))
    assert distance(dead_x, dead_y) == pytest.approx(distance(x, y), rel=1e-12)
    assert frechet_estimate(dead_x, dead_y).se == pytest.approx(frechet_estimate(x, y).se)


def test_a_column_that_is_dead_on_one_side_costs_the_others_variance():
    x, y = normal(200, 4, seed=6), normal(150, 4, seed=7)
    flat = y.copy()
    flat[:, 2] = x[:, 2].mean()
    live = [0, 1, 3]
    expected = distance(x[:, live], y[:, live]) + x[:, 2].var(ddof=1)
    assert distance(x, flat) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("copies", [1, 9])
def test_one_image_over_and_over_is_a_point(copies):
    x = normal(200, 4, seed=8)
    point = np.tile([[1.0, 2.0, 3.0, 4.0]], (2 * copies, 1))
    expected = ((x.mean(axis=0) - point[0]) ** 2).sum() + x.var(axis=0, ddof=1).sum()
    assert distance(x, point) == pytest.approx(expected, rel=1e-12)
    assert frechet_estimate(x, point).se in (None, pytest.approx(0.0, abs=1e-12))


def test_a_few_images_repeated_often_are_as_far_as_the_few():
    x, few = normal(300, 30, seed=9), normal(10, 30, seed=10)
    many = np.tile(few, (40, 1))
    rows = (few - few.mean(axis=0)) / np.sqrt(len(few) - 1 / 40)
    exact = Gaussian(10, few.mean(axis=0), rows=rows)
    got = distance(x, many)
    assert got == pytest.approx(frechet_distance(of_features(x), exact).value, rel=1e-9)


def test_linearly_dependent_columns_lose_no_digits():
    mixing = normal(12, 20, seed=11)
    x, y = normal(400, 12, seed=12) @ mixing, normal(300, 12, seed=13, scale=2) @ mixing
    as_rows = [
        Gaussian(len(s), s.mean(0), rows=(s - s.mean(0)) / np.sqrt(len(s) - 1)) for s in (x, y)
    ]
    assert distance(x, y) == pytest.approx(frechet_distance(*as_rows).value, rel=1e-9)


def test_two_images_are_enough_and_one_is_refused():
    x = normal(2, 3, seed=14)
    estimate = frechet_estimate(x, x + 1)
    assert estimate.value == pytest.approx(3.0)
    assert estimate.se is None
    assert estimate.interval() is None
    with pytest.raises(TooFewImages, match="at least 2 images, got 1"):
        frechet_estimate(x, x[:1])


def test_nan_and_unequal_dimensions_are_refused():
    x = normal(5, 3, seed=15)
    with pytest.raises(NotFinite, match="first in image 0"):
        frechet_estimate(x, np.full((5, 3), np.inf))
    with pytest.raises(MetricError, match=r"got 3 \(real\) and 2 \(fake\)"):
        frechet_estimate(x, x[:, :2])


@pytest.mark.parametrize(("n", "d", "tolerance"), [(200, 6, 0.12), (30, 40, 0.3)])
def test_the_standard_error_is_the_spread_over_fresh_samples(n, d, tolerance):
    real = Gaussian.of_features(normal(400, d, seed=16))
    rng = np.random.default_rng(17)
    scales = np.linspace(0.5, 2.0, d)
    estimates = [frechet_estimate(real, 0.3 + scales * rng.normal(size=(n, d))) for _ in range(200)]
    spread = np.std([each.value for each in estimates], ddof=1)
    assert {each.method for each in estimates} == {"jackknife"}
    assert np.mean([each.se for each in estimates]) == pytest.approx(spread, rel=tolerance)


def test_a_reference_may_be_fitted_before_and_of_unknown_n():
    x, y = normal(200, 4, seed=18), normal(150, 4, seed=19, scale=2)
    fitted = of_moments(x)
    unknown = Gaussian(None, fitted.mean, fitted.covariance)
    expected = frechet_estimate(x, y)
    assert frechet_estimate(fitted, y) == expected
    assert frechet_estimate(unknown, y) == expected


def test_moments_of_the_fakes_alone_give_a_value_without_an_error():
    x, y = normal(200, 4, seed=20), normal(150, 4, seed=21, scale=2)
    got = frechet_estimate(x, of_moments(y))
    assert got.value == frechet_estimate(x, y).value
    assert got.se is None
    assert "needs the features" in got.method


@pytest.mark.parametrize("power", [2, 6])
def test_spectra_that_fall_steeply_lose_no_digits(power):
    """Of x and Dx, with D diagonal in the eigenvectors of x, the distance has a closed form."""
    d = 120
    turn, _ = np.linalg.qr(normal(d, d, seed=22))
    variances = np.arange(1.0, d + 1) ** -power
    stretch = np.random.default_rng(23).uniform(0.5, 2.0, d)
    first = Gaussian(None, np.zeros(d), (turn * variances) @ turn.T)
    second = Gaussian(None, np.zeros(d), (turn * variances * stretch**2) @ turn.T)
    result = frechet_distance(first, second)
    assert result.value == pytest.approx((variances * (1 - stretch) ** 2).sum(), rel=1e-11)
    assert result.method == "eigenvalues"


def test_float32_features_are_computed_in_float64():
    x, y = (normal(90, 5, seed).astype(np.float32) for seed in (24, 25))
    assert frechet_estimate(x, y) == frechet_estimate(x.astype(float), y.astype(float))


def test_a_gaussian_without_a_covariance_is_a_mistake_of_the_caller():
    with pytest.raises(TypeError, match="its covariance or its rows"):
        frechet_distance(Gaussian(5, np.zeros(3)), Gaussian(5, np.zeros(3), np.eye(3)))
