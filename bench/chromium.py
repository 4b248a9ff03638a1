"""The headless Chromium that benchmarks and tests drive."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
UNSEEN = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess")
"""What a window makes for its address bar, a second of a processor each, and for a next page."""
PLAYWRIGHTS = (
    "AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay",
    "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding",
    "PreconnectToSearch", "TcpPortRandomizationWin", "ThirdPartyStoragePartitioning",
)  # fmt: skip
"""What Playwright leaves out, said again: of two such lists Chromium takes the last."""
ARGUMENTS = (
    f"--disable-features={','.join((*PLAYWRIGHTS, *UNSEEN))}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
MISSING = "no Chromium was found"
ADVICE = (
    "Install one (apt install chromium, or playwright install chromium), or set CHROMIUM=/path."
)


def find_chromium() -> str | None:
    """The browser to drive: CHROMIUM, then the PATH, then playwright's own; None if there is none."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Started, and closed at the end; raises FileNotFoundError if there is none."""
    path = find_chromium()
    if path is None:
        raise FileNotFoundError(f"{MISSING}. {ADVICE}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS])
        yield browser
        browser.close()
