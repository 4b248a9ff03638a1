"""Playing with trained generators: by mouse, key and touch, in the light and in the dark."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.live import log_in

FILL = """
import json
from evalsite.accounts.models import User
from evalsite.catalog.models import Dataset
from tests.evalsite.playing import exported, trained
about = {"of": Dataset.objects.get(slug="digits"), "owner": User.objects.get()}
made = {task: exported(trained(task, **about)) for task in ("noise", "edges", "classes", "enlarge")}
exported(made["classes"], network="back")
print(json.dumps({task: each.slug for task, each in made.items()}))
"""
OWN_PICTURE = """async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 40, height: 60 });
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return [...new Uint8Array(await blob.arrayBuffer())];
}"""


@pytest.fixture(scope="module")
def played(site, studies):
    """The address of each page by its task; the networks are known ones."""
    slugs = json.loads(site.manage("shell", "--no-imports", "-c", FILL).splitlines()[-1])
    pages = {task: "explore" if task == "noise" else "translate" for task in slugs}
    return {task: f"{site.url}/generators/{slug}/{pages[task]}/" for task, slug in slugs.items()}


@pytest.fixture
def visit(played, site, person):
    """Opens a page; as the generators' owner, if that is asked for."""

    def come(task, *, owner=False, **options):
        page = person(**options).new_page()
        if owner:
            log_in(page, site)
        page.goto(played[task])
        return page

    return come


def assert_accessible(page):
    for width, scheme in ((360, "dark"), (1440, "light")):
        page.set_viewport_size({"width": width, "height": 740})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def carry_by_finger(page, carried, slot):
    """Touch what is carried, move the finger onto the slot in small steps, and lift it."""
    slot.evaluate("each => each.scrollIntoView({ block: 'end' })")
    touch = page.context.new_cdp_session(page)
    start, end = carried.bounding_box(), slot.bounding_box()
    for step in range(11):
        x, y = (
            start[side] + 20 + (end[side] - start[side] + 20) * step / 10 for side in ("x", "y")
        )
        kind = "touchMove" if step else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def colour_of(button):
    return button.evaluate("each => getComputedStyle(each).color")


def section(page, slots):
    return page.locator(f"[data-equation='{slots}'], [data-walk='{slots}']")


def test_samples_are_carried_by_mouse_and_drawn_at_once(visit):
    page = visit("noise")
    samples = page.locator(".sample")
    expect(samples).to_have_count(36)
    for sample, slot in ((0, "a"), (5, "b"), (6, "c")):
        samples.nth(sample).drag_to(page.locator(f"[data-slot={slot}]"))
        expect(page.locator(f"[data-slot={slot}] .held img")).to_have_count(1)
    assert samples.nth(6).get_attribute("aria-pressed") == "false"
    result = section(page, "a b c").locator(".large")
    expect(result).to_have_attribute("alt", "1")
    drawn = result.get_attribute("src")
    section(page, "a b c").get_by_role("slider").press("Home")
    expect(result).to_have_attribute("src", samples.nth(0).locator("img").get_attribute("src"))
    assert drawn != result.get_attribute("src")
    page.locator("[data-slot=a] .held button").click()
    expect(result).to_be_hidden()


@pytest.mark.parametrize(("keys", "slots"), [("ab", "a b c"), ("ft", "f t")])
def test_what_was_asked_of_samples_that_are_gone_since_is_not_shown(visit, keys, slots):
    page = visit("noise", reduced_motion="reduce")
    expect(page.locator(".sample")).to_have_count(36)
    held = []
    page.route(re.compile("/(draw|walk)/$"), lambda route: held.append(route))
    page.locator(".sample").first.focus()
    for key in keys:
        page.keyboard.press(key)
    page.locator(f"[data-slot={keys[0]}] .held button").click()
    for _ in range(100):
        if held:
            break
        page.wait_for_timeout(50)
    with page.expect_response(held[0].request.url) as answered:
        held[0].continue_()
    answered.value.finished()
    page.wait_for_timeout(100)  # nothing is what is waited for
    expect(section(page, slots).locator(".large")).to_be_hidden()


def test_the_keyboard_alone_reaches_everything(visit):
    page = visit("noise", owner=True, reduced_motion="reduce")
    first = page.locator(".sample").first
    first.focus()
    for key in ("w", "ArrowRight", "Enter", "ArrowRight", "Enter", "o", "ArrowLeft", "x"):
        page.keyboard.press(key)
    expect(page.locator("[data-slot=o] .held img")).to_have_count(2)
    attribute = section(page, "x o w")
    expect(attribute.locator(".large")).to_be_visible()
    for key in ("f", "End", "t"):
        page.keyboard.press(key)
    walk = section(page, "f t")
    expect(walk.locator(".strip img")).to_have_count(11)
    expect(walk.locator("output")).to_have_text("0 %")
    walk.get_by_role("button", name="Play").press("Enter")
    expect(walk.locator("output")).not_to_have_text("0 %")
    walk.get_by_role("button", name="Pause").press("Enter")
    attribute.get_by_role("button", name="Compare").press("Enter")
    expect(page.locator("#neighbours img")).to_have_count(6)
    assert_accessible(page)


def test_a_full_box_says_so_and_what_was_left_out(visit):
    page = visit("noise")
    samples, box = page.locator(".sample"), page.locator("[data-slot=a]")
    expect(samples).to_have_count(36)
    for number in range(18):
        samples.nth(number).click()
    full = box.locator(".full")
    expect(full).to_be_hidden()
    box.get_by_role("button", name="Put here").click()
    expect(full).to_be_visible()
    expect(box.locator(".held img")).to_have_count(16)
    expect(page.locator("#said")).to_have_text(re.compile(r"\. 2 left out: a box holds 16$"))
    box.locator(".held button").first.click()
    expect(full).to_be_hidden()


def test_a_finger_chooses_puts_and_carries(visit):
    page = visit("noise", has_touch=True, viewport={"width": 360, "height": 740})
    page.locator(".sample").nth(1).tap()
    page.locator("[data-slot=f] .put").tap()
    expect(page.locator("[data-slot=f] .held img")).to_have_count(1)
    expect(page.locator("[data-slot=t] .put")).to_be_disabled()
    page.get_by_role("button", name="More").tap()
    expect(page.locator("#which")).to_have_text("seed 1")
    carry_by_finger(page, page.locator(".sample").nth(2), page.locator("[data-slot=a]"))
    expect(page.locator("[data-slot=a] .held img")).to_have_count(1)
    assert page.locator(".sample").nth(2).get_attribute("aria-pressed") == "false"


def test_on_a_slow_line_a_press_is_answered_at_once_and_the_last_one_counts(visit):
    page = visit("noise")
    expect(page.locator(".sample")).to_have_count(36)
    asked = []

    def later(route):
        asked.append(json.loads(route.request.post_data)["points"][0]["start"][0][0])
        page.wait_for_timeout(500)
        route.continue_()

    page.route("**/draw/", later)
    more, which = page.get_by_role("button", name="More"), page.locator("#which")
    more.dispatch_event("click")
    expect(which).to_have_text("seed 1 …")
    more.dispatch_event("click")
    more.dispatch_event("click")
    expect(which).to_have_text("seed 3")
    assert asked == [1, 3]


def test_what_went_wrong_is_seen_however_far_down_the_page_a_phone_is(visit):
    page = visit("noise", has_touch=True, viewport={"width": 390, "height": 740})
    expect(page.locator(".sample")).to_have_count(36)
    page.locator("#nearest").scroll_into_view_if_needed()
    page.context.set_offline(True)
    more = page.get_by_role("button", name="More")
    more.tap()
    expect(page.locator("#wrong")).to_be_in_viewport(ratio=1)
    expect(page.locator("#which")).to_have_text("seed 0")
    page.context.set_offline(False)
    more.tap()
    expect(page.locator("#wrong")).to_be_hidden()
    expect(page.locator("#which")).to_have_text("seed 1")


def test_strokes_become_a_picture_and_can_be_taken_back(visit):
    page = visit("edges")
    output, canvas = page.locator("#output"), page.locator("#canvas")
    expect(output).to_have_attribute("alt", "What the network makes of no lines")
    empty = output.get_attribute("src")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 90, steps=5)
    page.mouse.up()
    expect(output).to_have_attribute("alt", "What the network makes of your lines")
    expect(output).not_to_have_attribute("src", empty)
    page.keyboard.press("Control+z")
    expect(output).to_have_attribute("src", empty)
    page.locator("[data-example]").nth(2).press("Enter")
    expect(page.locator("#original")).to_be_visible()
    expect(output).not_to_have_attribute("src", empty)
    page.get_by_role("button", name="Clear").press("Enter")
    expect(output).to_have_attribute("src", empty)
    expect(page.locator("#original")).to_be_hidden()
    assert_accessible(page)


def test_lines_are_drawn_by_keys_alone(visit):
    page = visit("edges")
    output, canvas, tip = (page.locator(f"#{name}") for name in ("output", "canvas", "tip"))
    expect(output).to_have_attribute("alt", "What the network makes of no lines")
    empty = output.get_attribute("src")
    page.locator("#width").focus()
    page.keyboard.press("Tab")  # what cannot be undone or cleared is passed by
    expect(canvas).to_be_focused()
    expect(tip).to_be_hidden()
    page.keyboard.press("Shift+ArrowLeft")
    expect(tip).to_be_visible()
    expect(output).to_have_attribute("src", empty)
    for key in ("Space", "Shift+ArrowRight", "ArrowDown", "ArrowDown", "Space", "ArrowLeft"):
        page.keyboard.press(key)
    expect(page.get_by_role("status").filter(has_text="The pen is lifted")).to_have_count(1)
    expect(output).to_have_attribute("alt", "What the network makes of your lines")
    expect(output).not_to_have_attribute("src", empty)
    assert_accessible(page)
    page.keyboard.press("Control+z")  # the stroke as a whole
    expect(output).to_have_attribute("src", empty)
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(tip).to_be_hidden()
    canvas.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#pen-said")).to_have_text("The pen is lifted")


@pytest.mark.parametrize("task", ["edges", "classes", "enlarge"])
def test_on_a_phone_an_example_brings_its_picture_into_view(visit, task):
    page = visit(task, has_touch=True, viewport={"width": 390, "height": 740})
    example, picture = page.locator("[data-example]").last, page.locator(".large").first
    example.scroll_into_view_if_needed()
    expect(picture).not_to_be_in_viewport()
    example.tap()
    expect(picture).to_be_in_viewport(ratio=0.99)
    page.context.set_offline(True)
    example.tap()
    expect(page.locator("#wrong")).to_be_in_viewport(ratio=1)


def test_a_button_that_does_nothing_yet_does_not_look_like_one_that_does(visit):
    page = visit("edges")
    undo, clear = (page.get_by_role("button", name=name) for name in ("Undo", "Clear"))
    expect(page.locator("#output")).to_have_attribute("alt", "What the network makes of no lines")
    idle = colour_of(undo), colour_of(clear)
    page.locator("[data-example]").first.press("Enter")
    expect(clear).to_be_enabled()
    for before, button in zip(idle, (undo, clear), strict=True):
        assert colour_of(button) != before


def test_a_cycle_goes_either_way_and_a_hostile_file_is_named(visit):
    page = visit("classes")
    upload = page.get_by_label("Or an image of your own")
    upload.set_input_files({"name": "net.png", "mimeType": "image/png", "buffer": b"pickle"})
    expect(page.locator("#wrong")).to_contain_text("net.png: is not a PNG")
    own = bytes(page.evaluate(OWN_PICTURE))
    upload.set_input_files({"name": "own.png", "mimeType": "image/png", "buffer": own})
    expect(page.locator("#words")).to_contain_text("closes within 0.0")
    expect(page.locator("#wrong")).to_be_hidden()
    expect(page.locator("#notes")).to_contain_text("the middle square was taken")
    upload.set_input_files({"name": "net.png", "mimeType": "image/png", "buffer": b"pickle"})
    expect(page.locator("#wrong")).to_contain_text("net.png: is not a PNG")
    page.locator("[name=back]").nth(1).check()  # turns what was good
    expect(page.locator("#wrong")).to_be_hidden()
    expect(page.locator("#closed")).to_be_visible()
    assert_accessible(page)


def test_the_other_way_begins_with_an_example_of_the_other_class(visit):
    page = visit("classes")
    ways, pressed = page.locator("[name=back]"), page.locator("[data-example][aria-pressed=true]")
    for number, back in ((1, "on"), (0, ""), (1, "on")):
        ways.nth(number).check()
        expect(pressed).to_have_attribute("data-back", back)
        expect(pressed).to_have_count(1)
    own = bytes(page.evaluate(OWN_PICTURE))
    upload = page.get_by_label("Or an image of your own")
    upload.set_input_files({"name": "own.png", "mimeType": "image/png", "buffer": own})
    expect(page.locator("#notes")).to_contain_text("the middle square was taken")
    ways.nth(0).check()  # one's own image is turned either way
    expect(page.locator("#words")).to_be_visible()
    expect(pressed).to_have_count(0)


def test_an_example_takes_an_upload_back_so_that_the_same_file_can_be_chosen_again(visit):
    page = visit("classes")
    upload = page.get_by_label("Or an image of your own")
    own = bytes(page.evaluate(OWN_PICTURE))
    upload.set_input_files({"name": "own.png", "mimeType": "image/png", "buffer": own})
    expect(page.locator("#notes")).to_contain_text("the middle square was taken")
    page.locator("[data-example]").first.click()
    expect(page.locator("#notes")).not_to_contain_text("the middle square was taken")
    expect(upload).to_have_value("")


def test_an_enlargement_is_compared_under_a_slider_by_key(visit):
    page = visit("enlarge")
    expect(page.locator("#words")).to_contain_text("nearest neighbour ")
    page.get_by_role("slider").press("Home")
    assert "100%" in page.locator("#before").evaluate("each => each.style.clipPath")
    plain = page.locator("#before").get_attribute("src")
    page.get_by_label("bicubic").check()
    expect(page.locator("#before")).not_to_have_attribute("src", plain)
    expect(page.locator("#before-said")).to_have_text("bicubic")
    assert_accessible(page)


RENAME = """
from evalsite.catalog.models import Generator
Generator.objects.filter(slug="noisy-digits").update(name={!r})
"""


def test_the_launch_form_holds_a_long_name_on_a_phone(site, studies, person):
    page = person(viewport={"width": 360, "height": 740}).new_page()
    log_in(page, site)
    site.manage("shell", "--no-imports", "-c", RENAME.format("W" * 80))
    try:
        page.goto(f"{site.url}/studies/launch/")
        expect(page.get_by_text("W" * 80).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    finally:
        site.manage("shell", "--no-imports", "-c", RENAME.format("Noisy digits"))


NAMED = """
from evalsite.lab.services import add_embedded
added = add_embedded()
type(added).jobs.filter(pk=added.pk).update(name={!r})
"""


@pytest.mark.parametrize("width", [360, 1280])
def test_a_table_holds_a_long_name_beside_its_other_columns(site, person, width):
    page = person(viewport={"width": width, "height": 740}).new_page()
    site.manage("shell", "--no-imports", "-c", NAMED.format("W" * 80))
    try:
        page.goto(f"{site.url}/lab/")
        expect(page.get_by_text("W" * 80)).to_be_visible()
        wider = "each => each.scrollWidth - each.clientWidth"
        assert page.locator(".scroll:has-text('WWW')").evaluate(wider) == 0
    finally:
        site.manage("shell", "--no-imports", "-c", f"{NAMED.format('')}added.delete()")
