"""A trial table is read whole or refused with every bad row named."""

import csv
import io

import numpy as np
import pytest

from scoring.dictionary import (
    DATA_DICTIONARY,
    FLAGS,
    NUMERIC,
    dictionary_csv,
    dictionary_markdown,
)
from scoring.files import read_trials
from scoring.rules import BadTable
from scoring.table import COLUMNS, TrialTable, read_csv, write_csv

HEADER = "observer,stimulus,generator,truth,response,rt_ms\n"
GOOD = "ann,s1,gan,fake,real,812.5\nann,s2,,real,real,640\n"


def read(text):
    return read_csv(io.StringIO(text, newline=""))


def refusal(text):
    with pytest.raises(BadTable) as refused:
        read(text)
    return str(refused.value)


def test_needed_columns_are_enough_and_the_rest_is_unknown():
    table = read("truth,response,observer,stimulus\nfake,real,ann,s1\n")
    assert list(table.generator) == ["fake"]
    assert list(table.study) == [""]
    assert np.isnan(table.rt_ms).all()


def test_words_are_read_in_any_case_and_with_space_around():
    table = read("observer,stimulus,truth,response\n ann , s1, Fake ,REAL\n")
    assert (table.observer[0], table.truth[0], table.response[0]) == ("ann", "fake", "real")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + HEADER + GOOD,
        (HEADER + GOOD).replace("\n", "\r\n"),
        (HEADER + GOOD).replace("\n", "\n\n"),
        HEADER.upper() + GOOD,
        (HEADER + GOOD).replace("s1", '"s1"'),
        HEADER.replace("rt_ms", "rt_ms,age") + "ann,s1,gan,fake,real,812.5,9\n"
        "ann,s2,Real,real,real,640,9\n",
    ],
    ids=["BOM", "CRLF", "blank lines", "capital header", "quotes", "unknown column"],
)
def test_the_same_table_is_read_from_any_dialect(text):
    table = read(text)
    assert list(table.stimulus) == ["s1", "s2"]
    assert list(table.generator) == ["gan", ""]
    assert table.rt_ms.tolist() == [812.5, 640.0]
    assert table.wrong.tolist() == [True, False]


def test_a_byte_order_mark_in_a_file_is_no_part_of_the_first_name(tmp_path):
    path = tmp_path / "trials.csv"
    path.write_bytes(("\ufeff" + HEADER + GOOD).encode())
    assert len(read_trials(path)) == 2


def test_what_is_written_is_read_back(tmp_path):
    texts = {
        name: ["=2+2", "line\rbreak\n.", "'+quoted", "a,b;c", 'say "x"']
        for name in ("study", "observer", "block", "flags", "answered_at", "screen")
    }
    numbers = {
        name: [0.1, None, 3.0, 1e-7, 812.25]
        for name in ("position", "rt_ms", "exposure_ms", "shown_ms")
    }
    words = {
        "stimulus": ["@s1", "s2", "s3", "s4", "s5"],
        "generator": ["-gan", "", "g", "g", ""],
        "truth": ["fake", "real", "fake", "fake", "real"],
        "response": ["real", "", "fake", "real", "fake"],
    }
    table = TrialTable.from_columns({**texts, **numbers, **words})
    path = tmp_path / "trials.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        write_csv(table, file)
    back = read_trials(path)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(back, name), getattr(table, name), err_msg=name)


def test_no_written_text_can_become_a_formula():
    table = read("observer,stimulus,truth,response\n=cmd(),@s,fake,real\n")
    file = io.StringIO()
    write_csv(table, file)
    assert "'=cmd(),,,'@s" in file.getvalue()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("ann,s3,gan,unreal,real,1", "line 4: truth 'unreal' is neither real nor fake"),
        ("ann,s3,gan,fake,maybe,1", "line 4: response 'maybe' is neither real nor fake nor empty"),
        ("ann,s3,gan,fake,real,fast", "line 4: rt_ms 'fast' is not a number"),
        ("ann,s3,gan,fake,real,NaN", "line 4: rt_ms 'NaN' is not a number"),
        ("ann,s3,gan,fake,real,-5", "line 4: rt_ms must be finite and not negative, got -5"),
        ("ann,s3,gan,fake,real,inf", "line 4: rt_ms must be finite and not negative, got inf"),
        ("ann,s1,gan,fake,real,1", "line 4: observer 'ann' already has stimulus 's1' on line 2"),
        ("ann,s3,,fake,real,1", "line 4: a fake image needs its generator's name"),
        ("ann,s3,real,fake,real,1", "line 4: a fake image needs its generator's name"),
        ("ann,s3,gan,real,real,1", "line 4: a real image cannot have generator 'gan'"),
        ("bob,s2,gan,fake,real,1", "line 4: stimulus 's2' is gan here but real on line 3"),
        (",s3,gan,fake,real,1", "line 4: observer is empty"),
        ("ann,,gan,fake,real,1", "line 4: stimulus is empty"),
        ("ann\0,s3,gan,fake,real,1", "line 4: observer holds a NUL character"),
        ("ann,s3,gan,fake,real", "line 4: has 5 fields, the header has 6"),
        ("ann,s3,gan,fake,real,1,2", "line 4: has 7 fields, the header has 6"),
        ('ann,"s3,gan,fake,real,1', "line 4: not CSV: unexpected end of data"),
    ],
)
def test_a_bad_row_is_named_by_line_and_reason(row, reason):
    assert refusal(HEADER + GOOD + row + "\n") == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty, or its first line is; a header line is needed"),
        ("\ufeff", "the file is empty, or its first line is; a header line is needed"),
        (HEADER, "the table has a header but no trials"),
        ("observer;stimulus;truth;response\n", "columns are separated by ';'; a comma is wanted"),
        ("observer\tstimulus\n", "columns are separated by '\\t'; a comma is wanted"),
        ("observer,truth\n", "missing columns: stimulus, response (found: observer, truth)"),
        (HEADER.strip() + ",rt_ms\n", "columns named twice: rt_ms"),
    ],
)
def test_a_file_that_is_no_trial_table_is_refused_with_the_reason(text, reason):
    assert refusal(text) == reason


def test_lines_are_counted_through_quoted_newlines():
    text = HEADER + 'ann,"s\n1",gan,fake,real,1\nann,s2,gan,fake,what,1\n'
    assert refusal(text).startswith("line 4: response 'what'")


def test_all_bad_rows_are_counted_and_the_first_ten_named():
    rows = "".join(f"ann,s{n},gan,fake,oops,1\n" for n in range(25))
    with pytest.raises(BadTable, match=r"^25 bad rows: line 2: .*; and 15 more$") as refused:
        read(HEADER + rows)
    assert (len(refused.value.reasons), refused.value.total) == (10, 25)


def test_bad_rows_of_every_kind_are_named_in_the_order_of_the_file():
    reasons = refusal(HEADER + "ann,s1,gan,fake,oops,x\nshort\nann,s2,gan,fak,real,1\n")
    assert reasons == (
        "3 bad rows: line 2: rt_ms 'x' is not a number, response 'oops' is neither real nor fake "
        "nor empty; line 3: has 1 fields, the header has 6; line 4: truth 'fak' is neither real "
        "nor fake, a real image cannot have generator 'gan'"
    ).replace(", a real image cannot have generator 'gan'", "")


def test_a_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "trials.csv"
    path.write_bytes((HEADER + "ann\xe9,s1,gan,fake,real,1\n").encode("latin-1"))
    with pytest.raises(BadTable, match=r"not UTF-8 \(byte 0xe9\); save it as CSV in UTF-8"):
        read_trials(path)


def test_an_image_may_be_judged_by_two_observers_and_in_two_studies():
    text = "study,observer,stimulus,truth,response\n1,ann,s,fake,real\n1,bob,s,fake,real\n"
    assert len(read(text + "2,ann,s,fake,real\n")) == 3


def test_columns_of_unequal_length_are_refused():
    columns = {"observer": ["ann"], "stimulus": ["s", "t"], "truth": ["real"], "response": ["real"]}
    with pytest.raises(BadTable, match="of one length, got observer 1, stimulus 2"):
        TrialTable.from_columns(columns)


def test_columns_are_checked_like_a_file():
    columns = {"observer": ["ann"], "stimulus": ["s"], "truth": ["real"], "response": ["no"]}
    with pytest.raises(BadTable, match="row 1: response 'no' is neither"):
        TrialTable.from_columns(columns)


def test_skipped_and_flagged_trials_are_known(table_of):
    rows = [("ann", "s1", "fake", "", "focus;late"), ("ann", "s2", "fake", "fake", "")]
    table = table_of(rows, ("observer", "stimulus", "truth", "response", "flags"))
    assert table.answered.tolist() == [False, True]
    assert table.flagged.tolist() == [True, False]


def test_a_screen_is_of_one_block(table_of):
    rows = [("ann", "1", "s1", "7"), ("ann", "2", "s2", "7"), ("bob", "2", "s3", "7")]
    columns = [(*row, "fake", "real") for row in rows]
    names = ("observer", "block", "stimulus", "screen", "truth", "response")
    reason = "row 2: screen '7' of observer 'ann' is in block '2' here but '1' on row 1"
    with pytest.raises(BadTable, match=reason):
        table_of(columns, names)


def test_images_of_one_screen_were_shown_together_and_others_alone(table_of):
    rows = [("ann", "7"), ("bob", "7"), ("ann", ""), ("ann", "7"), ("ann", "8"), ("ann", "")]
    names = ("observer", "screen", "stimulus", "truth", "response")
    table = table_of([(*row, f"s{n}", "fake", "real") for n, row in enumerate(rows)], names)
    same = np.equal.outer(table.screens, table.screens)
    assert np.argwhere(np.triu(same, 1)).tolist() == [[0, 3]]


def test_flags_are_known_by_their_words(table_of):
    flags = ["catch", "tie; too_fast", "catchy;ties", "excluded_few;focus_lost", ""]
    rows = [("ann", f"s{n}", "fake", "", flag) for n, flag in enumerate(flags)]
    table = table_of(rows, ("observer", "stimulus", "truth", "response", "flags"))
    assert table.catch.tolist() == [True, False, False, False, False]
    assert table.tied.tolist() == [False, True, False, False, False]
    assert table.excluded.tolist() == [False, False, False, True, False]


def test_tables_are_joined_by_the_rules_of_one(table_of):
    names = ("study", "observer", "stimulus", "truth", "response")
    first = table_of([("1", "ann", "s1", "fake", "real")], names)
    second = table_of([("2", "ann", "s1", "real", "real")], names)
    assert TrialTable.joined([first, second]).truth.tolist() == ["fake", "real"]
    with pytest.raises(BadTable, match="row 2: observer 'ann' already has stimulus 's1' on row 1"):
        TrialTable.joined([first, first])


def test_the_dictionary_names_every_column_in_its_place():
    assert tuple(column.name for column in DATA_DICTIONARY) == COLUMNS
    kinds = {name: "number" if name in NUMERIC else "text" for name in COLUMNS}
    assert {column.name: column.type for column in DATA_DICTIONARY} == kinds


def test_the_dictionary_is_a_table_of_its_own():
    rows = list(csv.reader(io.StringIO(dictionary_csv())))
    assert [row[0] for row in rows] == ["name", *COLUMNS]
    assert {len(row) for row in rows} == {6}
    assert dictionary_markdown().count("\n") == len(rows) + 1
    assert all(word in dictionary_csv() for word in FLAGS)


@pytest.mark.parametrize("flags", ["Catch", "late, CATCH", "late|catch", " catch ;late"])
def test_a_catch_trial_is_known_however_its_flag_is_written(flags):
    text = f'observer,stimulus,truth,response,flags\nann,s1,real,real,"{flags}"\n'
    table = read_csv(io.StringIO(text))
    assert table.catch.tolist() == [True]
    assert set(table.flags[0].split(";")) <= {"catch", "late"}
