"""A command keeps what it was given to read."""

from argparse import ArgumentTypeError

import pytest

from terminal.writing import named_path, require_another


def test_what_was_given_to_be_read_is_not_written_over(tmp_path):
    path, link = tmp_path / "data.npz", tmp_path / "link.npz"
    path.write_text("images")
    link.symlink_to(path)
    require_another(tmp_path / "new.npz", path, None)
    for given in (path, link):
        with pytest.raises(FileExistsError, match=r"data\.npz was given to be read"):
            require_another(path, "mnist", given)


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_name_is_refused(text):
    with pytest.raises(ArgumentTypeError, match="a name is needed, got none"):
        named_path(text)
