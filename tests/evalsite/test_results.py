"""A study's page: what it shows of the answers, to whom, and what it reads to show it."""

import re
from collections import OrderedDict
from functools import partial
from hashlib import sha256

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evalsite.leaderboard import live, services
from evalsite.leaderboard.frozen import design_facts, design_json
from evalsite.studies.design import Payment, Rules, Stopping
from evalsite.studies.models import Protocol, Study
from evalsite.studies.services import close_study, simulate_observers
from pools import stimulus
from scoring.exclusions import Criteria
from tests import factories
from tests.evalsite.reading import rows_of
from tests.evalsite.trial_files import rows, run, written

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Nothing kept of other tests' boards, and few draws."""
    monkeypatch.setattr(live, "_boards", OrderedDict())
    monkeypatch.setattr(services, "report", partial(services.report, draws=200))


def mostly_right(number):
    return lambda trial: (trial.image_index + number) % 3 > 0


def judged(pools, *, people=3, protocol=Protocol.UNLIMITED, trials=12, **fields):
    """A study with answers of some people, right two times in three."""
    study = factories.study(
        pools=pools, protocol=protocol, trials=trials, **{"owner": factories.user(), **fields}
    )
    for number in range(people):
        factories.finished(study, right=mostly_right(number))
    return study


def page_of(client, study, **query):
    response = client.get(study.get_absolute_url(), query)
    assert response.status_code == 200
    return response.content.decode()


def text_of(page, place):
    """The words of the element with this id, up to the end of its kind."""
    kind, found = re.search(rf'<(\w+)[^>]* id="{place}"[^>]*>(.*)', page, re.DOTALL).groups()
    words = re.sub(r"<[^>]+>", " ", found.split(f"</{kind}>")[0])
    return " ".join(words.split())


HEADINGS = {
    Protocol.UNLIMITED: "Images that stand out",
    Protocol.LIMITED: "Error against exposure",
    Protocol.FLASH: "Share right against exposure",
    Protocol.PAIR: "Strengths from pairs",
    Protocol.SELECT: "Images that stand out",
    Protocol.NAME: "What people called them",
}


@pytest.mark.parametrize("protocol", Protocol.values)
def test_every_protocol_has_its_own_plots_and_a_paragraph(client, pools, work, protocol):
    study = judged(pools, protocol=protocol, trials=4 if protocol == Protocol.SELECT else 12)
    work()
    client.force_login(study.owner)
    page = page_of(client, study)
    assert HEADINGS[protocol] in page
    others = {HEADINGS[other] for other in (Protocol.LIMITED, Protocol.FLASH, Protocol.PAIR)}
    assert not [words for words in others - {HEADINGS[protocol]} if words in page]
    assert set(rows_of(page)) == {"ada", "bob"}
    paragraph = text_of(page, "methods-text")
    assert f"in the {protocol} protocol" in paragraph
    assert f"SHA-256 {study.design_hash}" in paragraph
    assert "2 generators (" in paragraph


def test_pairs_of_generators_have_results_though_no_answer_is_right_or_wrong(client, pools, work):
    rules = Rules(against="generators", allow_ties=True)
    study = judged(pools, protocol=Protocol.PAIR, rules=rules)
    work()
    page = page_of(client, study)
    assert "Strengths from pairs" in page
    assert "The scores are of 36 pairs by 3 observers." in text_of(page, "methods-text")
    assert "dashed line is 0: the average" in page


def test_the_paragraph_has_every_number(client, pools, work):
    rules = Rules(
        catch_trials=2,
        qualify_at=0.5,
        criteria=Criteria(fewest_trials=5, one_answer=0.9),
        payment=Payment(base=1.0),
    )
    study = judged(pools, people=2, practice_trials=8, rules=rules)
    factories.finished(
        study,
        right=lambda trial: (
            trial.truth == "real" or trial.is_catch or trial.block.kind == "practice"
        ),
    )
    work()
    words = text_of(page_of(client, study), "methods-text")
    for wanted in (
        "beside real images of Digits, in the unlimited protocol.",
        "finished: 3 by the link.",
        "The scores are of 24 answers by 2 observers.",
        "Each observer judged 12 images, one at a time, each until it was answered and half of them"
        " real, in 1 block.",
        "Images of 8 × 8 pixels were enlarged 35 times without smoothing.",
        "8 practice trials with feedback came first; whoever was right on fewer than 50 % of real or",
        "2 catch images of shuffled pixels lay among them.",
        "leave out observers with one and the same answer in more than 90 % or fewer than 5 answers.",
        "Left out were 1 observer: gave nearly always the same answer.",
        "200 draws, seed 0",
        "Software: Uncanny ",
    ):
        assert wanted in words


def test_a_staircase_is_told_with_where_it_settles(client, pools, work):
    study = judged(pools, protocol=Protocol.FLASH)
    work()
    words = text_of(page_of(client, study), "methods-text")
    assert "a staircase from 500 ms: 10 ms shorter after 1 right, 30 ms longer" in words
    assert "it settles where 75.0 % of the answers are right." in words
    assert "4 phase-scrambled masks of 30 ms" in words


def test_simulated_answers_are_called_simulated_all_the_way_down(client, pools, work):
    study = judged(pools, people=0)
    list(simulate_observers(study, [factories.guesser() for _ in range(2)]))
    services.ask_for_scores(study)
    work()
    page = page_of(client, study)
    assert "These answers are simulated." in page
    assert "by 2 simulated observers." in text_of(page, "methods-text")
    assert "finished:" not in text_of(page, "methods-text")


def test_people_are_never_mixed_with_simulated_observers(client, pools, work):
    study = judged(pools, people=1)
    list(simulate_observers(study, [factories.guesser() for _ in range(2)]))
    services.ask_for_scores(study)
    work()
    client.force_login(study.owner)
    page = page_of(client, study)
    assert "by 1 observer." in text_of(page, "methods-text")
    assert f"person-{study.code}-0" in text_of(page, "observers-table")
    assert "simulated-" not in text_of(page, "observers-table")
    assert f"{reverse('study_report', args=[study.code])}?simulated" in page


def test_single_images_and_observers_are_the_owners_until_the_end(client, pools, work):
    study = judged(pools)
    work()
    path = reverse("study_report", args=[study.code])
    page, report = page_of(client, study), client.get(path).json()
    assert "Shown when the study is closed" in page
    assert "/images/" not in page
    assert f"person-{study.code}" not in page
    assert not {"images", "observers"} & set(report)
    client.force_login(study.owner)
    page, report = page_of(client, study), client.get(path).json()
    assert f"/studies/{study.code}/images/" in page
    assert f"person-{study.code}-0" in page
    assert {"images", "observers"} < set(report)
    client.logout()
    close_study(study)
    page, report = page_of(client, study), client.get(path).json()
    assert f"/studies/{study.code}/images/" in page
    assert len(report["observers"]) == 3


def image_path(study, pool, index):
    return reverse("study_image", args=[study.code, pool.pk, index])


def test_an_image_of_an_open_study_is_refused_to_all_but_its_owner(client, pools):
    study = factories.study(pools=pools, owner=factories.user())
    path = image_path(study, pools[0], 3)
    assert client.get(path).status_code == 403
    client.force_login(factories.user())
    assert client.get(path).status_code == 403
    client.force_login(study.owner)
    shown = client.get(path)
    assert shown.content == stimulus.encode(pools[0].open().image(3))
    assert (shown["Content-Type"], "private" in shown["Cache-Control"]) == ("image/png", True)
    client.logout()
    close_study(study)
    assert client.get(path).status_code == 200
    assert client.get(image_path(study, study.real_pool, 0)).status_code == 200


def test_a_study_shows_no_other_images_than_its_own(client, pools):
    study = factories.study(pools=pools[:1], owner=factories.user())
    client.force_login(study.owner)
    assert client.get(image_path(study, pools[1], 0)).status_code == 404
    assert client.get(image_path(study, pools[0], pools[0].count)).status_code == 404
    assert client.get(image_path(study, study.dataset.train_pool, 0)).status_code == 404


def test_the_shown_images_are_those_of_the_gallery(client, pools, work):
    study = judged(pools)
    work()
    close_study(study)
    sources = re.findall(r'<img class="pixels"[^>]* src="([^"]+)"', page_of(client, study))
    assert sources
    assert {client.get(source).status_code for source in sources} == {200}


def test_a_report_that_nobody_has_written_is_not_found(client, pools):
    study = factories.study(pools=pools)
    assert client.get(reverse("study_report", args=[study.code])).status_code == 404


def test_nothing_is_sent_again_until_there_is_something_new(client, pools, work):
    study = judged(pools)
    work()
    as_of = re.search(r"as_of=([^\"&]+)", page_of(client, study)).group(1)
    assert client.get(study.get_absolute_url(), {"as_of": as_of}).status_code == 204
    factories.finished(study)
    assert client.get(study.get_absolute_url(), {"as_of": as_of}).status_code == 200
    work()
    page = page_of(client, study, as_of=as_of)
    assert as_of not in page


def test_a_closed_study_that_is_scored_asks_for_nothing(client, pools, work):
    study = judged(pools)
    work()
    assert "hx-get" in page_of(client, study)
    close_study(study)
    assert "hx-get" not in page_of(client, study)


def test_a_page_of_results_reads_no_trial(client, pools, work):
    study = judged(pools)
    work()
    close_study(study)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        page_of(client, study)
    statements = [query["sql"] for query in asked]
    assert not [sql for sql in statements if "studies_trial" in sql or "studies_response" in sql]


def test_observers_are_sorted_and_turned_page_by_page(client, pools, work):
    study = judged(pools)
    work()
    close_study(study)
    page = page_of(client, study, by="accuracy")
    assert 'aria-sort="descending"><a href="?by=accuracy#observers"' in page
    shares = [int(line.split()[2]) for line in lines_of(page)]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) == 3


def lines_of(page):
    table = page.split('id="observers-table"')[1].split("</table>")[0].split("<tbody>")[1]
    return [" ".join(re.sub(r"<[^>]+>", " ", line).split()) for line in table.split("</tr>")[:-1]]


def test_the_frozen_design_is_shown_as_it_was_hashed(client, pools):
    study = factories.study(pools=pools)
    assert sha256(design_json(study).encode()).hexdigest() == study.design_hash
    page = page_of(client, study)
    assert study.design_hash in page
    assert "&quot;consent_text&quot;: &quot;You may stop.&quot;" in page


def test_every_rule_of_a_design_is_told_in_words(pools):
    rules = Rules(
        staircase="constant",
        exposures_ms=(100, 400),
        qualify_at=0.65,
        catch_trials=3,
        criteria=Criteria(catch_right=0.8),
        stopping=Stopping(most_observers=30, goal_points=4),
        payment=Payment(base=1.5, bonus=0.02, currency="EUR", budget=99),
    )
    study = factories.study(
        pools=pools, protocol=Protocol.FLASH, trials=12, practice_trials=8, rules=rules
    )
    facts = dict(design_facts(study))
    assert facts["Exposures"] == "constant stimuli of 100 and 400 ms"
    assert facts["To qualify"].startswith("65 % right in practice")
    assert facts["Catch trials"].startswith("3 images")
    assert facts["Left out are"] == "observers with fewer than 80 % of their catch trials right"
    assert facts["Closes when"] == (
        "the number of people who finished is 30, every anytime-valid interval is within ± 4 points"
        " or 99.00 EUR might not pay one more"
    )
    assert facts["Payment"] == "1.50 EUR for finishing, 0.02 for each right answer"
    assert facts["Trials"] == "12 images in 1 block, after 8 practice trials"


def test_all_runs_of_a_board_are_listed_with_their_hashes(client, pools):
    first = factories.study(pools=pools, name="The first run")
    close_study(first)
    second = factories.study(pools=pools, name="The second run")
    factories.study(pools=pools, name="Another board", protocol=Protocol.PAIR)
    listed = page_of(client, second).split('id="runs"')[1]
    assert "The first run" in listed
    assert first.design_hash[:12] in listed
    assert "closed" in listed
    assert "this study" in listed
    assert "Another board" not in listed


def test_an_imported_study_has_results_without_a_design_or_a_monitor(client, tmp_path, work):
    data = factories.dataset("Digits")
    run(
        written(tmp_path, rows()), data, name="Of 2019", owner=factories.user("e@example.org").email
    )
    study = Study.objects.get()
    work()
    client.force_login(study.owner)
    page = page_of(client, study)
    digest = study.design["sha256"]
    assert f"collected elsewhere (file of SHA-256 {digest})" in text_of(page, "methods-text")
    facts = dict(design_facts(study))
    assert (facts["Observers"], facts["Generated"]) == ("3 people, 0 simulated", "Ada; Bob")
    assert "What was imported" in page
    assert reverse("remove_import", args=[study.code]) in page
    assert 'id="monitor"' not in page
    assert "<img" not in page.split('id="images"')[1].split('id="sure"')[0]
    assert "imported from trials.csv" in page


def test_what_people_named_cannot_break_the_page(client, work):
    data = factories.dataset("Digits")
    pools = [factories.pool(factories.generator(f"<script>{n}", of=data)) for n in "ab"]
    study = judged(pools, name="<b>bold")
    work()
    client.force_login(study.owner)
    page = page_of(client, study)
    assert "&lt;b&gt;bold" in page
    assert "<b>bold" not in page
    assert "<script>a" not in page
