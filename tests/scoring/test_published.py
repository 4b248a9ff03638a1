"""The published figures of Stein et al. 2023 follow from their per-observer results."""

import json

import pytest

from bench import published


@pytest.fixture(scope="module", name="rows")
def rows_fixture():
    return published.rows()


def test_there_are_41_generators_and_1036_observers(rows):
    assert len(rows) == 41
    assert sum(row.mean.n_observers for row in rows) == 1036


def test_39_generators_have_their_printed_error_rate(rows):
    assert sum(row.reproduced for row in rows) == 39
    assert all(row.mean.low < row.mean.value < row.mean.high for row in rows)


def test_all_have_their_printed_standard_error(rows):
    errors = [row.mean.standard_error for row in rows]
    assert errors == pytest.approx([row.printed_error for row in rows], abs=0.005)


def test_the_other_two_are_misprints_that_the_numbers_of_right_answers_deny(rows):
    misprints = {row.generator: row for row in rows if not row.reproduced}
    assert {name: (row.printed, round(row.mean.value, 4)) for name, row in misprints.items()} == {
        "StyleGAN2-ada": (0.20, 0.2154),
        "InsGen": (0.25, 0.2552),
    }
    for row in misprints.values():
        assert row.from_counts == pytest.approx(row.mean.value)
        assert "right answers give the same mean" in row.why


def test_people_agree_with_fd_on_dinov2_as_published(rows):
    for name, figure in published.correlations(rows).items():
        assert figure.value == pytest.approx(published.PUBLISHED_RHO[name], abs=0.005), name
        assert figure.low < figure.value < figure.high


def test_a_command_prints_what_is_reproduced(rows, capsys):
    published.main(["--json"])
    printed = json.loads(capsys.readouterr().out)
    assert (printed["reproduced"], printed["of"]) == (39, 41)
    assert printed["rows"][0]["mean"]["value"] == rows[0].mean.value
    published.main([])
    assert "39 of 41 generators are reproduced." in capsys.readouterr().out
