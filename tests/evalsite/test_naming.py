"""Images that people name: the study, its answers, its table, its scores and its page."""

import io
import json

import numpy as np
import pytest
from django.core.management import call_command
from django.urls import reverse

from evalsite.leaderboard.models import Score
from evalsite.leaderboard.services import refresh_report, refresh_scores
from evalsite.studies import planning, services
from evalsite.studies.checks import Asked, faults
from evalsite.studies.design import Payment, Rules, Stopping
from evalsite.studies.models import Block, Protocol, Trial
from evalsite.studies.services import Refused
from evalsite.studies.table import trial_table
from evalsite.studies.transfer import csv_chunks, import_trials
from evalsite.studies.words import CONSENT, NAMING_CONSENT
from pools import store
from scoring.command import main
from scoring.dictionary import NONE
from scoring.exclusions import Criteria
from scoring.files import read_trials
from scoring.naming_report import naming_report
from tests import factories
from tests.evalsite.observing import Browser
from tests.evalsite.reading import fooled_by

pytestmark = pytest.mark.django_db

CLASSES = ("cat", "dog", "owl")


def launch(pools=None, **fields):
    pools = pools or factories.named_pools("Fgsm", "Clean")
    options = {"protocol": Protocol.NAME, "trials": 9, "practice_trials": 2, **fields}
    return factories.study(pools=pools, **options)


def label_of(trial):
    return str(store.open_pool(trial.pool.url).labels[trial.image_index])


def test_a_study_of_names_is_frozen_with_its_classes():
    study = launch()
    assert study.is_open
    assert study.design["class_names"] == list(CLASSES) == study.class_names
    assert study.design["rules"]["observers_per_image"] == 5


def test_every_trial_keeps_the_label_of_its_image():
    observer = services.take_part(launch(rules=Rules(catch_trials=2)))
    for trial in observer.trials.select_related("pool"):
        assert trial.truth == (NONE if trial.is_catch else label_of(trial))
    assert observer.trials.filter(is_catch=True).count() == 2


def test_all_is_told_to_the_browser_but_what_an_image_is():
    browser = Browser(launch(rules=Rules(catch_trials=1))).consent()
    block = browser.block()
    assert block["protocol"] == "name"
    assert block["class_names"] == list(CLASSES)
    assert {key for screen in block["screens"] for key in screen} == {
        "code",
        "images",
        "exposure_ms",
    }
    sent = browser.send(factories.answer(*browser.observer.trials.in_order()[:1])).json()
    assert sent["answers"] == {}
    assert list(sent["feedback"].values()) == [True]


def test_practice_is_of_real_images_alone_and_real_images_are_a_pool_among_the_others():
    observer = services.take_part(launch(trials=9, practice_trials=4))
    trials = observer.trials.select_related("pool__generator", "block")
    assert all(trial.pool.is_real for trial in trials if trial.block.kind == Block.Kind.PRACTICE)
    counts = {}
    for trial in trials.filter(block__kind=Block.Kind.MAIN):
        counts[trial.pool_id] = counts.get(trial.pool_id, 0) + 1
    assert sorted(counts.values()) == [3, 3, 3]


def test_an_answer_that_is_no_class_is_refused_by_name():
    browser = Browser(launch()).consent()
    code = browser.block()["screens"][0]["code"]
    for answer in ("real", "3", "cat", "", None, 1, "-1"):
        reply = browser.send({"trial": code, "answer": answer, "rt_ms": 500})
        assert reply.status_code == 400, answer
    assert (
        "named by a class, 0 to 2, or by none"
        in browser.send({"trial": code, "answer": "3", "rt_ms": 500}).content.decode()
    )
    assert not browser.observer.trials.answered().exists()


def test_a_class_is_no_answer_to_whether_an_image_is_real():
    browser = Browser(factories.study()).consent()
    code = browser.block()["screens"][0]["code"]
    reply = browser.send({"trial": code, "answer": "3", "rt_ms": 500})
    assert reply.status_code == 400
    assert "real or fake" in reply.content.decode()


def test_the_table_has_names_and_is_read_back_with_its_task():
    study = launch(rules=Rules(catch_trials=1))
    factories.finished(study, right=fooled_by("fgsm"))
    table = trial_table([study], simulated=False)
    assert NONE in set(table.truth) <= {*CLASSES, NONE}
    assert set(table.response[table.generator == "fgsm"]) == {NONE}
    assert not table.wrong[table.generator == "clean"].any()
    text = "".join(csv_chunks(table)).encode()
    again = read_trials(io.BytesIO(text), task="name")
    assert again.response.tolist() == table.response.tolist()
    assert again.generator.tolist() == table.generator.tolist()


def test_the_board_has_the_digits_of_the_exported_trials():
    study = launch()
    for _ in range(4):
        factories.finished(study, right=lambda trial: trial.position % 3 > 0)
    refresh_scores(study)
    found = naming_report(trial_table([study], simulated=False))
    scores = {
        score.generator.slug: score
        for score in Score.objects.of_study(study).filter(name="named_right")
    }
    for pool in found.pools:
        if pool.generator:
            own = scores[pool.generator]
            assert (own.value, own.low, own.high) == (
                pool.named_right.value,
                pool.named_right.low,
                pool.named_right.high,
            )
            assert (own.rank_low, own.rank_high) == (pool.rank_low, pool.rank_high)
    assert set(Score.objects.of_study(study).values_list("name", flat=True)) == {
        "named_right",
        "rt_ms",
    }


def test_a_live_board_is_scored_as_one_that_is_closed():
    study = launch()
    for _ in range(2):
        factories.finished(study, right=fooled_by("fgsm"))
    refresh_scores(study)
    live = sorted(Score.objects.of_study(study).values_list("generator", "name", "value", "low"))
    services.close_study(study)
    study.refresh_from_db()
    refresh_scores(study)
    assert live == sorted(
        Score.objects.of_study(study).values_list("generator", "name", "value", "low")
    )


def test_a_study_s_pages_show_what_its_images_were_called(client):
    study = launch(owner=factories.user(), rules=Rules(catch_trials=1))
    for _ in range(3):
        factories.finished(study, right=fooled_by("fgsm"))
    refresh_scores(study)
    refresh_report(study, simulated=False)
    client.force_login(study.owner)
    page = client.get(study.get_absolute_url()).content.decode()
    for words in (
        "What people called them",
        "Named right, %",
        "Real images",
        "Most changed",
        "Least changed",
        "called it something else",
        "cat, dog and owl, or none of them",
        "what people call the images of 2 generators",
        "one of 3 classes",
    ):
        assert words in page, words
    assert "Error rate" not in page
    report = client.get(reverse("study_report", args=[study.code])).json()
    (fgsm,) = (own for own in report["confusions"] if own["generator"] == "fgsm")
    assert fgsm["answers"][-1] == NONE
    assert all(row[-1] == sum(row) for row in fgsm["counts"])
    query = {"dataset": study.dataset.slug, "protocol": "name"}
    board = client.get(reverse("leaderboard"), query).content.decode()
    assert "Named right" in board
    assert "looks more like what it is" in board


def test_observers_see_how_many_they_named_right():
    study = launch()
    browser = Browser(study).consent()
    browser.finish()
    page = browser.get("own_result").content.decode()
    assert "right about 9 of 9 images" in page
    assert "for real" not in page


def test_who_does_not_know_the_names_does_not_go_on():
    study = launch(practice_trials=4, rules=Rules(qualify_at=0.75))
    assert factories.finished(study).qualified
    assert not factories.finished(study, right=lambda trial: False).qualified


def test_catch_trials_show_none_of_the_classes_and_may_leave_people_out():
    rules = Rules(catch_trials=2, criteria=Criteria(catch_right=0.6))
    study = launch(rules=rules)
    factories.finished(study)
    factories.finished(study, right=lambda trial: not trial.is_catch)
    table = trial_table([study], simulated=False)
    assert set(table.truth[table.catch]) == {NONE}
    assert len(set(table.observer[table.excluded])) == 1


def test_simulated_observers_of_less_sensitivity_name_fewer_right():
    study = launch(trials=18)
    call_command("simulate", study.code, observers=6, dprime=6.0, dprime_of=["fgsm=0"], verbosity=0)
    pools = {
        pool.generator: pool for pool in naming_report(trial_table([study], simulated=True)).pools
    }
    assert pools["clean"].named_right.value > 0.9
    assert pools["fgsm"].named_right.value < 0.6
    assert pools[""].named_right.value > 0.9


def test_trials_that_were_named_elsewhere_come_in_and_are_scored(tmp_path):
    study = launch(rules=Rules(catch_trials=1))
    for _ in range(2):
        factories.finished(study, right=fooled_by("fgsm"))
    table = trial_table([study], simulated=False)
    file = tmp_path / "trials.csv"
    file.write_text("".join(csv_chunks(table)))
    imported = import_trials(file, owner=None, dataset=study.dataset, protocol=Protocol.NAME)
    again = naming_report(trial_table([imported], simulated=False), draws=100)
    assert again.pools == naming_report(table, draws=100).pools


def refusal(pools=None, **fields):
    with pytest.raises(Refused) as caught:
        launch(pools, **fields)
    return str(caught.value)


def of_classes(*names):
    return factories.dataset(classes=names)


def test_a_study_whose_images_cannot_be_named_is_refused_with_the_reason():
    plain = [factories.pool()]
    assert "has no class names" in refusal(plain)
    many = factories.named_pools("Many", classes=tuple(map(str, range(1000))))
    assert "between 2 and 20 names" in refusal(many)
    assert "1,000 classes: it needs a shortlist" in refusal(many)
    alike = factories.named_pools("Alike", classes=("a", "a"))
    assert "class names differ" in refusal(alike)
    taken = factories.named_pools("Taken", classes=("a", NONE))
    assert "none is empty or 'none'" in refusal(taken)


def test_pools_without_the_labels_of_their_images_are_refused_by_name():
    data = of_classes(*CLASSES)
    forger = factories.generator("Mute", of=data)
    assert "Mute (20 images, seed 0) has no labels" in refusal([factories.pool(forger)])
    wrong = factories.pool(factories.generator("Odd", of=data), labels=np.full(20, 7))
    assert "has the label 7; 0 to 2 are wanted" in refusal([wrong])
    late = factories.pool(factories.generator("Late", of=data), is_ready=False)
    assert "is not ready" in refusal([late])


def test_a_study_that_would_stop_before_every_image_has_its_people_is_refused():
    pools = factories.named_pools("Fgsm")
    fields = {"trials": 10, "practice_trials": 0}
    assert services.observers_needed(launch(pools, **fields), pools) == 20  # 5 × 20 images / 5
    few = Rules(stopping=Stopping(most_observers=19))
    assert "5 people for every image take 20 observers" in refusal(pools, rules=few, **fields)
    assert launch(pools, rules=Rules(stopping=Stopping(most_observers=20)), **fields).is_open
    ten = Rules(images=10, stopping=Stopping(most_observers=10))
    assert launch(pools, rules=ten, **fields).is_open


def test_rules_that_make_no_sense_of_names_are_faults():
    def words(protocol="name", trials=9, **rules):
        return "; ".join(faults(Asked(protocol, Rules(**rules), 2, trials, 2, 1)))

    assert "at least 2 images of each pool" in words(images=1)
    assert "at least 1 observer, got 0" in words(observers_per_image=0)
    assert "3 or more trials, got 2" in words(trials=2)
    assert "only where images are named" in words("unlimited", images=5)
    assert not words()


def test_as_many_people_as_were_planned_name_every_image_often_enough():
    pools = factories.named_pools("Fgsm", "Clean", size=8)
    study = launch(pools, trials=6, practice_trials=0, rules=Rules(images=8))
    for _ in range(services.observers_needed(study, pools)):
        services.take_part(study)
    shown = {}
    for trial in Trial.objects.filter(pool__in=pools):
        key = trial.pool_id, trial.image_index
        shown[key] = shown.get(key, 0) + 1
    assert len(shown) == 16
    assert set(shown.values()) == {5}


def test_nobody_names_one_image_forged_in_two_ways():
    layout = planning.Layout("name", practice=0, blocks=(20,))
    fakes = [planning.PoolSize(key, 40) for key in (2, 3, 4)]
    for turn in range(30):
        (main,) = planning.plan(planning.PoolSize(1, 40), fakes, layout, turn=turn, seed=5)[1:]
        forged = [image.index for (image,) in main if image.pool > 1]
        assert len(forged) == len(set(forged)) == 15


def test_only_as_many_images_of_a_pool_are_shown_as_were_asked_for():
    study = launch(rules=Rules(images=4), trials=9, practice_trials=1)
    for _ in range(6):
        services.take_part(study)
    for pool in (study.real_pool, *study.pools.all()):
        assert Trial.objects.filter(pool=pool).values("image_index").distinct().count() == 4


def test_the_launch_form_plans_people_for_every_image_and_suits_the_consent(client):
    client.force_login(factories.user())
    pools = factories.named_pools("Fgsm")
    asked = {
        "name": "What is it?",
        "dataset": pools[0].imitates.pk,
        "pools": [pools[0].pk],
        "protocol": "name",
        "trials": 10,
        "practice_trials": 2,
        "images": 10,
        "observers_per_image": 6,
        "catch_trials": 0,
        "currency": "USD",
        "seed": 0,
        "base": 1,
        "consent_text": CONSENT,
    }
    plan = client.get(reverse("plan"), asked).content.decode()
    assert "every image named by 6 people" in plan
    assert "<strong>12</strong>" in plan
    assert "12.00 USD" in plan
    few = client.get(reverse("plan"), asked | {"trials": 1}).content.decode()
    assert "at least 2 trials, got 1" in few
    client.post(reverse("launch"), asked)
    (study,) = pools[0].studies.all()
    assert study.consent_text == NAMING_CONSENT
    assert (study.rules.images, study.rules.observers_per_image) == (10, 6)


def test_withdrawn_names_leave_the_table():
    study = launch()
    observer = factories.finished(study)
    services.withdraw(observer.code)
    assert not len(trial_table([study], simulated=False))


def test_right_names_earn_their_bonus():
    study = launch(rules=Rules(payment=Payment(base=1.0, bonus=0.1)))
    observer = factories.finished(study, right=fooled_by("fgsm"))
    assert services.due(observer).right == 6


def test_the_command_names_too(tmp_path, capsys):
    study = launch()
    factories.finished(study)
    file = tmp_path / "trials.csv"
    file.write_text("".join(csv_chunks(trial_table([study], simulated=False))))
    assert main([str(file), "--task", "name", "--json", "--draws", "100"]) == 0
    assert json.loads(capsys.readouterr().out)["n_trials"] == 9
