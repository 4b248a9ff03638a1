"""The page on which researchers hand trials in."""

import io

import pyarrow
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from pyarrow import parquet

from evalsite.studies import exchange
from evalsite.studies.models import Study
from tests import factories
from tests.evalsite.trial_files import as_csv, rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def digits():
    return factories.dataset("Digits")


def upload(client, content, of, name="trials.csv", **fields):
    file = SimpleUploadedFile(name, content if isinstance(content, bytes) else content.encode())
    asked = {"file": file, "dataset": of.pk, "protocol": "unlimited", **fields}
    return client.post(reverse("import_trials"), asked)


def test_the_page_imports_a_file(client, digits, logged_in):
    assert "<code>observer</code>" in client.get(reverse("import_trials")).content.decode()
    response = upload(client, as_csv(rows()), digits, "ours <2019>.csv")
    study = Study.objects.get()
    assert response.url == study.get_absolute_url()
    assert study.owner == logged_in
    assert study.name == study.imported_from == "ours <2019>.csv"
    assert "Imported 36 trials." in client.get(response.url).content.decode()


def test_the_page_lists_what_is_wrong_and_imports_nothing(client, digits, logged_in):
    bad = as_csv([row | {"truth": f"<b>{n}</b>"} for n, row in enumerate(rows())])
    page = upload(client, bad, digits).content.decode()
    assert "Nothing was imported." in page
    assert "line 2: truth &#x27;&lt;b&gt;0&lt;/b&gt;&#x27; is neither real nor fake" in page
    assert page.count("is neither real nor fake") == 10
    assert "and 26 more" in page
    assert not Study.objects.exists()


def test_the_page_says_what_a_protocol_needs(client, digits, logged_in):
    page = upload(client, as_csv(rows()), digits, protocol="pair").content.decode()
    assert "Nothing was imported." in page
    assert "needs the column screen" in page


def test_the_page_is_for_researchers(client, digits):
    address = reverse("import_trials")
    assert client.get(address).url == f"{reverse('login')}?next={address}"
    assert upload(client, as_csv(rows()), digits).status_code == 302
    assert not Study.objects.exists()


def test_the_page_without_a_data_set_says_so(client, logged_in):
    assert "no data set yet" in client.get(reverse("import_trials")).content.decode()


@pytest.mark.parametrize("most", ["MOST_MB", "UPLOAD_MAX_MB"])
def test_the_page_leaves_large_files_to_the_command(
    client, digits, logged_in, settings, monkeypatch, most
):
    if most == "MOST_MB":
        monkeypatch.setattr(exchange, most, 1)
    else:
        settings.UPLOAD_MAX_MB = 1
    page = upload(client, b"x" * (3 * 2**20), digits).content.decode()
    assert "The file has 3 MB; this page takes up to 1 MB." in page
    assert "manage.py import_trials" in page


def test_the_page_refuses_small_files_that_stand_for_many_rows(client, digits, logged_in):
    many = pyarrow.table({"observer": pyarrow.repeat("a", exchange.MOST_ROWS + 1)})
    out = io.BytesIO()
    parquet.write_table(many, out)
    assert len(out.getvalue()) < 2**20
    page = upload(client, out.getvalue(), digits, "t.parquet").content.decode()
    assert "The file has 1,000,001 rows; this page takes up to 1,000,000." in page


HOSTILE = {
    "pickle": b"\x80\x04K\x01.",
    "zip": b"PK\x03\x04" + bytes(100),
    "cut Parquet": b"PAR1" + bytes(40),
    "nulls": b"observer,stimulus,truth,response\n\x00,\x00,\x00,\x00\n",
    "not UTF-8": b"observer,stimulus,truth,response\n\xff,s,real,real\n",
    "one endless cell": b'observer,stimulus,truth,response\n"' + b"x" * 300_000,
    "gzip": b"\x1f\x8b" + bytes(50),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_refused_in_words(client, digits, logged_in, content):
    response = upload(client, content, digits)
    assert response.status_code == 200
    assert "Nothing was imported." in response.content.decode()
    assert not Study.objects.exists()
