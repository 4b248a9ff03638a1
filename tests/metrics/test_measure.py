import json
import re
from dataclasses import replace

import numpy as np
import pytest

from metrics.errors import ImageMismatch, MetricError, TooFewImages, UnknownName
from metrics.extractors.base import Features
from metrics.extractors.catalog import INCEPTION, create
from metrics.features import FeatureCache, pool_features
from metrics.figures import figure_name
from metrics.frechet import frechet_estimate
from metrics.image_pools import ArrayPool
from metrics.measure import ASKED, GROUPS, measure, measure_features, wanted
from metrics.statistics_file import Statistics
from metrics.table import table
from pools import store

FEATURES = ("is", "fid", "fid_inf", "kid", "precision", "recall", "density", "coverage")


@pytest.fixture
def sets(images):
    return images(60, seed=1), images(50, seed=2)


def named(measurement):
    return {each.metric: each for each in measurement.figures}


def test_each_figure_carries_its_extractor_n_and_interval(sets, pixels):
    measurement = measure(*sets, extractor=pixels)
    figures = named(measurement)
    assert tuple(figures) == FEATURES
    assert [each.name for each in measurement.figures][:4] == [
        "IS-pixels",
        "FD-pixels",
        "FD∞-pixels",
        "KID-pixels",
    ]
    assert (figures["is"].n_real, figures["is"].n_fake) == (None, 50)
    assert figures["is"].resampled == "generated images"
    for name in FEATURES[1:]:
        figure = figures[name]
        assert (figure.n_real, figure.n_fake) == (60, 50)
        assert figure.low <= figure.value <= figure.high
        assert figure.extractor == measurement.extractor == "pixels (1; none)"
        assert figure.resampled == "generated images; the real ones are held fixed"


def test_intervals_end_where_values_do(sets, pixels):
    figures = named(measure(*sets, extractor=pixels, metrics=["prdc", "fid"]))
    assert all(each.low >= 0 for each in figures.values())
    assert all(figures[name].high <= 1 for name in ("precision", "recall", "coverage"))


def test_figures_are_those_of_the_metrics_on_the_same_features(sets, pixels):
    figure = named(measure(*sets, metrics=["fid"], extractor=pixels))["fid"]
    features = [pool_features(ArrayPool(each), pixels).features for each in sets]
    assert figure.value == frechet_estimate(*features).value


def test_the_order_of_images_changes_no_digit(sets, pixels):
    real, fake = sets
    rng = np.random.default_rng(0)
    options = {"extractor": pixels, "train": real[:30] // 2, "metrics": ["all"]}
    first = measure(real, fake, **options)
    options["train"] = rng.permutation(options["train"])
    again = measure(rng.permutation(real), rng.permutation(fake), **options)
    assert again.figures == first.figures
    assert again.memorisation.words == first.memorisation.words


def test_pools_and_arrays_of_equal_pixels_measure_the_same(tmp_path, sets, pixels):
    pool = store.create(tmp_path / "pool", count=50, resolution_px=8, channels=1)
    pool.write(0, sets[1])
    assert measure(sets[0], pool, extractor=pixels) == measure(*sets, extractor=pixels)


def test_a_cached_measurement_is_the_same_to_the_last_digit(tmp_path, sets, pixels):
    cache = FeatureCache(tmp_path)
    first = measure(*sets, extractor=pixels, cache=cache)
    passes = pixels.passes
    assert measure(*sets, extractor=pixels, cache=cache) == first
    assert pixels.passes == passes


def test_the_seed_moves_splits_and_subsets_alone(sets, pixels):
    first, second = (
        named(measure(*sets, extractor=pixels, metrics=["is", "fid", "prdc"], seed=seed))
        for seed in (0, 1)
    )
    assert [each.value for each in first.values()] == [each.value for each in second.values()]
    assert first["is"].published.value != second["is"].published.value


def test_progress_covers_all_sets(images, pixels):
    calls = []
    measure(
        images(70),
        images(3, seed=2),
        extractor=pixels,
        metrics=["is"],
        progress=lambda *each: calls.append(each),
    )
    assert calls == [(0, 73), (0, 73), (64, 73), (70, 73), (73, 73)]


def test_as_dict_is_json(sets, pixels):
    measurement = measure(*sets, train=sets[0] // 2, extractor=pixels)
    plain = json.loads(json.dumps(measurement.as_dict(), allow_nan=False))
    assert plain == measurement.as_dict()
    assert set(plain) == {
        "extractor",
        "n_real",
        "n_fake",
        "n_train",
        "seed",
        "figures",
        "classes",
        "memorisation",
        "duplicates",
        "warnings",
    }
    assert set(plain["duplicates"]) == {"exact", "near", "images_in_exact", "images_in_near"}
    memorisation = plain["memorisation"]
    assert set(memorisation) == {
        "verdict",
        "words",
        "copied",
        "c_t",
        "authenticity",
        "closest",
        "farthest",
    }
    assert {"value", "low", "high", "n", "seen"} <= set(memorisation["copied"])
    assert {"fake", "real", "split", "distance", "space"} <= set(memorisation["closest"][0])


def test_a_frechet_distance_of_few_images_says_so_and_brings_company(images, pixels):
    measurement = measure(images(3), images(9, seed=1), metrics=["fid"], extractor=pixels)
    assert list(named(measurement)) == ["fid", "fid_inf", "kid"]
    words = "n = 3 ≤ d = 3: the covariance is not of full rank"
    assert measurement.figures[0].note.startswith(words)
    enough = measure(images(9), images(9, seed=1), metrics=["fid"], extractor=pixels)
    assert list(named(enough)) == ["fid"]
    assert enough.figures[0].note.startswith("biased upward, about as 1/n: compare at equal n")


def test_the_bias_that_fd_infinity_tells_is_said(sets, pixels):
    figures = named(measure(*sets, extractor=pixels, metrics=["fid", "fid_inf"]))
    bias = max(figures["fid"].value - figures["fid_inf"].value, 0)
    assert f"here by about {bias:.3g} for the fakes alone:" in figures["fid"].note
    assert figures["fid_inf"].note == ""


def test_fd_infinity_of_few_images_is_not_what_to_read_instead(images, pixels):
    pixels.dimensions = 60
    figures = named(measure(images(70), images(45, seed=1), extractor=pixels, metrics=["fid"]))
    assert figures["fid_inf"].note.startswith("n = 45 images are few: half as many would give")
    assert "here by roughly" in figures["fid"].note
    assert figures["fid"].note.endswith("; read KID instead")


@pytest.mark.parametrize("seed", range(1, 5))
def test_what_is_left_of_rounding_is_no_bias(images, pixels, seed):
    pixels.dimensions = 40
    one = np.repeat(images(1, seed=seed), 60, axis=0)
    figures = named(measure(images(70), one, extractor=pixels, metrics=["fid", "fid_inf"]))
    assert "here by about 0 for the fakes alone" in figures["fid"].note


@pytest.mark.parametrize("name", ["fid_inf", "fid_inf15"])
def test_fd_infinity_says_that_the_bias_of_few_real_images_stays_in(images, pixels, name):
    figures = named(
        measure(images(3), images(60, seed=1) // 2, extractor=pixels, metrics=["fid", name])
    )
    assert figures[name].note.startswith(
        "n = 3 real images ≤ d = 3: the bias that they bring stays"
    )


def test_a_caution_of_a_metric_stands_beside_its_figure(images, pixels):
    class Sure(type(pixels)):
        """Every image is of a class of its own."""

        def extract(self, images):
            flat = images.reshape(len(images), -1)
            classes = np.eye(256, dtype=np.float32)[flat[:, 0]]
            return Features(flat[:, :3].astype(np.float32), classes)

    figures = named(measure(images(40), images(40, seed=1), extractor=Sure(), metrics=["is"]))
    assert figures["is"].note.startswith("n = 40 images are few for the classes")


def test_what_needs_more_images_is_refused_with_the_reason(images, pixels):
    figures = named(
        measure(images(4), images(5, seed=1), extractor=pixels, metrics=["prdc", "fid"])
    )
    refused = figures["precision"]
    assert refused.value is refused.low is refused.se is None
    assert "got 4" in refused.note
    assert figures["fid"].value is not None


@pytest.mark.parametrize("n", [(1, 5), (5, 1)])
def test_one_image_is_refused_before_any_is_extracted(n, images, pixels):
    with pytest.raises(TooFewImages, match=r"at least 2 images, got 1 \((REAL|FAKE)\)"):
        measure(images(n[0]), images(n[1]), extractor=pixels)
    assert pixels.passes == 0


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ({"size": 9}, "images differ in size: REAL 8 × 8, FAKE 9 × 9 px"),
        ({"channels": 3}, "REAL is grey and the other in colour"),
    ],
)
def test_sets_of_different_size_or_channels_are_measured_with_a_warning(
    kind, words, images, pixels
):
    measurement = measure(images(9), images(9, **kind), metrics=["fid"], extractor=pixels)
    assert any(each.startswith(words) for each in measurement.warnings)


def test_the_same_images_twice_are_warned_of(images, pixels):
    array = images(20)
    same = measure(array, array[::-1], metrics=["fid"], extractor=pixels)
    assert same.figures[0].value == pytest.approx(0, abs=1e-9)
    assert same.warnings == ("REAL and FAKE are the same images: is this what was meant?",)
    rgb = measure(array, array.repeat(3, axis=3), metrics=["fid"], extractor=pixels)
    assert same.warnings[0] in rgb.warnings
    half = np.concatenate([array[:10], images(10, seed=1)])
    assert measure(array, half, metrics=["fid"], extractor=pixels).warnings == (
        "50% of FAKE's images are in REAL, pixel for pixel: is this what was meant?",
    )
    few = np.concatenate([array[:9], images(11, seed=1)])
    assert measure(array, few, metrics=["fid"], extractor=pixels).warnings == ()


def test_figures_that_no_number_holds_are_refused(images, pixels):
    enormous = Statistics(np.full(3, 1e200), np.eye(3) * 1e300, None, None)
    found = measure(enormous, images(60), metrics=["fid", "fid_inf"], extractor=pixels)
    assert [each.value for each in found.figures] == [None, None]
    assert "beyond what numbers hold" in found.figures[0].note


def test_held_out_images_that_were_learned_from_are_warned_of(images, pixels):
    array, fake = images(20), images(9, seed=3)
    found = measure(array, fake, train=array[:12], metrics=["fid"], extractor=pixels)
    assert found.warnings[0].startswith("60% of the held-out images are training images")
    found = measure(array, fake, train=array[:9], metrics=["fid"], extractor=pixels)
    assert found.warnings == ()


def test_training_images_give_the_score_of_a_perfect_generator(images, pixels):
    real, fake, train = images(60, seed=1), images(50, seed=2), images(80, seed=3)
    measurement = measure(real, fake, train=train, extractor=pixels)
    perfect = pool_features(ArrayPool(train), pixels).first(50)
    real_features = pool_features(ArrayPool(real), pixels)
    expected = named(measure_features(real_features, perfect, metrics=["fid"]))["fid"]
    reference = named(measurement)["fid"].reference
    assert (reference.value, reference.low, reference.high, reference.n) == (
        expected.value,
        expected.low,
        expected.high,
        50,
    )
    assert measurement.n_train == 80
    assert all(each.reference for name, each in named(measurement).items() if name in FEATURES)


def test_fewer_training_images_than_fakes_say_how_many(images, pixels):
    measurement = measure(
        images(60), images(50, seed=2), train=images(20, seed=3), extractor=pixels, metrics=["kid"]
    )
    assert measurement.figures[0].reference.n == 20


def test_duplicates_are_named_by_position(images, pixels):
    fake = images(20, seed=2)
    fake[13] = fake[4]
    found = measure(images(20), fake, extractor=pixels, metrics=["duplicates"]).duplicates
    assert found.exact == ((4, 13),)


def test_classes_are_measured_where_both_sides_have_labels(images, pixels):
    labels = np.repeat([0, 1, 2], [60, 60, 20])
    real, fake = ArrayPool(images(140), labels), ArrayPool(images(140, seed=1), labels)
    classes = measure(real, fake, metrics=["fid"], extractor=pixels).classes
    assert [(each.label, each.name, each.n_real, each.n_fake) for each in classes] == [
        (0, "0", 60, 60),
        (1, "1", 60, 60),
        (2, "2", 20, 20),
    ]
    first = measure(real.images[:60], fake.images[:60], metrics=["fid"], extractor=pixels).figures
    assert (classes[0].value, classes[0].low) == (first[0].value, first[0].low)
    assert classes[2].value is None
    assert "at least 50 images" in classes[2].note
    assert measure(real, fake.images, metrics=["fid"], extractor=pixels).classes == ()


def test_the_distance_of_a_class_of_few_images_says_so(images, pixels):
    pixels.dimensions = 60
    labels = np.repeat([0, 1, 2, 3], [60, 61, 55, 20])
    real, fake = ArrayPool(images(196), labels), ArrayPool(images(196, seed=1), labels)
    measurement = measure(real, fake, metrics=["fid"], extractor=pixels)
    zero, one, two, three = (each.note for each in measurement.classes)
    assert one == ""
    assert zero.startswith("n = 60 ≤ d = 60: biased upward, more than the figure of all images")
    assert two.startswith("n = 55 ≤ d = 60: ")
    assert "at least 50 images" in three
    said = table(measurement)
    assert said.count("classes: biased upward, the more the fewer the images") == 1
    assert "class 3: a class needs" in said
    assert "class 2: " not in said


def test_one_image_again_and_again_has_no_interval_and_says_why(sets, pixels, images):
    fake = np.repeat(images(1, seed=5), 60, axis=0)
    for figure in measure(sets[0], fake, extractor=pixels).figures:
        if figure.metric in FEATURES and figure.value is not None:
            assert figure.low is figure.high is figure.se is None
            assert figure.method == "none: all generated images are the same one"


def test_other_images_of_equal_features_have_no_interval_either(sets, pixels, images):
    fake = images(60, seed=5)
    fake[:, 0] = 7
    labels = np.zeros(60, np.int64)
    measurement = measure(ArrayPool(sets[0], labels), ArrayPool(fake, labels), extractor=pixels)
    figures = named(measurement)
    for figure in (figures["fid"], figures["kid"], figures["is"]):
        assert figure.low is None
        assert "no image makes a difference" in figure.method
    assert measurement.classes[0].value > 0
    assert measurement.classes[0].low is None


@pytest.fixture
def statistics(sets, pixels):
    found = pool_features(ArrayPool(sets[0]), pixels)
    covariance = np.cov(found.features.astype(np.float64), rowvar=False)
    return Statistics(found.features.mean(axis=0, dtype=np.float64), covariance, None, None)


def test_statistics_in_place_of_images_give_the_same_distance(sets, statistics, pixels):
    measurement = measure(statistics, sets[1], extractor=pixels)
    expected = named(measure(*sets, extractor=pixels, metrics=["fid"]))["fid"]
    figures = named(measurement)
    assert figures["fid"].value == pytest.approx(expected.value, rel=1e-6)
    assert figures["fid"].n_real is None
    assert not {"kid", "precision"} & set(figures)
    assert "statistics file that does not tell its extractor" in measurement.warnings[0]


def test_statistics_of_generated_images_give_a_value_without_interval(sets, statistics, pixels):
    figure = named(measure(sets[0], statistics, extractor=pixels))["fid"]
    assert figure.value == pytest.approx(0, abs=1e-9)
    assert figure.low is figure.n_fake is None


def test_statistics_of_the_same_images_are_warned_of(sets, statistics, pixels):
    warning = "REAL and FAKE have the same mean: are they the same images?"
    for same in ((statistics, statistics), (sets[0], statistics), (statistics, sets[0])):
        assert warning in measure(*same, metrics=["fid"], extractor=pixels).warnings
    for other in ((sets[1], statistics), (statistics, sets[1])):
        assert warning not in measure(*other, metrics=["fid"], extractor=pixels).warnings


def test_two_statistics_files_can_be_compared(statistics, pixels):
    other = replace(statistics, mean=statistics.mean + 1)
    assert named(measure(statistics, other, extractor=pixels))["fid"].value == pytest.approx(3)


@pytest.mark.parametrize(
    ("known", "end"),
    [
        ("neither", "read FD∞ and KID instead"),
        (
            "real",
            "read FD∞ instead; KID would need the images of REAL, in place of their statistics",
        ),
        ("fake", "compare at equal n only; FD∞ and KID would need the images of FAKE, in place .*"),
        ("both", "compare at equal n only; FD∞ and KID would need the images of REAL and FAKE, .*"),
    ],
)
def test_few_images_are_told_what_to_read_that_can_be_had(sets, statistics, pixels, known, end):
    few = replace(statistics, n=2)
    real = few if known in ("real", "both") else sets[0][:3]
    fake = few if known in ("fake", "both") else sets[1]
    figures = named(measure(real, fake, extractor=pixels, metrics=["fid"]))
    assert re.search(f"; {end}$", figures["fid"].note)
    assert all(each.value is not None for each in figures.values())


def test_statistics_leave_what_needs_images_refused_if_asked_for(sets, statistics, pixels):
    figures = named(measure(statistics, sets[1], extractor=pixels, metrics=["fid", "kid"]))
    assert figures["kid"].value is None
    assert figures["kid"].note == "needs the images of REAL, of which there are only statistics"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"extractor": "another (1; none)"}, "features of one extractor, got another"),
        (
            {"mean": np.zeros(4), "covariance": np.eye(4), "extractor": None},
            "REAL is statistics of 4 features, and pixels gives 3: choose the extractor",
        ),
        (
            {"mean": np.zeros(2048), "covariance": np.eye(2048), "extractor": None},
            "the extractor that they are of, .* tf1, pytorch-fid or clean",
        ),
    ],
)
def test_statistics_of_other_features_are_refused_before_all_images_are_seen(
    wrong, words, sets, statistics, pixels, monkeypatch
):
    monkeypatch.setattr("metrics.measure.features_of", pytest.fail)
    with pytest.raises(ImageMismatch, match=words):
        measure(replace(statistics, **wrong), sets[1], extractor=pixels)


def test_large_sets_are_represented_by_their_first_images_and_figures_say_so(
    images, pixels, monkeypatch
):
    monkeypatch.setattr("metrics.compute.PAIRWISE_IMAGES", 30)
    real, fake = images(60, seed=1), images(20, seed=2)
    figures = named(measure(real, fake, extractor=pixels, metrics=["fid", "kid"]))
    assert (figures["kid"].n_real, figures["fid"].n_real) == (30, 60)
    assert "images a side, in the order of digests" in figures["kid"].note
    few = pool_features(ArrayPool(real), pixels).first(30)
    alone = measure_features(few, pool_features(ArrayPool(fake), pixels), metrics=["kid"])
    assert figures["kid"].value == alone.figures[0].value


@pytest.mark.parametrize(
    ("metrics", "got"), [(["fid", "lpips"], "'lpips'"), ([], "none"), ([""], "''")]
)
def test_unknown_metrics_are_refused(metrics, got, images, pixels):
    with pytest.raises(UnknownName, match=f"among is, fid, .*, got {got}"):
        measure(images(5), images(5), metrics=metrics, extractor=pixels)


def test_groups_stand_for_their_metrics():
    assert wanted(["prdc", "fid"]) == ("precision", "recall", "density", "coverage", "fid")
    assert wanted(["all"]) == ASKED
    assert wanted(None) == wanted(["default", "is"]) == GROUPS["default"]


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_draws_nothing_is_refused(seed, images, pixels):
    with pytest.raises(MetricError, match=f"0 to 4294967295, got {seed}"):
        measure(images(5), images(5), extractor=pixels, seed=seed)


@pytest.mark.parametrize("name", ["vgg", "onnx:", "lite0:x", ""])
def test_unknown_extractors_are_refused(name):
    with pytest.raises(UnknownName, match=f"one of lite0, .*, got '{name}'"):
        create(name)


def test_what_an_extractor_cannot_give_is_left_out_or_refused_if_asked_for(
    sets, pixels, monkeypatch
):
    monkeypatch.setattr(
        pixels, "extract", lambda batch: Features(np.ones((len(batch), 2), np.float32), None)
    )
    assert "is" not in named(measure(*sets, extractor=pixels, metrics=None))
    figures = named(measure(*sets, extractor=pixels, metrics=["is", "cmmd", "diversity"]))
    assert [each.value for each in figures.values()] == [None, None, None]
    assert figures["is"].note == "needs an extractor with classes, and pixels has none"
    assert figures["cmmd"].note == "is defined on the extractor clip, got pixels"
    assert figures["diversity"].note.startswith("needs an extractor whose activations can be seen")


def test_a_frechet_distance_is_a_fid_on_inception_alone_and_tells_its_resize():
    assert figure_name("fid", "lite0") == "FD-lite0"
    assert figure_name("fid_inf", "clean") == "FID∞-clean"
    names = {figure_name(metric, each) for metric in ("is", "fid", "kid") for each in INCEPTION}
    assert len(names) == 3 * len(INCEPTION)
