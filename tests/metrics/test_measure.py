import json

import numpy as np
import pytest

from metrics.errors import ImageMismatch, MetricError, TooFewImages, UnknownName
from metrics.extractors.base import Features
from metrics.features import FeatureCache
from metrics.figures import figure_name
from metrics.frechet import frechet_estimate
from metrics.measure import measure
from pools import store


def test_each_figure_carries_its_extractor_n_and_interval(images, pixels):
    measurement = measure(images(40, seed=1), images(30, seed=2), extractor=pixels)
    inception, frechet, kernel = measurement.figures
    assert [each.name for each in measurement.figures] == ["IS-pixels", "FD-pixels", "KID-pixels"]
    assert (inception.n_real, inception.n_fake) == (None, 30)
    for figure in (frechet, kernel):
        assert (figure.n_real, figure.n_fake) == (40, 30)
        assert figure.low <= figure.value <= figure.high
        assert figure.extractor == measurement.extractor == "pixels (1; none)"
        assert figure.resampled == "generated images; the real ones are held fixed"


def test_figures_are_those_of_the_metrics_on_the_same_features(images, pixels):
    real, fake = images(40, seed=1), images(30, seed=2)
    (figure,) = measure(real, fake, metrics=["fid"], extractor=pixels).figures
    features = [pixels.extract(each).features for each in (real, fake)]
    assert figure.value == frechet_estimate(*features).value


def test_pools_and_arrays_of_equal_pixels_measure_the_same(tmp_path, images, pixels):
    real, fake = images(40, seed=1), images(30, seed=2)
    pool = store.create(tmp_path / "pool", count=30, resolution_px=8, channels=1)
    pool.write(0, fake)
    assert measure(real, pool, extractor=pixels) == measure(real, fake, extractor=pixels)


def test_a_cached_measurement_is_the_same_to_the_last_digit(tmp_path, images, pixels):
    cache = FeatureCache(tmp_path)
    real, fake = images(40, seed=1), images(30, seed=2)
    first = measure(real, fake, extractor=pixels, cache=cache)
    passes = pixels.passes
    assert measure(real, fake, extractor=pixels, cache=cache) == first
    assert pixels.passes == passes


def test_the_seed_moves_the_published_variants_alone(images, pixels):
    sets = images(40, seed=1), images(30, seed=2)
    first, second = (measure(*sets, extractor=pixels, seed=seed).figures for seed in (0, 1))
    assert [each.value for each in first] == [each.value for each in second]
    assert first[0].published.value != second[0].published.value


def test_progress_covers_both_sets(images, pixels):
    calls = []
    measure(
        images(70), images(3, seed=2), extractor=pixels, progress=lambda *each: calls.append(each)
    )
    assert calls == [(64, 73), (70, 73), (73, 73)]


def test_as_dict_is_json(images, pixels):
    measurement = measure(images(4), images(2, seed=2), extractor=pixels)
    plain = json.loads(json.dumps(measurement.as_dict(), allow_nan=False))
    assert plain == measurement.as_dict()
    assert plain["figures"][1]["low"] is None


@pytest.mark.parametrize(("n_real", "n_fake", "noted"), [(3, 9, True), (9, 3, True), (4, 4, False)])
def test_a_frechet_distance_of_too_few_images_says_so(n_real, n_fake, noted, images, pixels):
    figure = measure(images(n_real), images(n_fake, seed=1), extractor=pixels).figures[1]
    words = "n = 3 ≤ d = 3: biased upward; read KID beside it"
    assert figure.note == (words if noted else "")


@pytest.mark.parametrize("n", [(1, 5), (5, 1)])
def test_one_image_is_refused_before_any_is_extracted(n, images, pixels):
    with pytest.raises(TooFewImages, match=rf"got {n[0]} \(real\) and {n[1]} \(fake\)"):
        measure(images(n[0]), images(n[1]), extractor=pixels)
    assert pixels.passes == 0


@pytest.mark.parametrize("kind", [{"size": 9}, {"channels": 3}])
def test_sets_of_different_size_or_channels_are_refused(kind, images, pixels):
    with pytest.raises(ImageMismatch, match=r"got 8 × 8 × 1 \(real\) and . × . × . \(fake\)"):
        measure(images(5), images(5, **kind), extractor=pixels)


@pytest.mark.parametrize(
    ("metrics", "got"), [(["fid", "lpips"], "'lpips'"), ([], "none"), ([""], "''")]
)
def test_unknown_metrics_are_refused(metrics, got, images, pixels):
    with pytest.raises(UnknownName, match=f"among is, fid, kid, got {got}"):
        measure(images(5), images(5), metrics=metrics, extractor=pixels)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_draws_nothing_is_refused(seed, images, pixels):
    with pytest.raises(MetricError, match=f"0 to 4294967295, got {seed}"):
        measure(images(5), images(5), extractor=pixels, seed=seed)


def test_unknown_extractors_are_refused(images):
    with pytest.raises(UnknownName, match="one of lite0, got 'vgg'"):
        measure(images(5), images(5), extractor="vgg")


def test_an_inception_score_needs_classes(images, pixels, monkeypatch):
    monkeypatch.setattr(
        pixels, "extract", lambda batch: Features(np.ones((len(batch), 2), np.float32), None)
    )
    with pytest.raises(MetricError, match="extractor with classes, got pixels"):
        measure(images(5), images(5), metrics=["is"], extractor=pixels)


def test_only_inception_features_bear_the_bare_names():
    assert [figure_name(each, "inception") for each in ("is", "fid", "kid")] == ["IS", "FID", "KID"]
    assert figure_name("fid", "lite0") == "FD-lite0"
