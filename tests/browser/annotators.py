"""Every page that an annotator may come to, and the studies and people of a site that lead there."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import BrowserContext, Page

from evalsite.catalog.models import Pool
from evalsite.studies import services
from evalsite.studies.design import Payment, Rules
from evalsite.studies.models import Study
from tests import factories

CONSENT = "Say of each image whether it is real."
PAID = Rules(payment=Payment(base=1.5, bonus=0.05), qualify_at=0.65, catch_trials=2)
STUDIES = {
    "unlimited": {"trials": 4, "blocks": 2, "rules": Rules(payment=Payment(base=1.5))},
    "flash": {"protocol": "flash", "trials": 3, "practice_trials": 8, "rules": PAID},
    "pair": {"protocol": "pair", "trials": 2, "rules": Rules(allow_ties=True)},
    "select": {"protocol": "select", "trials": 2, "rules": Rules(grid=6)},
    "judged": {"trials": 6, "completion_code": "C1DONE", "return_url": "https://example.org/back"},
    "strict": {"trials": 4, "practice_trials": 8, "rules": Rules(qualify_at=1.0)},
    "closed": {"trials": 4},
    "waiting": {"trials": 4},
}
LANGUAGES = ("en", "es", "fr", "ar", "hi", "zh-hans")


@dataclass(frozen=True)
class Cast:
    """The codes of STUDIES by name; the cookies of two observers; for each language a code to withdraw."""

    url: str
    studies: dict[str, str]
    tokens: dict[str, str]
    codes: dict[str, str]

    def study(self, name: str) -> str:
        return f"{self.url}/s/{self.studies[name]}/"

    def cookie(self, name: str) -> dict[str, str]:
        """What makes a browser that of the observer who finished a study."""
        return {
            "name": f"observer-{self.studies[name]}",
            "value": self.tokens[name],
            "url": self.url,
        }


def cast(site) -> Cast:
    """Call `prepare` within a site that is filled."""
    script = "from tests.browser.annotators import prepare; prepare()"
    printed = site.manage("shell", "--no-imports", "-c", script)
    return Cast(site.url, **json.loads(printed.splitlines()[-1]))


def prepare() -> None:
    """Print a site's Cast, without its address; runs in the site's Django."""
    pool = Pool.jobs.of_generators().ready().first()
    studies = {name: _launch(pool, name, **about) for name, about in STUDIES.items()}
    for name in ("closed", "waiting"):
        Study.objects.filter(pk=studies[name].pk).update(state=name)
    judged = [factories.finished(studies["judged"]) for _ in LANGUAGES]
    failed = factories.finished(studies["strict"], right=lambda trial: False)
    found = {
        "studies": {name: study.code for name, study in studies.items()},
        "tokens": {"judged": factories.finished(studies["judged"]).token, "strict": failed.token},
        "codes": dict(zip(LANGUAGES, [observer.code for observer in judged], strict=True)),
    }
    print(json.dumps(found))


def _launch(pool: Pool, name: str, **about: object) -> Study:
    asked = {"protocol": "unlimited", "practice_trials": 0, "rules": Rules(), **about}
    return services.launch_study(
        owner=None,
        name=name,
        dataset=pool.imitates,
        pools=[pool],
        consent_text=CONSENT,
        **asked,
    )


@dataclass(frozen=True)
class Visit:
    """Somebody who reads one language, on a page of their own."""

    page: Page
    cast: Cast
    language: str

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    def ask_to_be_deleted(self, code: str) -> None:
        self.page.goto(f"{self.cast.url}/withdraw/")
        self.page.locator("main input[name=code]").fill(code)
        self.send()

    def send(self) -> None:
        """Send the page's form, and wait for the page that answers it."""
        with self.page.expect_navigation():
            self.page.locator("main form button").click()


def _study(name: str) -> Callable[[Visit], object]:
    return lambda visit: visit.page.goto(visit.cast.study(name))


def _end(name: str) -> Callable[[Visit], object]:
    def come(visit: Visit) -> None:
        visit.context.add_cookies([visit.cast.cookie(name)])
        visit.page.goto(f"{visit.cast.study(name)}result/")

    return come


def _send_what_is_stale(visit: Visit) -> None:
    visit.page.goto(visit.cast.study("pair"))
    visit.context.clear_cookies()
    visit.send()


PAGES: dict[str, Callable[[Visit], object]] = {
    "consent to images": _study("unlimited"),
    "consent to flashes": _study("flash"),
    "consent to pairs": _study("pair"),
    "consent to grids": _study("select"),
    "closed study": _study("closed"),
    "waiting study": _study("waiting"),
    "no study": lambda visit: visit.page.goto(f"{visit.cast.url}/s/nothing/"),
    "stale form": _send_what_is_stale,
    "own result": _end("judged"),
    "not qualified": _end("strict"),
    "withdraw": lambda visit: visit.page.goto(f"{visit.cast.url}/withdraw/"),
    "wrong code": lambda visit: visit.ask_to_be_deleted("WRONG"),
    "deleted": lambda visit: visit.ask_to_be_deleted(visit.cast.codes[visit.language]),
}
"""How each page is come to, by its name; one language comes once to "deleted"."""
