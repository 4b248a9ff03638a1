"""What the environment says is read strictly: a mistake in it is refused in words that name it."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings_of(monkeypatch, tmp_path):
    """What evalsite/settings.py makes of some variables."""
    monkeypatch.setenv("UNCANNY_WEIGHTS_DIR", str(tmp_path))  # set by the settings themselves

    def read(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "evalsite" / "settings.py"))

    return read


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DEBUG", "maybe", "DEBUG must be true or false, got 'maybe'"),
        ("EMAIL_PORT", "abc", "EMAIL_PORT must be from 1 to 65535, got 'abc'"),
        ("EMAIL_PORT", "70000", "EMAIL_PORT must be from 1 to 65535, got '70000'"),
        (
            "UNCANNY_UPLOAD_MAX_MB",
            "-5",
            "UNCANNY_UPLOAD_MAX_MB must be a whole number of at least 1",
        ),
        ("UNCANNY_RANGE_IMAGES", "0", "UNCANNY_RANGE_IMAGES must be .* got '0'"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL must be one of CRITICAL, .* got 'LOUD'"),
        ("DATABASE_URL", "mysq://me:secret@host", "DATABASE_URL must be such as postgresql://"),
        ("BROKER_URL", "amqp://me:secret@host", "BROKER_URL must begin with redis://"),
        ("SECRET_KEY", "", "SECRET_KEY is missing"),
        ("UNCANNY_SIGNUP", "0", "no setting UNCANNY_SIGNUP: did you mean UNCANNY_SIGNUP_OPEN?"),
        ("UNCANNY_QQQ", "0", "there is no setting UNCANNY_QQQ$"),
    ],
)
def test_a_mistake_in_a_variable_is_refused_by_name(settings_of, name, value, words):
    with pytest.raises(ImproperlyConfigured, match=words) as refused:
        settings_of(**{name: value})
    assert "secret" not in str(refused.value)


def test_an_empty_variable_is_an_absent_one(settings_of):
    """As a compose file gives it, for what was left out."""
    empty = [
        "UNCANNY_DATA_DIR",
        "UNCANNY_POOL_STORE",
        "BROKER_URL",
        "DATABASE_URL",
        "ALLOWED_HOSTS",
    ]
    found = settings_of(**dict.fromkeys([*empty, "EMAIL_PORT", "DEBUG"], ""))
    assert found["DATA_DIR"] == ROOT / "var"
    assert found["POOL_STORE"] == str(ROOT / "var" / "pools")
    assert found["BROKER_IS_EMBEDDED"]
    assert found["DATABASES"]["default"]["NAME"] == str(ROOT / "var" / "uncanny.sqlite3")
    assert "localhost" in found["ALLOWED_HOSTS"]
    assert (found["EMAIL_PORT"], found["DEBUG"]) == (587, False)


def test_blanks_between_what_a_variable_names_are_no_part_of_the_names(settings_of):
    found = settings_of(UNCANNY_METRIC_EXTRACTORS=" lite0, clean ,", LOG_LEVEL="debug")
    assert found["METRIC_EXTRACTORS"] == ["lite0", "clean"]
    assert found["LOGGING"]["root"]["level"] == "DEBUG"


def test_a_data_folder_may_have_any_name(settings_of):
    folder = Path("/srv/ü #%41 x?y")  # short enough for the broker's socket to lie in it
    found = settings_of(UNCANNY_DATA_DIR=str(folder), DATABASE_URL="", BROKER_URL="")
    assert found["DATABASES"]["default"]["NAME"] == str(folder / "uncanny.sqlite3")
    assert "%C3%BC%20%23%2541%20x%3Fy" in found["BROKER_URL"]


def test_what_stands_in_the_file_is_in_the_environment(monkeypatch, tmp_path):
    """Where the metrics look for weights, and pool stores for keys; the environment wins."""
    monkeypatch.setenv("UNCANNY_DATA_DIR", str(tmp_path))
    for name in ("UNCANNY_WEIGHTS_DIR", "UNCANNY_CLIP_WEIGHTS", "BROKER_URL"):
        monkeypatch.setenv(name, "to be put back")
        monkeypatch.delenv(name)
    (tmp_path / "evalsite").mkdir()
    copy = tmp_path / "evalsite" / "settings.py"
    copy.write_text((ROOT / "evalsite" / "settings.py").read_text())
    (tmp_path / ".env").write_text(
        "UNCANNY_CLIP_WEIGHTS=/clip.pt\nBROKER_URL=redis://host/0\nUNCANNY_DATA_DIR=/nowhere\n"
    )
    found = runpy.run_path(str(copy))
    assert os.environ["UNCANNY_CLIP_WEIGHTS"] == "/clip.pt"
    assert not found["BROKER_IS_EMBEDDED"]
    assert found["DATA_DIR"] == tmp_path.resolve()


def test_manage_py_says_it_in_one_line(monkeypatch):
    monkeypatch.setenv("UNCANNY_SIGNUP", "false")
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "settings: there is no setting UNCANNY_SIGNUP: did you mean UNCANNY_SIGNUP_OPEN?\n"
    )


def test_manage_py_says_of_an_empty_database_what_makes_its_tables(monkeypatch, tmp_path):
    monkeypatch.setenv("UNCANNY_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    done = subprocess.run(
        [sys.executable, "manage.py", "import_dataset", "digits", "mnist"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "database: no such table: catalog_dataset; `manage.py migrate` makes the tables, "
        "as the first start of the site does\n"
    )
