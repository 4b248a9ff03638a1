"""What a person does on the site, by mouse, key and touch."""

import re

from bench.live import EMAIL, PASSWORD

TWO_FRAMES = "() => new Promise(next => requestAnimationFrame(() => requestAnimationFrame(next)))"
FRAMES_OPEN = (
    3  # the question before may stand for a frame, and before an onset nothing is answered
)
IS_OPEN = """(frames) => {
  const isAsked = !document.body.classList.contains("has-card")
    && /(real|What is it)\\?$/.test(document.querySelector("#words").textContent);
  window.framesOpen = isAsked ? (window.framesOpen || 0) + 1 : 0;
  return window.framesOpen >= frames;
}"""


def log_in(page, site):
    page.goto(f"{site.url}/accounts/login/")
    page.locator("main input[name=username]").fill(EMAIL)
    page.locator("main input[name=password]").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{site.url}/generators/")


def consent(page, study):
    """Open a study's link and agree; the trial screen stands when this returns."""
    page.goto(study)
    page.get_by_role("button", name="I agree").click()
    page.wait_for_url(re.compile("/trials/$"))


def press_card(page):
    """Press the button of the card that lies over the trial."""
    page.locator("#card-button").click()


def wait_for_question(page, count=None):
    """Wait until a question is open; the `count`-th main one, from 0, if that is said."""
    if count is not None:
        page.wait_for_function(
            "count => document.querySelector('#count').textContent.startsWith(`${count} of `)",
            arg=count,
        )
    page.evaluate("() => { window.framesOpen = 0 }")
    page.wait_for_function(IS_OPEN, arg=FRAMES_OPEN)  # asked once a frame


def answer(page, key="ArrowLeft"):
    """Answer the open question by key, and wait until the next thing is there."""
    before = page.locator("#count").inner_text()
    page.keyboard.press(key)
    page.wait_for_function(
        "before => document.querySelector('#count')?.textContent !== before", arg=before
    )


def answers_of(site, study):
    """Every answer of people to a study that the site has kept: (trial's code, truth, answer), in order."""
    code = study.rstrip("/").rpartition("/")[2]
    return site.rows(
        """
        select trial.code, case when pool.dataset_id is null then 'fake' else 'real' end, response.answer
        from studies_response response
        join studies_trial trial on trial.id = response.trial_id
        join catalog_pool pool on pool.id = trial.pool_id
        join studies_block block on block.id = trial.block_id
        join studies_observer observer on observer.id = trial.observer_id
        join studies_study study on study.id = observer.study_id
        where study.code = ? and block.kind = 'main' and not observer.simulated
        order by observer.ordinal, block.position, trial.position
        """,
        code,
    )
