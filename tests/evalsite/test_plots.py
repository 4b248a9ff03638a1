"""What plots and lists show, from reports as they are written."""

import pytest

from evalsite.leaderboard.axes import Axis, outward, round_values
from evalsite.leaderboard.crowd import ON_A_PAGE, crowd
from evalsite.leaderboard.curves import MOST_PANELS, exposure_panels, pooled, psychometric_panels
from evalsite.leaderboard.gallery import ON_A_SHELF, shelves
from evalsite.leaderboard.left_out import left_out
from evalsite.leaderboard.monitor import Spark, precision_of
from evalsite.leaderboard.plots import Line, Mark, plot_of, rho_words

NAMES = {"ada": "Ada", "bob": "Bob"}


def mark(label="Ada", value=0.3, low=0.25, high=0.35, **fields):
    return Mark(label, value, low, high, **fields)


def test_a_log_axis_gives_equal_ratios_equal_lengths():
    axis = Axis(100, 1600, 240, is_log=True)
    assert [axis.at(value) for value in (100, 400, 1600)] == pytest.approx([0, 120, 240])


def test_an_upward_axis_has_its_lowest_value_at_the_bottom_of_the_picture():
    axis = Axis(0, 1, 150, is_upward=True)
    assert (axis.at(0), axis.at(1), axis.at(7)) == (150, 0, 0)


@pytest.mark.parametrize(("low", "high"), [(0, 0.03), (-0.8, 1.3), (3, 3), (0, 1234), (-7, -2)])
def test_axes_reach_beyond_their_values_to_round_ones(low, high):
    first, last = outward(low, high)
    assert first <= low <= high <= last
    assert first < last
    ticks = round_values(first, last)
    assert 1 < len(ticks) <= 5
    assert all(first - 1e-9 <= tick <= last + 1e-9 for tick in ticks)


def test_the_finding_names_the_highest_and_the_lowest_with_their_intervals():
    marks = [mark("Ada", 0.4, 0.31, 0.52), mark("Bob", 0.1, None, None)]
    plot = plot_of(marks, "error_rate", Line(0.5, "guessing"))
    assert plot.finding.replace("\N{NO-BREAK SPACE}", " ") == (
        "Error rate: highest for Ada, 40.0 % (31.0 to 52.0); lowest for Bob, 10.0 % (no interval yet)."
    )
    assert plot.chance == pytest.approx(plot.bars[0].at * 0.5 / 0.4)


def test_one_generator_is_neither_highest_nor_lowest():
    assert plot_of([mark()], "error_rate", None).finding.startswith("Error rate of Ada: 30.0")


def test_a_censored_threshold_is_written_as_a_bound():
    bars = plot_of([mark(value=1000, low=900, high=1000, bound="≥ ")], "threshold_ms", None).bars
    assert bars[0].words.replace("\N{NO-BREAK SPACE}", " ") == "≥ 1,000 ms (900 to 1,000)"


def test_log_strengths_below_zero_stay_on_their_axis():
    plot = plot_of([mark(value=-1.2, low=-1.9, high=-0.4)], "strength", Line(0.0, "the mean"))
    (bar,) = plot.bars
    assert 0 <= bar.low < bar.at < bar.high < plot.chance == 100
    assert plot.ticks[0].label.startswith("−")


def test_a_correlation_without_an_interval_says_why():
    assert rho_words({"value": 1.0, "low": None, "high": None, "n": 3, "reason": "too few"}) == (
        "Spearman’s ρ = 1.00 of 3 generators; too few"
    )
    assert rho_words({"value": None, "n": 1, "reason": "not defined"}) == "ρ not defined"


def curve(*levels, band=True):
    right = [0.5, 0.75, 0.9]
    return {
        "levels": [
            {"exposure_ms": ms, "right": share, "n_trials": trials} for ms, share, trials in levels
        ],
        "curve": {
            "exposure_ms": [100, 200, 400],
            "right": right,
            "low": [share - 0.1 for share in right] if band else None,
            "high": [share + 0.1 for share in right] if band else None,
        },
        "n_observers": 3,
    }


def threshold(value, *, floor=0, ceiling=0):
    fit = {"value": value, "low": value - 20, "high": value + 20}
    return {"fit_ms": fit, "n_fits_at_floor": floor, "n_fits_at_ceiling": ceiling}


def test_points_of_a_psychometric_curve_grow_with_their_trials():
    levels = ((100, 0.5, 4), (200, 0.7, 16), (400, 0.9, 100))
    drawn = psychometric_panels({"ada": curve(*levels)}, {"ada": threshold(200)}, NAMES)
    (panel,) = drawn.panels
    radii = [point.r for point in panel.points]
    assert radii == sorted(radii)
    assert panel.mark == pytest.approx(panel.points[1].x)
    assert panel.finding == "Ada: threshold 200 ms (180 to 220), from 3 observers."
    assert panel.points[0].y == pytest.approx(drawn.chance)
    assert panel.points[2].cells == ("400", "90.0", "100")


def test_the_band_goes_there_above_the_curve_and_back_below_it():
    drawn = psychometric_panels({"ada": curve((100, 0.5, 4))}, {"ada": threshold(200)}, NAMES)
    corners = [tuple(map(float, corner.split(","))) for corner in drawn.panels[0].band.split()]
    assert len(corners) == 6
    assert corners[0][0] == corners[-1][0]
    assert corners[0][1] < corners[-1][1]


def test_a_staircases_many_exposures_are_pooled_without_losing_a_trial():
    levels = [
        {"exposure_ms": 100 + 10 * n, "right": n / 90, "n_trials": 1 + n % 7} for n in range(91)
    ]
    points = pooled(levels)
    assert len(points) <= 15
    for key in ("exposure_ms", "right"):
        sums = [sum(own["n_trials"] * own[key] for own in each) for each in (levels, points)]
        assert sums[0] == pytest.approx(sums[1])
    assert [own["exposure_ms"] for own in points] == sorted(own["exposure_ms"] for own in points)
    assert pooled(levels[:15]) == levels[:15]


def test_one_observer_has_a_curve_without_a_band():
    curves = {"ada": curve((100, 0.5, 4), band=False)}
    assert psychometric_panels(curves, {"ada": threshold(200)}, NAMES).panels[0].band == ""


def test_a_threshold_beyond_the_range_is_said_to_be_beyond():
    curves = {slug: curve((100, 0.5, 4)) for slug in NAMES}
    limits = {"ada": threshold(400, ceiling=2), "bob": threshold(100, floor=1)}
    drawn = psychometric_panels(curves, limits, NAMES)
    assert [panel.mark_words for panel in drawn.panels] == ["≥ 400 ms", "≤ 100 ms"]


def test_without_flash_blocks_there_is_no_psychometric_plot():
    assert psychometric_panels({}, {}, NAMES) is None


def test_panels_beyond_the_twelfth_are_folded_away():
    names = {f"g{n}": f"G{n}" for n in range(50)}
    curves = {slug: curve((100, 0.5, 4)) for slug in names}
    drawn = psychometric_panels(curves, {slug: threshold(200) for slug in names}, names)
    assert (len(drawn.first), len(drawn.rest)) == (MOST_PANELS, 50 - MOST_PANELS)


def exposed(exposure_ms, value, low=None, high=None):
    rate = {"value": value, "low": low, "high": high}
    return {"exposure_ms": exposure_ms, "error_rate": rate, "n_trials": 30, "n_real_trials": 10}


def test_error_against_exposure_has_an_interval_at_each_point_that_has_one():
    errors = {"bob": [exposed(1000, 0.4, 0.3, 0.5), exposed(5000, 0.2), exposed(20_000, None)]}
    drawn = exposure_panels(errors, NAMES)
    (panel,) = drawn.panels
    first, second = panel.points
    assert first.high < first.y < first.low  # pixels count downwards
    assert (second.low, second.high) == (None, None)
    assert first.cells == ("1", "40.0", "30.0 to 50.0", "40")
    assert panel.finding == "Bob: error rate 40.0 % at 1 s, 20.0 % at 5 s."
    assert [tick.label for tick in drawn.x_ticks] == ["1", "5"]


def test_no_exposures_no_plot():
    assert exposure_panels({"ada": [exposed(1000, None)]}, NAMES) is None


def image(stimulus, generator, wrong, n):
    rate = wrong / n
    return {
        "stimulus": stimulus,
        "generator": generator,
        "n_trials": n,
        "n_wrong": wrong,
        "error_rate": rate,
        "low": rate / 2,
        "high": (1 + rate) / 2,
        "shrunken": (wrong + 1) / (n + 2),
    }


def ends(generator, *images):
    by_rate = sorted(images, key=lambda own: -own["shrunken"])
    return {"generator": generator, "highest": by_rate, "lowest": by_rate[::-1]}


def test_the_gallery_joins_the_ends_of_all_generators_in_order():
    made = shelves(
        [
            ends("", image("real/1/0", "", 3, 4), image("real/1/1", "", 0, 4)),
            ends("ada", image("ada/2/5", "ada", 9, 10), image("ada/2/6", "ada", 1, 10)),
            ends("bob", image("bob/3/7", "bob", 1, 1), image("bob/3/8", "bob", 0, 9)),
        ],
        NAMES,
    )
    found = {shelf.title: [still.name for still in shelf.stills] for shelf in made}
    assert found == {
        "Most convincing": ["ada/2/5", "bob/3/7", "ada/2/6"],
        "Most doubted": ["real/1/0"],
        "Least convincing": ["bob/3/8", "ada/2/6", "ada/2/5"],
    }
    still = made[0].stills[0]
    assert (still.pool, still.index, still.chosen, still.n) == (2, 5, 9, 10)
    assert (still.generator, still.interval) == ("Ada", "90 % (45 to 95)")


def test_a_shelf_is_not_endless():
    images = [image(f"ada/2/{n}", "ada", n % 5 + 1, 9) for n in range(40)]
    assert [len(shelf.stills) for shelf in shelves([ends("ada", *images)], NAMES)] == [
        ON_A_SHELF,
        ON_A_SHELF,
    ]


def test_an_image_kept_elsewhere_has_a_name_and_no_place():
    (still, *_), *_ = (
        shelf.stills for shelf in shelves([ends("ada", image("<b>a.png", "ada", 1, 2))], NAMES)
    )
    assert (still.name, still.pool, still.index) == ("<b>a.png", None, None)


def observer(name, **fields):
    return {
        "observer": name,
        "n_trials": 60,
        "accuracy": 0.5,
        "median_rt_ms": 1200.0,
        "said_real": 0.5,
        "reliability": -0.04,
        "catch_right": None,
        "excluded": [],
        **fields,
    }


def names_of(page):
    return [line.cells[0] for line in page.lines]


def test_observers_come_by_the_numbers_in_their_names():
    assert names_of(crowd([observer(f"p-{n}") for n in (10, 9, 100)])) == ["p-9", "p-10", "p-100"]


def test_observers_can_be_sorted_largest_first_with_the_unknown_last():
    people = [
        observer("a", accuracy=0.5),
        observer("b", accuracy=None),
        observer("c", accuracy=0.9),
    ]
    page = crowd(people, by="accuracy")
    assert names_of(page) == ["c", "a", "b"]
    (chosen,) = [column for column in page.columns if column.is_chosen]
    assert (chosen.heading, chosen.direction) == ("Right, %", "descending")


def test_an_order_nobody_knows_is_that_of_names():
    assert names_of(crowd([observer("b"), observer("a")], by="__class__")) == ["a", "b"]


def test_observers_are_fifty_to_a_page_and_no_page_is_beyond_the_last():
    people = [observer(f"p-{n}") for n in range(2 * ON_A_PAGE + 1)]
    first, last = crowd(people, page="1"), crowd(people, page="99")
    assert (len(first.lines), first.before, first.after) == (50, "", "by=observer&page=2")
    assert (names_of(last), last.before, last.after) == (["p-100"], "by=observer&page=2", "")
    assert crowd(people, page="-1").page == crowd(people, page="two").page == 1
    assert crowd([], page="2").pages == 1


def test_cells_are_written_with_their_reasons():
    (line,) = crowd([observer("a", excluded=["catch", "fast"])]).lines
    assert line.is_out
    assert line.cells == [
        "a",
        "60",
        "50",
        "1,200",
        "50",
        "−4",
        "–",
        "too few catch trials right; answered too fast",
    ]


def test_everything_left_out_is_said():
    counted = {"n_excluded_trials": 60, "n_catch": 1, "n_skipped": 2, "skipped": "out"}
    assert left_out({"excluded": {"excluded_few": 1, "excluded_fast": 2}, **counted}) == [
        "1 observer was left out: gave too few answers.",
        "2 observers were left out: answered too fast.",
        "With them went 60 answers.",
        "Catch trials test the observer: 1 answer to them left out.",
        "2 skipped trials are left out.",
    ]
    none = {"n_excluded_trials": 0, "n_catch": 0, "n_skipped": 0, "skipped": "out"}
    assert left_out({"excluded": {}, **none}) == []


def test_the_widest_interval_counts_and_half_the_width_takes_four_times_the_people():
    narrow, wide = {"low": 0.25, "high": 0.35}, {"low": 0.2, "high": 0.4}
    found = precision_of({"ada": narrow, "bob": wide}, goal=5.0)
    assert found.points == pytest.approx(10)
    assert found.share == pytest.approx(25)
    assert precision_of({"ada": narrow}, goal=None).share is None
    assert precision_of({"ada": narrow}, goal=50).share == 100


def test_without_an_interval_for_everyone_nothing_is_said_of_the_width():
    missing = {"low": None, "high": None}
    assert precision_of({"ada": {"low": 0.2, "high": 0.4}, "bob": missing}, goal=None) is None
    assert precision_of({}, goal=None) is precision_of(None, goal=None) is None


def test_the_spark_fills_its_height_and_rests_on_its_line():
    spark = Spark([0, 4, 2])
    assert spark.a_minute == 2
    assert [(left, top + height) for left, top, height in spark.bars] == [
        (0, 24),
        (40, 24),
        (80, 24),
    ]
    assert [height for *_, height in spark.bars] == [0, 24, 12]
    assert [height for *_, height in Spark([0, 0]).bars] == [0, 0]
