"""Every page, narrow and wide, light and dark: nothing spills or is too faint, and keys reach all of it."""

from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.live import consent, log_in, press_card

WIDTHS_PX = (360, 1440)
SCHEMES = ("light", "dark")
PUBLIC = {
    "front page": "/",
    "leaderboard": "/leaderboard/?protocol=unlimited",
    "flash leaderboard": "/leaderboard/?protocol=flash",
    "pair leaderboard": "/leaderboard/?protocol=pair",
    "studies": "/studies/",
    "generators": "/generators/",
    "generator": "/generators/noisy-digits/",
    "pool": "/pools/2/",
    "data sets": "/datasets/",
    "data set": "/datasets/digits/",
    "log in": "/accounts/login/",
    "sign up": "/accounts/sign-up/",
    "password reset": "/accounts/password_reset/",
    "nothing here": "/nowhere/",
}
OWN = {
    "train": "/generators/train/",
    "upload": "/generators/upload/",
    "launch": "/studies/launch/",
    "own generator": "/generators/noisy-digits/",
    "change password": "/accounts/password_change/",
}
STUDY = ("study", "consent", "trials", "result")
PAGES = [*PUBLIC, *OWN, *STUDY]
ACTIONS = {
    "front page": ["Judge some images", "See the leaderboard", "Log in"],
    "studies": ["Launch a study"],
    "generators": ["Train one", "Upload one"],
    "train": ["Start the training"],
    "upload": ["Upload"],
    "launch": ["Launch"],
    "own generator": ["Put them before people", "Log out"],
    "study": ["Close the study", "Export the trials (CSV)"],
    "consent": ["I agree, let me start"],
    "trials": ["Stop for now", "Real", "Fake"],
    "sign up": ["Sign up"],
    "log in": ["Log in", "Forgot your password?"],
}

FAINT_TEXT = """() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], ground) => [r, g, b].map((x, i) => a * x + (1 - a) * ground[i]);
  const groundOf = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((ground, layer) => over(layer, ground), [255, 255, 255]);
  };
  const luminance = (color) => color
    .map((x) => x / 255)
    .map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4))
    .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let checked = 0;
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim();
    const element = texts.currentNode.parentElement;
    if (!text || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest("script, style, noscript, select")) continue;
    const style = getComputedStyle(element);
    const ground = groundOf(element);
    const ink = over(rgba(element instanceof SVGElement ? style.fill : style.color), ground);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    checked += 1;
    if (contrast(ink, ground) < (isLarge ? 3 : 4.5)) {
      faint.push(`${text.slice(0, 40)}: ${contrast(ink, ground).toFixed(2)}`);
    }
  }
  return { checked, faint };
}"""

FOCUSED = """() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return {
    words: (element.innerText || element.labels?.[0]?.innerText || "").trim(),
    tag: element.tagName,
    place: [...document.querySelectorAll("*")].indexOf(element),
    isSeen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    isOnScreen: box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight,
  };
}"""


@dataclass
class Visit:
    """What was found on one page: by width and scheme where it depends on them."""

    problems: list = field(default_factory=list)
    spills: dict = field(default_factory=dict)
    texts: dict = field(default_factory=dict)
    stops: list = field(default_factory=list)


@contextmanager
def listening(page):
    """Yields everything that the page complains of meanwhile."""
    heard = []
    listeners = {
        "console": lambda said: said.type in ("error", "warning") and heard.append(said.text),
        "pageerror": lambda error: heard.append(str(error)),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    yield heard
    for event, listener in listeners.items():
        page.remove_listener(event, listener)


def look(page, address=None):
    """Visit an address (or stay on the page as it is) and note everything."""
    visit = Visit()
    page.set_viewport_size({"width": 1440, "height": 900})
    with listening(page) as visit.problems:
        if address:
            page.goto(address)
            page.wait_for_function("() => !document.querySelector('.htmx-request')")
        visit.stops = tab_through(page)
        for width in WIDTHS_PX:
            page.set_viewport_size({"width": width, "height": 740})
            visit.spills[width] = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            visit.texts[scheme] = page.evaluate(FAINT_TEXT)
    return visit


def tab_through(page):
    """Each place at which Tab stops, all the way round."""
    stops = {}
    for _ in range(80):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop["place"] in stops:
            break
        stops[stop["place"]] = stop
    return [stop for stop in stops.values() if stop["tag"] != "BODY"]


@pytest.fixture(scope="module")
def visits(site, studies, chromium):
    """A look at every page by a stranger, a researcher and an annotator."""
    code = studies["practice"].rstrip("/").rpartition("/")[2]
    site.manage("simulate", code, "--observers", "3")
    stranger, researcher, annotator = (chromium.new_context() for _ in range(3))
    found = {}
    page = stranger.new_page()
    for name, path in PUBLIC.items():
        found[name] = look(page, site.url + path)
    found["consent"] = look(page, studies["looked at"])
    page = researcher.new_page()
    log_in(page, site)
    for name, path in OWN.items():
        found[name] = look(page, site.url + path)
    found["study"] = look(page, f"{site.url}/studies/{code}/")
    page = annotator.new_page()
    consent(page, studies["keyboard"])
    press_card(page)
    found["trials"] = look(page)
    found["result"] = look(*finish(annotator, studies["keyboard"]))
    for context in (stranger, researcher, annotator):
        context.close()
    return found


def finish(context, study):
    """Answer all that is left of a study without a screen; a page, and the result's address."""
    page = context.new_page()
    page.goto(f"{study}trials/")
    page.evaluate(
        """async () => {
            const block = await (await fetch("../block/")).json();
            const answers = block.screens.map(({ code }) => ({ trial: code, answer: "real", rt_ms: 900 }));
            await fetch("../responses/", {
                method: "POST",
                headers: { "X-CSRFToken": block.csrf },
                body: JSON.stringify({ answers }),
            });
        }"""
    )
    return page, f"{study}result/"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_does_not_scroll_sideways(visits, name):
    assert visits[name].spills == dict.fromkeys(WIDTHS_PX, 0)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_nothing_to_complain_of(visits, name):
    missing = [said for said in visits[name].problems if "404" in said and name == "nothing here"]
    assert [said for said in visits[name].problems if said not in missing] == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", PAGES)
def test_every_text_stands_out_from_its_ground(visits, name, scheme):
    texts = visits[name].texts[scheme]
    assert texts["checked"] > 3
    assert texts["faint"] == []


@pytest.mark.parametrize("name", PAGES)
def test_focus_is_always_seen(visits, name):
    stops = visits[name].stops
    assert stops
    assert [stop for stop in stops if not (stop["isSeen"] and stop["isOnScreen"])] == []


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_is_reached_by_tab(visits, name):
    reached = {word for stop in visits[name].stops for word in stop["words"].split("\n")}
    assert set(ACTIONS[name]) <= {word.strip("←→ ") for word in reached}
