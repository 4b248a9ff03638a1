"""Images that people name: whether an attack is valid to them, and what a table of names tells."""

import json

import numpy as np
import pytest

from scoring.command import main
from scoring.dictionary import NONE
from scoring.exclusions import Criteria, exclude
from scoring.figure import Figure
from scoring.files import read_trials
from scoring.live import Live
from scoring.naming import Regions, Verdict, human_valid, opinions, three_sets
from scoring.naming_report import naming_report, rightly_named
from scoring.rules import BadTable
from scoring.score import score
from scoring.simulate import SimulatedObserver, simulate_name
from scoring.table import TrialTable, write_csv

NAMES = ("observer", "stimulus", "generator", "truth", "response")


def named(rows, **more):
    columns = dict(zip(NAMES, zip(*rows, strict=True), strict=True))
    return TrialTable.from_columns(columns | more, task="name")


def said(stimulus, *answers, truth="7", generator="fgsm"):
    return [(f"o{n}", stimulus, generator, truth, answer) for n, answer in enumerate(answers)]


def fooled(*stimuli, rung="ε 0.1"):
    return {name: Verdict(rung, wrong=True) for name in stimuli}


def one(table, verdicts, **options):
    (figure,) = human_valid(table, verdicts, draws=100, **options)
    return figure


def test_an_attack_is_valid_where_most_people_still_see_the_true_class():
    table = named(
        [
            *said("a", "7", "7", "7", "1", "1"),
            *said("b", "7", "7", "1", "1", NONE),
            *said("c", "7", "7", "7", "7", "7"),
            *said("d", "7", "7", "7", "7", "7"),
        ]
    )
    verdicts = {**fooled("a", "b", "c"), "d": Verdict("ε 0.1", wrong=False)}
    found = one(table, verdicts)
    assert (found.plain.value, found.valid.value) == (3 / 4, 2 / 4)
    assert (found.unanimous.value, found.difference.value) == (1 / 4, 1 / 4)
    assert (found.n_images, found.n_answers, found.n_observers) == (4, 20, 5)
    assert found.valid.n == 4


def test_a_tie_is_no_majority_and_neither_is_the_largest_minority():
    table = named(
        [*said("a", "7", "7", "7", "1", "1", "1"), *said("b", "7", "7", "7", "1", "2", "3")]
    )
    assert one(table, fooled("a", "b")).valid.value == 0


def test_images_with_too_few_answers_are_left_out_and_counted():
    table = named([*said("a", *"77777"), *said("b", *"7777")])
    found = one(table, fooled("a", "b", "never shown"))
    assert (found.n_images, found.n_left_out, found.n_answers) == (1, 2, 5)
    assert one(table, fooled("a", "b"), least=4).n_images == 2
    nothing = one(table, fooled("never shown"))
    assert nothing.valid == Figure(
        None, None, None, 0, "images", "not defined: no image has enough answers"
    )


def test_catch_trials_skipped_ones_and_excluded_observers_say_nothing():
    rows = [*said("a", "7", "7", "7", "7", "7", "1", "1", "", "1")]
    flags = [""] * 5 + ["excluded_few", "catch", "", "excluded_few"]
    assert one(named(rows, flags=flags), fooled("a")).unanimous.value == 1


def test_rungs_come_in_the_order_of_the_verdicts():
    table = named([*said("a", *"77777"), *said("b", *"77777")])
    verdicts = {**fooled("b", rung="ε 0.3"), **fooled("a", rung="ε 0.1")}
    assert [rung.rung for rung in human_valid(table, verdicts, draws=100)] == ["ε 0.3", "ε 0.1"]


def test_shares_of_nought_and_all_have_the_interval_of_a_binomial_share():
    images = [name for n in range(10) for name in said(f"s{n}", *"77777")]
    found = one(named(images), fooled(*(f"s{n}" for n in range(10))))
    assert (found.plain.value, found.plain.high) == (1.0, 1.0)
    assert found.plain.low == pytest.approx(0.7225, abs=1e-4)  # Wilson, 10 of 10
    assert found.difference.high == pytest.approx(1 - 0.7225, abs=1e-4)


def test_one_observer_or_one_image_gives_no_interval_between_nought_and_all():
    rows = [("ann", "a", "fgsm", "7", "7"), ("ann", "b", "fgsm", "7", "1")]
    valid = one(named(rows), fooled("a", "b"), least=1).valid
    assert (valid.value, valid.low) == (0.5, None)
    assert valid.reason == "an interval needs at least 2 observers, got 1"


def test_the_same_table_in_another_order_gives_the_same_digits():
    table, verdicts, _ = simulated(np.random.default_rng(0), 12, 20, 6)
    order = np.random.default_rng(1).permutation(len(table))
    assert human_valid(table.where(order), verdicts, draws=200) == human_valid(
        table, verdicts, draws=200
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [({"least": 0}, "got least = 0"), ({"draws": 99}, "got 99"), ({"confidence": 1.0}, "got 1.0")],
)
def test_arguments_out_of_range_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        human_valid(named(said("a", "7")), fooled("a"), **options)


OBSERVERS, IMAGES, EACH = 16, 40, 6


def simulated(rng, observers, images, each, *, ability_sd=0.6, image_sd=1.5):
    """People of unlike ability name images of unlike clarity; the network is wrong on four in five."""
    ability, clarity = rng.normal(0, ability_sd, observers), rng.normal(1, image_sd, images)
    wrong = rng.random(images) < 0.8
    rows = []
    for image in range(images):
        for who in rng.choice(observers, each, replace=False):
            right = rng.random() < 1 / (1 + np.exp(-clarity[image] - ability[who]))
            rows.append((f"o{who}", f"s{image}", "pgd", "7", "7" if right else NONE))
    table = named(rows)
    verdicts = {f"s{n}": Verdict("pgd", bool(is_wrong)) for n, is_wrong in enumerate(wrong)}
    own = table.stimulus.reshape(images, each)[:, 0]
    votes = (~table.wrong).reshape(images, each).sum(axis=1)
    assert own[0] == "s0"
    return table, verdicts, (wrong & (2 * votes > each)).mean()


def test_intervals_hold_the_true_share_in_at_least_90_of_100_studies():
    truth = np.mean([simulated(np.random.default_rng([1, n]), 400, 400, EACH)[2] for n in range(4)])
    held = 0
    for seed in range(60):
        table, verdicts, share = simulated(np.random.default_rng(seed), OBSERVERS, IMAGES, EACH)
        valid = one(table, verdicts).valid
        assert valid.value == pytest.approx(share)
        held += valid.low <= truth <= valid.high
    assert held >= 54


def test_observers_who_differ_widen_the_interval():
    def width(ability_sd):
        widths = []
        for seed in range(5):
            rng = np.random.default_rng(seed)
            table, verdicts, _ = simulated(rng, 6, 60, 6, ability_sd=ability_sd, image_sd=0.3)
            valid = one(table, verdicts).valid
            widths.append(valid.high - valid.low)
        return np.mean(widths)

    assert width(2.0) > 1.3 * width(0.0)


def test_an_opinion_is_what_more_than_half_say():
    table = named([*said("a", "1", "1", "7"), *said("b", "7", NONE), *said("c", "7", "7")])
    found = {own.stimulus: own for own in opinions(table)}
    assert (found["a"].said, found["a"].is_right) == ("1", False)
    assert (found["b"].said, found["b"].is_right, found["b"].n_right) == ("", False, 1)
    assert (found["c"].said, found["c"].is_unanimous) == ("7", True)


def test_three_sets_cut_all_images_into_four_regions():
    target, real = [True, True, False, False, True], [True, False, True, False, True]
    assert three_sets(target, real) == Regions(5, both=2, target_only=1, real_only=1, neither=1)
    with pytest.raises(ValueError, match=r"got shapes \(1,\) and \(2,\)"):
        three_sets([True], [True, False])


def study_of_names():
    rows = [
        *said("r", "3", "3", "3", truth="3", generator=""),
        *said("a", "7", "1", NONE),
        *said("b", "7", "7", "7", generator="flip"),
        *said("c", "7", "7", "1", generator="flip"),
        *said("k", NONE, "4", NONE, truth=NONE, generator="catch"),
    ]
    return named(rows, flags=[""] * 12 + ["catch"] * 3)


def test_each_pool_has_its_shares_named_right_and_none_of_them():
    found = naming_report(study_of_names(), draws=200)
    shares = [(own.generator, own.named_right.value, own.said_none.value) for own in found.pools]
    assert shares == [("flip", 5 / 6, 0), ("fgsm", 1 / 3, 1 / 3), ("", 1, 0)]
    assert [own.rank_low for own in found.pools][-1] is None
    assert (found.n_trials, found.n_observers, found.n_catch) == (12, 3, 3)
    assert [own.counts for own in found.confusions if own.generator == "fgsm"] == [((1, 1, 1),)]


def test_images_are_ordered_by_how_often_they_are_called_something_else():
    (_, flip) = (own for own in naming_report(study_of_names(), draws=200).images if own.generator)
    assert [(image.stimulus, image.n_wrong) for image in flip.highest] == [("c", 1), ("b", 0)]


def test_agreement_counts_every_name_as_an_answer_of_its_own():
    alike = named([*said("a", "1", "1"), *said("b", "2", "2"), *said("c", NONE, NONE)])
    assert naming_report(alike, draws=100).agreement.value == 1
    apart = named([*said("a", "1", "2"), *said("b", "2", "1"), *said("c", NONE, "3")])
    assert naming_report(apart, draws=100).agreement.value < 0


def test_answers_that_come_one_by_one_give_the_shares_of_the_whole_table():
    table = study_of_names()
    live = Live(draws=200, staircase=None)
    for observer in sorted(set(table.observer)):
        live.put(observer, rightly_named(table.where(table.observer == observer)))
    whole = score(rightly_named(table), draws=200, staircase=None)
    assert live.scores().generators == whole.generators
    assert {row.generator: row.error_rate.value for row in whole.generators} == {
        "flip": 5 / 6,
        "fgsm": 1 / 3,
    }


def test_who_always_says_the_same_name_can_be_left_out():
    rows = [("ann", f"s{n}", "gan", "7", "none") for n in range(10)]
    rows += [("bob", f"s{n}", "gan", "7", str(n % 3)) for n in range(10)]
    kept = exclude(named(rows), Criteria(one_answer=0.9))
    assert set(kept.observer[kept.excluded]) == {"ann"}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("ann", "a", "gan", "", "7"), "truth is empty"),
        (("ann", "a", "gan", NONE, "7"), "truth none is for catch trials"),
    ],
)
def test_a_table_of_names_has_a_class_for_every_image(row, words):
    with pytest.raises(BadTable, match=words):
        named([row])


def test_a_table_of_names_says_which_images_are_real(tmp_path):
    file = tmp_path / "trials.csv"
    file.write_text("observer,stimulus,truth,response\nann,a,7,7\n")
    with pytest.raises(BadTable, match="missing columns: generator"):
        read_trials(file, task="name")
    file.write_text("observer,stimulus,generator,truth,response\nann,a,Real,T-shirt/top, none \n")
    table = read_trials(file, task="name")
    assert (table.generator[0], table.truth[0], table.response[0]) == ("", "T-shirt/top", NONE)


def test_a_simulated_observer_of_no_sensitivity_guesses_and_a_keen_one_is_right():
    rng, names = np.random.default_rng(0), list("01234")

    def share(d_prime, wanted, **observer):
        own = SimulatedObserver(d_prime, **observer)
        given = [simulate_name(own, truth="3", names=names, rng=rng).response for _ in range(400)]
        return given.count(wanted) / 400

    assert share(0.0, "3", bias=-9.0) == pytest.approx(1 / 5, abs=0.06)
    assert share(8.0, "3") > 0.99
    assert share(8.0, NONE, bias=20.0) == 1.0
    with pytest.raises(ValueError, match="truth must be one of"):
        simulate_name(SimulatedObserver(1.0), truth="9", names=names, rng=rng)


def test_the_command_prints_the_shares_and_what_was_taken_for_what(tmp_path, capsys):
    file = tmp_path / "trials.csv"
    with file.open("w", newline="") as out:
        write_csv(study_of_names(), out)
    assert main([str(file), "--task", "name", "--draws", "100"]) == 0
    text = capsys.readouterr().out
    assert "named right %" in text
    assert "called, of fgsm  1  7  none" in text
    assert main([str(file), "--task", "name", "--json", "--draws", "100"]) == 0
    assert json.loads(capsys.readouterr().out)["pools"][0]["generator"] == "flip"
    assert main([str(file), "--task", "name", "--skipped", "wrong"]) == 2
    assert "--task name has no --skipped wrong" in capsys.readouterr().err
    assert main([str(file)]) == 2
    assert "neither real nor fake" in capsys.readouterr().err
