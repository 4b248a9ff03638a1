"""Agreement is what published examples say, and reliabilities find simulated observers' own."""

import krippendorff
import numpy as np
import pytest
from scipy import sparse

from scoring.agreement import Reliability, agreement, dawid_skene, reliabilities, resampled_alpha
from scoring.weights import draw_weights, unit_keys

NAMES = ("observer", "stimulus", "generator", "truth", "response")

# Dawid and Skene (1979), table 1: how anaesthetists classed 45 patients, from 1 (fit) to 4. The
# first three digits are one anaesthetist's, who saw them three times; then four others.
ANAESTHETISTS = """
1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343
1111111 2223212 1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222
1111111 1111111 2322222 1111111 1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343
2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222
"""
PREVALENCE = (0.40, 0.42, 0.11, 0.07)

# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: four coders, twelve
# units, nominal alpha 0.743.
CODERS = (
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
)


def once(counts):
    """Keys by which every image counts once in the first draw."""
    keys = unit_keys(0, "image", [str(n) for n in range(100_000)])
    return keys[draw_weights(keys, 0, 1)[:, 0] == 1][: len(counts)]


def test_krippendorffs_published_example_has_its_alpha():
    values = [[row[unit] for row in CODERS] for unit in range(12)]
    counts = np.array([[own.count(value) for value in range(1, 6)] for own in values])
    shared = counts[counts.sum(axis=1) > 1]
    assert krippendorff.alpha(value_counts=counts, level_of_measurement="nominal") == pytest.approx(
        0.743, abs=5e-4
    )
    assert resampled_alpha(shared, once(shared), 1) == pytest.approx(0.743, abs=5e-4)


def test_draws_in_which_each_image_counts_once_are_the_librarys_alpha():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 9, (30, 2))
    alpha = krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
    assert resampled_alpha(counts, once(counts), 1)[0] == pytest.approx(alpha)


def test_perfect_agreement_is_1_and_coins_agree_by_chance(table_of):
    rng = np.random.default_rng(1)
    coins = [
        (f"o{o}", f"s{s}", "g", "fake", "real" if rng.random() < 0.5 else "fake")
        for o in range(8)
        for s in range(200)
    ]
    same = [
        (f"o{o}", f"s{s}", "g", "fake", ("real", "fake")[s % 2]) for o in range(3) for s in range(9)
    ]
    chance, perfect = agreement(table_of(coins, NAMES)), agreement(table_of(same, NAMES))
    assert chance.low < 0 < chance.high < 0.05
    assert (perfect.value, perfect.n, perfect.resampled) == (1, 9, "images")


def test_intervals_of_alpha_cover_the_agreement_of_endless_images(table_of):
    def study(rng, images):
        fakeness = rng.beta(1, 1, images)
        votes = rng.random((4, images)) < fakeness
        return table_of(
            [
                (f"o{o}", f"s{s}", "g", "fake", "fake" if votes[o, s] else "real")
                for o in range(4)
                for s in range(images)
            ],
            NAMES,
        )

    rng = np.random.default_rng(2)
    truth = 1 / 3  # 1 - E p(1 - p) / 1/4 for p even between 0 and 1
    found = [agreement(study(rng, 60), draws=400) for _ in range(150)]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert 0.90 <= covered <= 0.99


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (
            [("ann", "s1", "g", "fake", "real"), ("ann", "s2", "g", "fake", "fake")],
            "an interval needs at least 2 images judged by two observers, got 0",
        ),
        (
            [(o, s, "g", "fake", "real") for o in ("ann", "bob") for s in ("s1", "s2")],
            "not defined: all answers are the same",
        ),
    ],
)
def test_agreement_that_is_not_defined_says_why(table_of, rows, reason):
    assert agreement(table_of(rows, NAMES)).reason == reason


def test_answers_to_pairs_tell_nothing_of_agreement(table_of):
    rows = [
        (who, f"s{s}", "g" if s % 2 else "", "fake" if s % 2 else "real", said, str(s // 2))
        for who in ("ann", "bob")
        for s, said in enumerate(("fake", "real") * 4)
    ]
    table = table_of(rows, (*NAMES, "screen"))
    assert agreement(table).n == 0
    assert reliabilities(table) == {}


def test_an_image_of_the_same_id_but_another_generator_is_another_image(table_of):
    rows = [("ann", "s", "a", "fake", "real", "1"), ("bob", "s", "b", "fake", "real", "2")]
    assert agreement(table_of(rows, (*NAMES, "study"))).n == 0


def test_dawid_and_skenes_anaesthetists_give_the_published_classes():
    patients = ANAESTHETISTS.split()
    observer = [0, 0, 0, 1, 2, 3, 4]
    answers = []
    for grade in "1234":
        counts = np.zeros((5, len(patients)))
        for number, grades in enumerate(patients):
            np.add.at(counts[:, number], observer, [float(own == grade) for own in grades])
        answers.append(sparse.csr_array(counts))
    fit = dawid_skene(answers)
    assert fit.prevalence == pytest.approx(PREVALENCE, abs=0.006)
    assert fit.confusion.sum(axis=2) == pytest.approx(np.ones((5, 4)))
    assert fit.image[2] == pytest.approx([0, 1, 0, 0], abs=0.03)  # patient 3: "2" of 1122122


def test_simulated_observers_are_found_without_the_truth(table_of):
    rng = np.random.default_rng(3)
    truths = ("fake", "real")
    known = {f"o{n}": (0.55 + 0.04 * n, 0.95 - 0.04 * n) for n in range(10)}
    rows = []
    for name, (sensitivity, specificity) in known.items():
        for s in range(1500):
            truth = truths[s % 2]
            right = rng.random() < (sensitivity if truth == "fake" else specificity)
            said = truth if right else truths[(s + 1) % 2]
            rows.append((name, f"s{s}", "g" if truth == "fake" else "", truth, said))
    found = reliabilities(table_of(rows, NAMES))
    for name, (sensitivity, specificity) in known.items():
        own = found[name]
        assert (own.sensitivity, own.specificity) == pytest.approx(
            (sensitivity, specificity), abs=0.05
        )


def test_an_observers_weight_is_0_for_guessing_and_1_for_never_differing():
    assert Reliability(0.5, 0.5).weight == 0
    assert Reliability(1.0, 1.0).weight == 1
    assert Reliability(0.9, 0.7).weight == pytest.approx(0.6)


def test_an_observer_turned_round_has_a_weight_below_0(table_of):
    rows = [
        (f"o{o}", f"s{s}", "g", "fake", ("real", "fake")[(s + (o == 0)) % 2])
        for o in range(6)
        for s in range(40)
    ]
    found = reliabilities(table_of(rows, NAMES))
    assert found["o0"].weight == pytest.approx(-1, abs=1e-3)
    assert found["o1"].weight == pytest.approx(1, abs=1e-3)
