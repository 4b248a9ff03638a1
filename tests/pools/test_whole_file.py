from stat import S_IMODE

import pytest

from pools.whole_file import remove_leftovers, replaced_whole


def test_a_file_is_replaced_at_the_end_and_nothing_stays_beside_it(tmp_path):
    path = tmp_path / "run.bin"
    path.write_text("old")
    with replaced_whole(path) as unfinished:
        unfinished.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_half_way_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "run.bin"
    path.write_text("old")

    def fail():
        with replaced_whole(path) as unfinished:
            unfinished.write_text("ne")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_for_those_whom_the_umask_says_whoever_writes_it(tmp_path):
    plain, path = tmp_path / "plain", tmp_path / "run.bin"
    plain.touch()
    with replaced_whole(path) as unfinished:
        unfinished.write_text("new")
        unfinished.chmod(0o600)
    assert S_IMODE(path.stat().st_mode) == S_IMODE(plain.stat().st_mode)


def test_a_folder_that_is_not_there_is_an_error_that_names_the_file(tmp_path):
    with (
        pytest.raises(OSError, match=r"cannot write .*run\.bin: No such file"),
        replaced_whole(tmp_path / "absent" / "run.bin"),
    ):
        pass


def test_leftovers_of_a_file_go_and_those_of_others_stay(tmp_path):
    (tmp_path / ".run.bin.abc").mkdir()
    (tmp_path / ".run.bin.abc" / "run.bin").touch()
    others = [tmp_path / name for name in (".run.bin.4711", "run.bin", ".other.bin.4711")]
    for each in others:
        each.touch()
    remove_leftovers(tmp_path / "run.bin")
    assert sorted(tmp_path.iterdir()) == sorted(others[1:])
