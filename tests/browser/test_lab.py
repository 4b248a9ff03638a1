"""The lab in a browser: the linear model under the hand, and an attack as people see it."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.live import log_in

FILL = """
import json
from evalsite.accounts.models import User
from tests.evalsite import forging
from tests.evalsite.test_lab import named
net = forging.classifier(forging.dataset())
attack = forging.attack(net, owner=User.objects.get(), epsilons=(0.1, 0.2))
forging.forged(attack, fooled=[True] * 6 + [False] * 2)
named(attack)
print(json.dumps(attack.get_absolute_url()))
"""


LONG = "/a/folder/with/a/name/of/no/end/and/no/gap/classifier.safetensors is damaged"
FAIL = """
from evalsite.lab.models import Attack
Attack.jobs.update(error={error!r}, state="failed")
"""


def assert_accessible(page):
    for width, scheme in ((360, "dark"), (1280, "light")):
        page.set_viewport_size({"width": width, "height": 740})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


@pytest.fixture(scope="module")
def attacked(site, studies):
    return site.url + json.loads(site.manage("shell", "--no-imports", "-c", FILL).splitlines()[-1])


def cell(page, name):
    return page.locator(f'[data-cell="{name}"]').first


def test_the_linear_model_follows_every_number_at_once(site, person):
    page = person().new_page()
    page.goto(f"{site.url}/lab/linear/")
    expect(page.get_by_role("button", name="Work it out")).to_be_hidden()
    expect(cell(page, "pushed-score")).to_have_text("1.6")
    page.get_by_role("slider").press("End")
    expect(page.locator("#model output")).to_have_text("1")
    expect(cell(page, "pushed-score")).to_have_text("24")
    expect(cell(page, "signed-score")).to_have_text("8")
    expect(cell(page, "effect-784")).to_have_text("1,568.0")
    page.get_by_label("x, value 1", exact=True).fill("5")
    expect(cell(page, "plain-score")).to_have_text("0")
    expect(cell(page, "plain-probability")).to_have_text("50.0 %")
    assert_accessible(page)


def test_an_attack_is_looked_at_without_eyes_and_on_a_phone(site, attacked, person):
    page = person().new_page()
    log_in(page, site)
    page.goto(attacked)
    expect(page.get_by_role("img", name="fools the network")).to_be_visible()
    expect(page.locator(".sets")).to_contain_text("75.0 %")
    page.get_by_text("The controls").press("Enter")
    expect(page.get_by_alt_text("As it is: clean, the first 8 images")).to_be_visible()
    assert_accessible(page)
    page.goto(f"{site.url}/lab/")
    assert_accessible(page)
    page.get_by_role("link", name="Attack a classifier").click()
    page.wait_for_url(f"{site.url}/lab/attacks/new/**")
    assert_accessible(page)


def test_what_went_wrong_is_read_on_a_phone_however_long_its_words(site, attacked, person):
    site.manage("shell", "--no-imports", "-c", FAIL.format(error=LONG))
    page = person().new_page()
    page.set_viewport_size({"width": 360, "height": 740})
    log_in(page, site)
    page.goto(attacked)
    expect(page.get_by_text(LONG)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
