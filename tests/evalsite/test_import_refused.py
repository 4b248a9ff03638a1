"""Files of trials that are refused: nothing of them is imported."""

import re
from functools import partial

import pytest
from django.core.management import CommandError, call_command

from evalsite.catalog.models import Generator
from evalsite.studies import services, transfer
from evalsite.studies.models import Study
from tests import factories
from tests.evalsite.trial_files import as_csv, kept_files, own, pairs, rows, run, taken, written

pytestmark = pytest.mark.django_db


@pytest.fixture
def digits():
    return factories.dataset("Digits")


@pytest.fixture
def file(tmp_path):
    return partial(written, tmp_path)


REFUSED = {
    "a bad row": (
        as_csv(rows()).replace("real,fake", "real,maybe", 1),
        {},
        r"line 2: response 'maybe' is neither real nor fake",
    ),
    "a bad number": (as_csv(rows()).replace("401", "soon", 1), {}, r"line 14: rt_ms 'soon' is not"),
    "no needed column": ("observer,truth\nann,real\n", {}, "missing columns: stimulus, response"),
    "no trials": ("observer,stimulus,truth,response\n", {}, "no trials"),
    "nothing": ("", {}, "empty"),
    "no fakes": (rows(generators=[]), {}, "no trial shows a generated image"),
    "no exposure, limited": (rows(), {"protocol": "limited"}, "needs exposure_ms"),
    "no exposure, flash": (rows(), {"protocol": "flash"}, "needs exposure_ms"),
    "measured exposures": (
        [row | {"exposure_ms": 500 + n} for n, row in enumerate(rows())],
        {"protocol": "limited"},
        r"at most \d+ exposures, got 36: exposure_ms is what was asked for",
    ),
    "exposures in seconds": (
        rows(exposure_ms=0.5),
        {"protocol": "limited"},
        "exposure_ms is as short as 0.5 ms.* is it in seconds",
    ),
    "answers in seconds": (
        [row | {"rt_ms": row["rt_ms"] / 1000} for row in rows()],
        {},
        "half of the answers take less than 0.456 ms.* is rt_ms in seconds",
    ),
    "exposures, unlimited": (
        rows(exposure_ms=500),
        {},
        "36 trials have an exposure_ms: is the protocol limited or flash",
    ),
    "pairs, unlimited": (
        pairs(),
        {},
        "18 of 18 screens had several: is the protocol pair or select",
    ),
    "only the chosen of a pair": (
        [row | {"response": row["response"].replace("fake", "")} for row in pairs()],
        {"protocol": "pair"},
        "or both are empty; 12 of 18 pairs have others",
    ),
    "half a pair": (
        pairs()[1:],
        {"protocol": "pair"},
        "1 of 18 screens had another number",
    ),
    "one exposure, flash": (
        rows(exposure_ms=500),
        {"protocol": "flash"},
        "none of the rules of a flash study.* of the protocol limited",
    ),
    "other steps": (
        [row | {"exposure_ms": 100 + 16.7 * (n % 23)} for n, row in enumerate(rows())],
        {"protocol": "flash"},
        "none of the rules of a flash study.* give the trials' order",
    ),
    "another staircase": (
        [row | {"exposure_ms": 500 - 10 * (n % 2)} for n, row in enumerate(rows())],
        {"protocol": "flash", "condition": "two down"},
        "these exposures are those of the weighted staircase, not of 'two down'",
    ),
    "no pairs": (rows(), {"protocol": "pair"}, "a pair study needs the column screen"),
    "no grids": (rows(), {"protocol": "select"}, "a select study needs the column screen"),
    "pairs, select": (pairs(), {"protocol": "select"}, "is the protocol pair"),
    "a long condition": (rows(), {"condition": "x" * 81}, "at most 80 characters, got 81"),
    "a long name": (rows(generators=["g" * 81]), {}, "1 to 80 printable characters"),
    "a name that cannot be seen": (rows(generators=["a\u202eb"]), {}, r"got 'a\\u202eb'"),
    "many generators": (
        rows(["ann"], [f"run {n}" for n in range(101)], 1),
        {},
        "101 generators that are new here, and at most 100",
    ),
    "one generator twice": (
        rows(generators=["Ada", "ADA"]),
        {},
        "mean one generator.*'ADA', 'Ada'",
    ),
    "one generator in two spellings of Unicode": (
        rows(generators=["Zo\u00e9", "Zoe\u0301"]),
        {},
        "mean one generator",
    ),
}


@pytest.mark.parametrize(("trials", "options", "reason"), REFUSED.values(), ids=REFUSED)
def test_nothing_is_imported_unless_all_is(file, digits, settings, trials, options, reason):
    with pytest.raises(CommandError, match="nothing was imported:\n") as refusal:
        run(file(trials), digits, **options)
    assert re.search(reason, str(refusal.value))
    assert not Study.objects.exists()
    assert not Generator.objects.exists()
    assert not kept_files(settings)


def test_names_that_mean_one_generator_here_are_refused(file, pools):
    Generator.objects.filter(slug="ada").update(name="Best")
    with pytest.raises(
        services.Refused, match="mean one generator; use one of them: 'Best', 'ada'"
    ):
        taken(file(rows(generators=["Best", "ada"])), pools[0].imitates)


def test_a_name_of_several_generators_is_refused_unless_it_is_a_slug(file, digits):
    for _ in range(2):
        factories.generator("Cy D", of=digits)
    with pytest.raises(services.Refused, match="several generators here; say which: cy-d"):
        taken(file(rows(generators=["cy d"])), digits)
    assert set(own(taken(file(rows(generators=["CY-D-2"])), digits)).generator) == {"", "cy-d-2"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"dataset": "moon"}, "no data set 'moon'; there are: digits"),
        ({"owner": "nobody@example.org"}, "nobody has signed up as 'nobody@example.org'"),
        ({"file": "missing.csv"}, "nothing was imported:\n.*No such file"),
        ({"file": "."}, "nothing was imported:\n.*Is a directory"),
    ],
)
def test_the_command_says_what_it_cannot_find(file, digits, options, reason):
    asked = {"file": str(file(rows())), "dataset": "digits", **options}
    with pytest.raises(CommandError, match=reason):
        call_command("import_trials", asked.pop("file"), **asked)


def test_only_the_first_bad_rows_are_listed_each_shortened(file, digits):
    bad = as_csv([row | {"truth": "x" * 1000} for row in rows()])
    with pytest.raises(CommandError) as refusal:
        run(file(bad), digits)
    _, *reasons, more = str(refusal.value).splitlines()
    assert len(reasons) == 10
    assert more == "and 26 more"
    assert max(map(len, reasons)) <= transfer.LONGEST_REASON


def test_a_disk_that_fills_up_leaves_nothing_behind(file, digits, settings, monkeypatch):
    def half(table, path, kind):
        path.write_bytes(b"PAR1")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transfer, "write_trials", half)
    with pytest.raises(CommandError, match="No space left"):
        run(file(rows()), digits)
    assert not Study.objects.exists()
    assert not Generator.objects.exists()
    assert not kept_files(settings)
