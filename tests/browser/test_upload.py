"""Uploading a generator by the form: an archive of images becomes a measured pool, a pickle is refused in words."""

import pickle
import zipfile

import pytest

from pools import sources, stimulus
from tests.live import log_in

MEASURED_MS = 120_000


@pytest.fixture
def form(site, studies, person):
    """The upload form, before the researcher."""
    page = person().new_page()
    log_in(page, site)
    page.goto(f"{site.url}/generators/upload/")
    return page


def upload(page, path, name):
    page.get_by_label("Name").fill(name)
    page.locator("input[type=file]").set_input_files(path)
    page.locator("main").get_by_role("button", name="Upload").click()


def test_a_zip_of_images_becomes_a_measured_pool(form, tmp_path):
    images = sources.load("mnist", limit=30).images
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for number, image in enumerate(images):
            archive.writestr(f"{number}.png", stimulus.encode(image))
    upload(form, tmp_path / "images.zip", "From a zip")
    form.get_by_role("heading", name="From a zip").wait_for()
    form.get_by_text("30 images Ready").wait_for(timeout=MEASURED_MS)
    rows = form.locator("#live table tbody tr")
    rows.first.wait_for(timeout=MEASURED_MS)
    assert rows.count() >= 3
    assert all("30" in row for row in rows.all_inner_texts())


def test_a_pickle_is_refused_in_words(form, site, tmp_path):
    (tmp_path / "network.onnx").write_bytes(pickle.dumps({"weights": [1.0, 2.0]}))
    upload(form, tmp_path / "network.onnx", "From a pickle")
    reason = form.locator(".errorlist").inner_text()
    assert "pickle" in reason.lower()
    assert "ONNX" in reason
    form.goto(f"{site.url}/generators/")
    assert form.get_by_text("From a pickle").count() == 0
