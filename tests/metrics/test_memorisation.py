import re

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from metrics.errors import MetricError, NotFinite, TooFewImages
from metrics.looks import Looks
from metrics.memorisation import memorisation
from pools.sources import load

D = 16
CENTRES = 2 * np.random.default_rng(0).normal(size=(6, D))


def real(n, seed):
    """Draws from a mixture of six clusters: the truth that a generator should learn."""
    rng = np.random.default_rng(seed)
    drawn = CENTRES[rng.integers(0, 6, n)] + rng.normal(size=(n, D))
    return drawn.astype(np.float32)


def timid(n, seed=10):
    """Draws from the same clusters, but leaves out what is unusual."""
    rng = np.random.default_rng(seed)
    return CENTRES[rng.integers(0, 6, n)] + 0.7 * rng.normal(size=(n, D))


def copies(train, n, noise=0.0, seed=9):
    rng = np.random.default_rng(seed)
    drawn = train[rng.integers(0, len(train), n)] + noise * rng.normal(size=(n, train.shape[1]))
    return drawn.astype(np.float32)


@pytest.fixture(scope="module")
def train():
    return real(500, seed=1)


@pytest.fixture(scope="module")
def held_out():
    return real(300, seed=2)


def test_a_copier_is_told_with_its_share(train, held_out):
    found = memorisation(train, held_out, copies(train, 400))
    assert found.verdict == "copies"
    assert 390 < found.copied.low < found.copied.value == found.copied.high == 400
    assert found.authenticity.value == 0
    assert found.c_t.interval()[1] < 0
    assert {match.ratio for match in found.closest} == {0.0}


def test_a_copier_with_small_noise_is_a_copier(train, held_out):
    found = memorisation(train, held_out, copies(train, 400, noise=0.1))
    assert found.verdict == "copies"
    assert found.copied.low > 380


def test_a_generator_that_copies_one_sample_in_twenty_is_told(train, held_out):
    fake = np.concatenate([real(570, seed=3), copies(train, 30, noise=0.1)])
    found = memorisation(train, held_out, fake)
    assert found.verdict == "copies"
    assert found.copied.low < 30 < found.copied.high
    assert found.c_t.interval()[1] > 0  # on the whole its samples are not too close
    assert {match.fake for match in found.closest} <= set(range(570, 600))


def test_copies_are_found_with_no_images_held_out(train):
    found = memorisation(train, None, copies(train, 200, noise=0.1))
    assert found.verdict == "copies"
    assert (found.c_t, found.closest[0].held_out) == (None, None)
    assert found.closest[0].nearest_in_train


def test_twins_in_the_training_set_hide_no_copy(train, held_out):
    twice = np.concatenate([train, train])
    found = memorisation(twice, held_out, copies(train, 400, noise=0.1))
    assert found.verdict == "copies"


def test_a_generator_that_leaves_out_the_unusual_is_close_and_no_copier(train, held_out):
    found = memorisation(train, held_out, timid(400))
    assert found.verdict == "close"
    assert found.c_t.interval()[1] < 0
    assert found.copied.low <= found.copied.expected


def test_an_under_fitted_generator_is_far_and_no_copier(train, held_out):
    found = memorisation(train, held_out, 1.5 * real(400, seed=4))
    assert found.verdict == "none"
    assert found.c_t.interval()[0] > 0
    assert found.authenticity.value > 0.9
    assert "farther from" in found.words


def test_an_honest_generator_is_accused_in_less_than_5_percent_of_cases():
    verdicts, z = [], []
    for seed in range(100):
        train, held_out, fake = (real(n, 3 * seed + i) for i, n in enumerate((250, 150, 150)))
        found = memorisation(train, held_out, fake)
        verdicts.append(found.verdict)
        z.append(found.c_t.value / found.c_t.se)
    assert verdicts.count("none") >= 94
    assert abs(np.mean(z)) < 0.3
    assert np.std(z) == pytest.approx(1, abs=0.2)


def test_authenticity_is_the_definition_of_alaa():
    train = np.array([[0.0], [1.0], [3.0], [10.0], [20.0], [40.0], [80.0]])
    fake = np.array([[0.5], [2.0], [-1.5], [41.0]])
    # nearest training image and its own nearest: .5 ≤ 1; 1 ≤ 1, a tie is no authenticity; 1.5 > 1;
    # 1 ≤ 20
    found = memorisation(train, None, fake)
    assert found.authenticity.value == 0.25
    assert found.authenticity.se == pytest.approx(np.sqrt(3 / 8 * 5 / 8 / 8))


def test_matches_name_the_nearest_images_and_the_ratio():
    train = np.arange(8.0)[:, None] ** 2
    found = memorisation(train, np.array([[5.0], [30.0]]), np.array([[4.5], [47.0]]))
    near, far = found.closest
    assert (near.fake, near.train, near.train_distance) == (0, 2, 0.5)
    assert (near.held_out, near.held_out_distance) == (0, 0.5)
    assert near.nearest_in_train
    assert near.ratio == pytest.approx(0.5 / 21)  # 4 to 25, its fifth after 1, 0, 9 and 16
    assert (far.fake, far.train, far.ratio) == (1, 7, pytest.approx(2 / 45))
    assert found.farthest == (far, near)


def test_a_ratio_without_surroundings_is_0_for_a_copy_and_infinite_otherwise():
    train = np.concatenate([np.zeros((7, 2)), np.full((7, 2), 9.0)])
    found = memorisation(train, None, np.array([[0.0, 0.0], [0.0, 1.0]]))
    assert [match.ratio for match in found.closest] == [0, np.inf]


def test_the_seed_draws_the_cells_and_nothing_else(train):
    held_out, fake = real(400, seed=8), real(400, seed=9)
    first, again, other = (memorisation(train, held_out, fake, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert other.c_t != first.c_t
    assert (other.copied, other.closest) == (first.copied, first.closest)


def test_words_say_the_verdict_with_its_figures(train, held_out):
    said = memorisation(train, held_out, copies(train, 200)).words
    assert said.startswith("About 200 of 200 samples (95 % interval 196 to 200) are copies")
    said = memorisation(train, held_out, timid(200)).words
    assert said.startswith("Samples lie closer to the training images than held-out real")
    assert re.search(r"C_T −\d+\.\d\d, 95 % interval −\d+\.\d\d to −\d+\.\d\d;", said)
    said = memorisation(train, held_out, real(200, seed=5)).words
    assert said.startswith("No sign of copying: samples are no closer to")
    said = memorisation(train, None, real(200, seed=5)).words
    assert said.endswith("cannot be said: no real images were held out to compare with.")


def test_closeness_is_not_judged_by_few_images_or_by_held_out_training_images(train, held_out):
    few = memorisation(train, held_out[:49], real(60, seed=5))
    assert (few.verdict, few.c_t) == ("unknown", None)
    assert few.unjudged.endswith("got 60 and 49")
    wrong = memorisation(train, train[:100], real(60, seed=5))
    assert wrong.verdict == "unknown"
    assert wrong.unjudged == "most held-out real images are training images"


def test_held_out_training_images_hide_no_copies(train, pictures):
    assert memorisation(train, train[:100], train[:60]).verdict == "copies"
    learned, looks = train[:100], Looks.of(pictures[0][:100])
    few = Looks.of(pictures[0][:60])
    again = memorisation(learned, learned, train[:60], (looks, looks, few))
    assert (again.verdict, again.copied.within) == ("copies", 60)
    assert again.unjudged == "most held-out real images are training images"
    assert again.closest[0].held_out is None


def test_refusals_are_named(train, held_out):
    with pytest.raises(TooFewImages, match="7 training images and 2 samples, got 6 and 300"):
        memorisation(train[:6], None, held_out)
    with pytest.raises(TooFewImages, match="got 500 and 1"):
        memorisation(train, None, held_out[:1])
    with pytest.raises(TooFewImages):
        memorisation(train, held_out[:0], held_out)
    with pytest.raises(MetricError, match="same dimensions"):
        memorisation(train, None, held_out[:, :5])
    with pytest.raises(NotFinite, match="in image 1"):
        memorisation(train, None, np.where(np.arange(3)[:, None] == 1, np.nan, train[:3]))


# What features do not see: pixels


def blind(n, seed):
    """Features that tell nothing of the images."""
    return real(n, seed)


def noisy(images, level, seed=0):
    noise = np.random.default_rng(seed).normal(0, level, images.shape)
    return (images + noise).round().clip(0, 255).astype(np.uint8)


def seen(train, held_out, fake):
    """The judgement of images by features that tell nothing, and by looks."""
    new = None if held_out is None else Looks.of(held_out)
    return memorisation(
        blind(len(train), seed=1),
        None if held_out is None else blind(len(held_out), seed=2),
        blind(len(fake), seed=3),
        (Looks.of(train), new, Looks.of(fake)),
    )


@pytest.fixture(scope="module", params=["mnist", "fashion-mnist"])
def pictures(request):
    """1,000 images that were learned, 500 held out and 1,500 more, in random order."""
    images = load(request.param, limit=3000).images
    return np.split(np.random.default_rng(0).permutation(images), [1000, 1500])


@pytest.mark.parametrize(
    ("changed", "seen_by", "least"),
    [
        (lambda x: noisy(x, 10), ("near", "pixels"), 285),
        (lambda x: noisy(x, 25), ("pixels",), 210),
        (lambda x: noisy(0.6 * x + 40, 5), ("pixels",), 280),
        (lambda x: x, ("near", "exact", "pixels"), 290),
    ],
    ids=["noise", "more noise", "faint and bright", "nothing"],
)
def test_copies_that_features_miss_are_seen_in_pixels(pictures, changed, seen_by, least):
    train, held_out, _ = pictures
    found = seen(train, held_out, changed(train[:300]))
    assert found.verdict == "copies"
    assert found.copied.seen in seen_by
    assert found.copied.low > least


def test_a_few_noisy_copies_are_seen_and_shown(pictures):
    train, held_out, new = pictures
    found = seen(train, held_out, np.concatenate([new[:760], noisy(train[:40], 10)]))
    assert found.verdict == "copies"
    assert found.copied.low < 40 <= found.copied.high
    assert {match.fake for match in found.closest} <= set(range(760, 800))
    assert all(match.train == match.fake - 760 for match in found.closest)
    assert {match.space for match in found.closest} == {"pixels"}
    assert {match.space for match in found.farthest} == {"features"}


def test_noisy_copies_are_seen_with_no_images_held_out(pictures):
    assert seen(pictures[0], None, noisy(pictures[0][:300], 20)).verdict == "copies"


def test_new_images_are_never_copies(pictures):
    train, held_out, new = pictures
    for fake in np.split(new, 5):
        assert seen(train, held_out, fake).verdict == "none"


def test_blurred_new_images_are_neither_close_nor_copies(pictures):
    train, held_out, new = pictures
    fake = gaussian_filter(new[:500].astype(float), (0, 0.7, 0.7, 0)).astype(np.uint8)
    assert seen(train, held_out, fake).verdict == "none"


def test_exact_copies_too_few_to_show_otherwise_are_copies(pictures):
    train, held_out, new = pictures
    fake = np.concatenate([new[:888], train[:12]])
    for new_images in (held_out, None):
        found = seen(train, new_images, fake)
        assert found.verdict == "copies"
        assert 1 < found.copied.low < 12 <= found.copied.high
        assert [match.duplicate for match in found.closest[:13]] == ["exact"] * 12 + [""]


def test_images_that_data_repeat_are_no_copies(pictures):
    """Where 1 held-out image in 10 is a training image again, samples may be so too."""
    train, held_out, new = pictures
    again = np.concatenate([held_out, train[:50]])
    fake = np.concatenate([new[:450], train[50:100]])
    found = seen(train, again, fake)
    assert found.verdict == "none"
    assert found.words.endswith(" 50 equal a training image in every pixel.")


def test_words_say_how_copies_were_seen(pictures):
    train, held_out, new = pictures
    said = seen(train, held_out, noisy(train[:300], 25)).words
    assert "are copies of training images, up to noise: " in said
    assert "lie that close to one once reduced to 12 × 12 grey fields" in said
    exact = np.concatenate([new[:850], train[:50]])
    said = seen(train, held_out, exact).words
    assert re.search("50 equal (one|a training image) in every pixel", said)
    said = seen(train, held_out, new[:300]).words
    assert re.search(r"At most \d+ of 300 are copies, exact or nearly so \(by .+\)\.$", said)


def test_held_out_images_in_place_of_samples_say_what_authenticity_is_without_copying():
    train, held_out, fake = real(500, seed=1), real(300, seed=2), real(200, seed=3)
    found = memorisation(train, held_out, fake)
    assert found.new_authenticity == memorisation(train, None, held_out[:200]).authenticity
    assert memorisation(train, None, fake).new_authenticity is None
