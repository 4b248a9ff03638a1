"""Weights that an administrator uploads, for metrics that are named after them."""

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from evalsite.catalog import uploads
from evalsite.catalog.forms import WeightsForm
from evalsite.catalog.models import Weights
from metrics.extractors.weights import INCEPTION, find
from metrics.extractors.weights import Weights as Published
from tests import factories

pytestmark = pytest.mark.django_db

CONTENT = b"many numbers"
KNOWN = Published(
    "net.pth", hashlib.sha256(CONTENT).hexdigest(), "https://example.org/net.pth", "NET_WEIGHTS"
)
ADD = reverse("admin:catalog_weights_add")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where extractors look; one network is known."""
    monkeypatch.setattr(uploads, "PUBLISHED", (KNOWN,))
    monkeypatch.setenv("UNCANNY_WEIGHTS_DIR", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture
def admin(client):
    client.force_login(factories.user(is_staff=True, is_superuser=True))
    return client


def upload(client, content=CONTENT, name="renamed.bin"):
    return client.post(ADD, {"upload": SimpleUploadedFile(name, content)})


def test_uploaded_weights_lie_where_extractors_find_them(admin, folder):
    assert upload(admin).status_code == 302
    kept = Weights.objects.get()
    assert (kept.file, kept.sha256, kept.size_bytes) == ("net.pth", KNOWN.sha256, len(CONTENT))
    assert [path.name for path in folder.iterdir()] == ["net.pth"]
    assert find(KNOWN).read_bytes() == CONTENT
    assert find(KNOWN).stat().st_mode & 0o044  # workers may be of another user


def test_uploaded_again_they_are_the_same(admin, folder):
    upload(admin)
    (folder / "net.pth").write_bytes(b"damaged")
    upload(admin)
    assert Weights.objects.count() == 1
    assert find(KNOWN).read_bytes() == CONTENT


def test_another_file_is_refused_and_told_which_is_wanted(admin, folder):
    page = upload(admin, b"other numbers", "net.pth").content.decode()
    for told in (hashlib.sha256(b"other numbers").hexdigest(), KNOWN.sha256, KNOWN.file, KNOWN.url):
        assert told in page
    assert not Weights.objects.exists()
    assert not folder.exists()


def test_what_is_wanted_is_told_before_the_upload(admin):
    assert INCEPTION.file in WeightsForm.base_fields["upload"].help_text
    assert INCEPTION.sha256 in admin.get(ADD).content.decode()


@pytest.mark.parametrize("in_a_list", [False, True])
def test_removed_weights_are_gone(admin, folder, in_a_list):
    upload(admin)
    pk = Weights.objects.get().pk
    if in_a_list:
        asked = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
        admin.post(reverse("admin:catalog_weights_changelist"), asked)
    else:
        admin.post(reverse("admin:catalog_weights_delete", args=[pk]), {"post": "yes"})
    assert not Weights.objects.exists()
    assert list(folder.iterdir()) == []


def test_there_is_nothing_to_change_about_weights(admin):
    upload(admin)
    page = admin.get(reverse("admin:catalog_weights_change", args=[Weights.objects.get().pk]))
    assert b'name="_save"' not in page.content


def test_only_an_administrator_uploads(client):
    client.force_login(factories.user())
    assert "login" in upload(client).url
    assert not Weights.objects.exists()
