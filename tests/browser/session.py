"""What an annotator does in a session, and what the site has kept of it."""

import re

from tests.live import answer, answers_of, consent, press_card, wait_for_question

RESULT = re.compile("/result/$")
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
WITHOUT_LOCKS = "delete Navigator.prototype.locks"  # as on a page without HTTPS
EVERY_CANVAS_SHOWS = """() => [...document.querySelectorAll("canvas")].every((canvas) =>
  canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((x) => x))"""
KEYS = {"real": "ArrowLeft", "fake": "ArrowRight"}


def without_locks(context):
    """A new tab that has no locks."""
    page = context.new_page()
    page.add_init_script(WITHOUT_LOCKS)
    return page


def start(page, study):
    """Consent, and go on to the first question."""
    consent(page, study)
    press_card(page)
    wait_for_question(page, 0)


def give(page, answers):
    """Answer one question after the other."""
    for given in answers:
        wait_for_question(page)
        answer(page, KEYS[given])


def give_last(page, given):
    wait_for_question(page)
    page.keyboard.press(KEYS[given])
    page.wait_for_url(RESULT)


def is_told(page):
    """Wait until the observer is told whether they were right, and until they have read it."""
    page.wait_for_function("() => document.querySelector('#mark').textContent")
    told = page.locator("#mark").inner_text(), page.locator("#words").inner_text()
    page.wait_for_function("() => !document.querySelector('#mark').textContent")
    return told


def post(page, places, given):
    """Send answers to the open block's screens at these places, one request each."""
    page.evaluate(
        """async ([places, answer]) => {
            window.block ??= await (await fetch("../block/")).json();
            for (const place of places) {
                const answers = [{ trial: block.screens[place].code, answer, rt_ms: 900 }];
                await fetch("../responses/", {
                    method: "POST",
                    headers: { "X-CSRFToken": block.csrf },
                    body: JSON.stringify({ answers }),
                });
            }
        }""",
        [places, given],
    )


def post_twice(route):
    """Let a request arrive two times."""
    route.fetch()
    route.continue_()


def kept(site, study):
    """Every answer, in the order of the trials."""
    return [given for _, _, given in answers_of(site, study)]


def shown(site, study):
    """Of each main trial: exposure asked for, measured, refresh, flags, and whether it was right."""
    code = study.rstrip("/").rpartition("/")[2]
    return site.rows(
        """
        select trial.exposure_ms, response.shown_ms, response.refresh_hz, response.flags,
               response.answer = case when pool.dataset_id is null then 'fake' else 'real' end
        from studies_response response join studies_trial trial on trial.id = response.trial_id
        join studies_block block on block.id = trial.block_id
        join catalog_pool pool on pool.id = trial.pool_id
        join studies_observer observer on observer.id = trial.observer_id
        join studies_study study on study.id = observer.study_id
        where study.code = ? and block.kind = 'main'
        order by observer.ordinal, block.position, trial.position
        """,
        code,
    )
