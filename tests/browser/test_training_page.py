"""How a training went, and a sweep of trainings: by mouse and key, in the light and in the dark."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.live import log_in

FILL = """
import json, io
from datetime import timedelta
import numpy as np
from PIL import Image
from django.db import transaction
from django.utils import timezone
from evalsite.accounts.models import User
from evalsite.catalog import services
from evalsite.catalog.models import Dataset, Sweep, TrainingRun
from evalsite.jobs import JobState
from evalsite.leaderboard.models import Measurement, Score
from generators.config import load_config

owner, data = User.objects.get(), Dataset.objects.get(slug="digits")
config = load_config("demo-15", conditional=False, images=12000)
about = {"search": "grid", "space": ["loss = hinge, minimax"], "count": 2}
sweep = Sweep.objects.create(
    name="Losses", slug="losses", dataset=data, owner=owner, config=config.as_dict(), **about
)

def sheet(grey):
    out = io.BytesIO()
    Image.fromarray(np.full((28, 56), grey, np.uint8)).save(out, "PNG")
    return out.getvalue()

made = []
for loss in ("hinge", "minimax"):
    run = services.queue_training(
        owner=owner, name=f"Losses {loss}", dataset=data, description="", pool_size=0, seed=0,
        config=config.as_dict() | {"loss": loss}, images_total=12000, sweep=sweep,
        point={"loss": loss}, state=JobState.READY,
    )
    for number in range(1, 13):
        services.record_progress(
            run, images_seen=1000 * number, seconds=1.0, sheet_png=sheet(20 * number),
            values={"d_loss": 0.01, "g_loss": 6.0, "g_gradient": 1e-4, "d_real": 0.99, "d_fake": 0.01},
        )
    for seen, value in ((6000, 40.0), (12000, 60.0)):
        images = np.random.default_rng(seen).integers(0, 256, (20, 28, 28, 1), np.uint8)
        with transaction.atomic():  # or the site would measure it
            pool = services.keep_checkpoint_pool(
                run.generator, images, None, images_seen=seen, seed=0
            )
            Measurement.jobs.create(pool=pool, state=JobState.READY)
        Score.objects.create(
            generator=run.generator, dataset=data, pool=pool, name="FD∞-lite0",
            value=value + len(made), low=value - 2, high=value + 2,
        )
    made.append(run.generator.slug)
TrainingRun.jobs.filter(pk=run.pk).update(
    state=JobState.RUNNING, leased_until=timezone.now() + timedelta(days=1)
)
print(json.dumps(made))
"""

GO_ON = """
from evalsite.catalog.models import TrainingRun
TrainingRun.jobs.filter(generator__slug="losses-minimax").update(images_seen=12345)
"""


@pytest.fixture(scope="module")
def trained(site, studies):
    """The addresses of two trainings of one sweep."""
    slugs = json.loads(site.manage("shell", "--no-imports", "-c", FILL).splitlines()[-1])
    return [f"{site.url}/generators/{slug}/" for slug in slugs]


def assert_accessible(page):
    for width, scheme in ((360, "dark"), (1280, "light")):
        page.set_viewport_size({"width": width, "height": 740})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_a_training_is_looked_through_put_to_people_and_compared(site, trained, person):
    page = person().new_page()
    log_in(page, site)
    page.goto(trained[0])
    expect(page.get_by_text("vanishing-gradient")).to_be_visible()
    expect(page.get_by_text("Best after 6,000 images: 40.00 (38.00 to 42.00).")).to_be_visible()
    assert_accessible(page)

    slider, sheet = page.locator("#sheet-slider"), page.locator("#sheet")
    newest = sheet.get_attribute("src")
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator("#sheet-at")).to_have_text("1,000")
    assert sheet.get_attribute("src") != newest
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#sheet-at")).to_have_text("12,000")  # and stops there
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    assert sheet.get_attribute("src") == newest

    page.get_by_text("Put these checkpoints to people").click()
    page.get_by_role("button", name="Plan the study").click()
    page.wait_for_url("**/studies/launch/?pool=*")
    assert page.locator("input[name=pools]:checked").count() == 2

    page.goto(f"{site.url}/sweeps/losses/")
    assert_accessible(page)
    best = page.get_by_role("link", name="loss hinge: FD∞-lite0 60.00")
    best.focus()
    expect(best.locator("polyline").last).to_have_css("stroke-width", "4px")
    page.evaluate("window.wasKept = true")
    by_verdicts = page.get_by_role("link", name="Verdicts")
    by_verdicts.click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Verdicts")
    expect(by_verdicts).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Verdicts")
    assert page.evaluate("window.wasKept"), "the page was loaded anew"
    page.go_back()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Verdicts")
    best.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(trained[0])

    page.goto(f"{site.url}/sweeps/new/")
    page.get_by_label("Find a recipe").fill("wasserstein")
    expect(page.locator(".recipes fieldset label:visible")).to_have_count(2)
    page.get_by_label("WGAN with gradient penalty").check()
    page.get_by_text("The recipe’s values").click()
    expect(page.get_by_text("penalty.name = gradient-penalty")).to_be_visible()
    expect(page.get_by_text("discriminator.clip = 0.01")).to_be_hidden()
    assert_accessible(page)


def test_a_page_that_renews_itself_keeps_what_was_chosen_and_the_focus(site, trained, person):
    page = person().new_page()
    log_in(page, site)
    page.goto(trained[1])
    page.get_by_text("Put these checkpoints to people").click()
    first = page.get_by_role("checkbox", name="after 6,000 images")
    first.uncheck()
    plan = page.get_by_role("button", name="Plan the study")
    plan.focus()
    site.manage("shell", "--no-imports", "-c", GO_ON)
    expect(page.get_by_text("12,345 of 12,000 images shown")).to_be_visible()
    expect(first).not_to_be_checked()
    expect(page.get_by_role("checkbox", name="after 12,000 images")).to_be_checked()
    expect(plan).to_be_focused()
