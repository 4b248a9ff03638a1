import copy

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evalsite.catalog.models import Generator, Pool
from evalsite.studies import services
from evalsite.studies.models import Block, Observer, Protocol, Study
from evalsite.studies.words import CONSENT
from scoring.staircase import WEIGHTED_UP_DOWN
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def launch(client, logged_in):
    """Send the launch form."""

    def send(pools, **fields):
        asked = {
            "name": "Mine",
            "dataset": pools[0].imitates.pk if pools else factories.dataset().pk,
            "pools": [pool.pk for pool in pools],
            "protocol": "unlimited",
            "trials": 6,
            "practice_trials": 2,
            "seed": 0,
            "consent_text": CONSENT,
            "exposures_s": [1, 5],
            "staircase": "weighted",
            "against": "real",
            "grid": 4,
        }
        return client.post(reverse("launch"), asked | fields)

    return send


def words(response):
    return response.content.decode()


def test_the_form_launches_a_study_that_opens_at_once(launch, logged_in):
    response = launch([factories.pool()])
    study = Study.objects.get()
    assert response.url == study.get_absolute_url()
    assert (study.owner, study.state) == (logged_in, Study.State.OPEN)
    assert study.opened_at is not None


def test_a_study_without_generators_is_refused(launch):
    factories.pool()
    assert "Choose the images of at least one generator." in words(launch([]))
    with pytest.raises(services.Refused, match="at least 1 generator, got none"):
        factories.study(pools=[], dataset=factories.dataset())
    assert not Study.objects.exists()


def test_images_of_another_data_set_are_refused_by_name(launch):
    pool = factories.pool(factories.generator("Stranger"))
    letters = factories.dataset("Letters")
    factories.pool(factories.generator(of=letters))
    page = words(launch([pool], dataset=letters.pk))
    assert "these pools do not imitate Letters: Stranger (20 images, seed 0)" in page
    assert not Study.objects.exists()


def test_real_images_cannot_stand_in_for_a_generator():
    data = factories.dataset()
    with pytest.raises(services.Refused, match="do not imitate"):
        factories.study(pools=[data.train_pool], dataset=data)


@pytest.mark.parametrize("protocol", Protocol.values)
def test_pools_too_small_are_refused_before_anyone_takes_part(launch, protocol):
    data = factories.dataset(test=60)
    enough = factories.pool(factories.generator(of=data), size=60)
    few = factories.pool(factories.generator(of=data), size=3)
    page = words(launch([enough, few], trials=14, protocol=protocol))
    assert "of a pool that has 3: ask for fewer trials or sample larger pools" in page
    assert not Study.objects.exists()


def test_a_real_pool_too_small_is_refused(launch):
    pool = factories.pool(factories.generator(of=factories.dataset(test=4)))
    assert "need 5 different images of a pool that has 4" in words(launch([pool], trials=8))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trials", 0),
        ("trials", 1001),
        ("practice_trials", -1),
        ("protocol", "guess"),
        ("consent_text", ""),
    ],
)
def test_an_impossible_design_is_refused_beside_its_field(launch, field, value):
    response = launch([factories.pool()], **{field: value})
    assert list(response.context["form"].errors) == [field]


def test_images_not_yet_counted_cannot_be_chosen(launch):
    pool = factories.pool(size=0, is_ready=False)
    assert list(launch([pool]).context["form"].errors) == ["pools"]


def test_a_study_opens_by_itself_when_its_last_pool_is_ready():
    data = factories.dataset()
    first, last = (factories.pool(factories.generator(of=data), is_ready=False) for _ in range(2))
    study = factories.study(pools=[first, last])
    assert (study.state, study.design_hash) == (Study.State.WAITING, "")
    for pool, state in ((first, Study.State.WAITING), (last, Study.State.OPEN)):
        Pool.jobs.filter(pk=pool.pk).update(**factories.ready())
        services.open_studies_of(pool)
        study.refresh_from_db()
        assert study.state == state
    assert len(study.design_hash) == 64


def test_the_sweep_opens_a_study_that_was_missed():
    pool = factories.pool(is_ready=False)
    study = factories.study(pools=[pool])
    Pool.jobs.filter(pk=pool.pk).update(**factories.ready())
    services.open_waiting()
    study.refresh_from_db()
    assert study.is_open


def test_a_design_is_frozen_once():
    study = factories.study()
    before = (study.design, study.opened_at)
    assert not services.open_if_ready(study)
    services.close_study(study)
    assert not services.open_if_ready(study)
    study.refresh_from_db()
    assert (study.design, study.opened_at) == before
    assert study.state == Study.State.CLOSED


def changed(value):
    if isinstance(value, dict):
        return {**value, "new": 1}
    if isinstance(value, list):
        return [*value, value[0]]
    return f"{value}!" if isinstance(value, str) else value + 1


@pytest.mark.parametrize("protocol", Protocol.values)
def test_the_hash_of_a_design_changes_with_any_part(protocol):
    study = factories.study(protocol=protocol)
    assert study.design_hash == services.hash_design(study.design)
    for part, value in study.design.items():
        other = {**study.design, part: changed(value)}
        assert services.hash_design(other) != study.design_hash, part
    reordered = dict(reversed(copy.deepcopy(study.design).items()))
    assert services.hash_design(reordered) == study.design_hash


def test_a_design_says_what_was_shown_and_by_which_rule():
    design = factories.study(protocol=Protocol.FLASH, seed=7).design
    assert design["staircase"]["start_ms"] == WEIGHTED_UP_DOWN.start_ms
    assert design["seed"] == 7
    pool = Pool.jobs.of_generators().get()
    assert [each["content_hash"] for each in design["generators"]] == [pool.content_hash]
    assert "staircase" not in factories.study().design


def test_images_are_enlarged_by_a_whole_number():
    assert factories.study().display_multiple == 280 // 8


def test_an_observer_has_every_trial_planned_half_of_them_real():
    observer = services.take_part(factories.study(trials=6, practice_trials=2))
    blocks = list(observer.blocks.all())
    assert [(block.kind, block.trials.count()) for block in blocks] == [
        ("practice", 2),
        ("main", 6),
    ]
    truths = [trial.truth for trial in factories.main_trials(observer)]
    assert sorted(truths) == ["fake"] * 3 + ["real"] * 3


def of_one_class(number, data, name="Forger"):
    made = factories.pool(factories.generator(name, of=data), labels=[number] * 20)
    Pool.jobs.filter(pk=made.pk).update(classes=[number])
    return Pool.jobs.get(pk=made.pk)


@pytest.mark.parametrize("protocol", [Protocol.UNLIMITED, Protocol.NAME])
def test_beside_fakes_of_one_class_the_real_images_are_of_the_same(protocol):
    data = factories.dataset(classes=("cat", "dog", "owl"), test=60)
    study = factories.study(pools=[of_one_class(1, data)], protocol=protocol, trials=12)
    shown = services.take_part(study).trials.filter(pool=study.real_pool)
    labels = study.real_pool.open().labels
    assert len(shown) >= 6
    assert {int(labels[trial.image_index]) for trial in shown} == {1}


def test_real_images_of_no_known_class_are_refused_beside_fakes_of_one():
    with pytest.raises(services.Refused, match="has no labels, so that none of its images"):
        factories.study(pools=[of_one_class(1, factories.dataset())])


def test_too_few_real_images_of_a_class_are_refused():
    data = factories.dataset(classes=("cat", "dog", "owl"), test=12)
    with pytest.raises(services.Refused, match="of a pool that has 4"):
        factories.study(pools=[of_one_class(1, data)], trials=12)


def test_pools_of_different_classes_are_refused_together():
    data = factories.dataset(classes=("cat", "dog", "owl"), test=60)
    pools = [of_one_class(1, data, "One"), of_one_class(2, data, "Two")]
    with pytest.raises(services.Refused, match=r"different classes.*of dog, seed 0.*of owl"):
        factories.study(pools=pools)


def test_observers_get_ordinals_addresses_and_cookies_of_their_own():
    study = factories.study()
    observers = [services.take_part(study) for _ in range(3)]
    assert [observer.ordinal for observer in observers] == [0, 1, 2]
    codes = {trial.code for observer in observers for trial in observer.trials.all()}
    tokens = {observer.token for observer in observers}
    assert len(codes) == 3 * 8
    assert len(tokens) == 3
    assert min(map(len, codes | tokens)) >= 22  # 128 bits


def test_observers_of_a_flash_study_judge_one_generator_each_in_turn():
    data = factories.dataset()
    pools = [factories.pool(factories.generator(of=data)) for _ in range(2)]
    study = factories.study(pools=pools, protocol=Protocol.FLASH)
    judged = []
    for _ in range(3):
        trials = services.take_part(study).trials.exclude(pool__dataset__isnull=False)
        judged.append(set(trials.values_list("pool_id", flat=True)))
    assert judged == [{pools[0].pk}, {pools[1].pk}, {pools[0].pk}]


@pytest.mark.parametrize(("trials", "blocks"), [(20, 1), (299, 1), (300, 2), (450, 3), (900, 3)])
def test_a_long_flash_study_has_the_blocks_of_hype(trials, blocks):
    data = factories.dataset(test=600)
    pool = factories.pool(factories.generator(of=data), size=600)
    study = factories.study(pools=[pool], protocol=Protocol.FLASH, trials=trials)
    assert study.blocks_per_observer == blocks
    observer = services.take_part(study)
    sizes = [block.trials.count() for block in observer.blocks.all()]
    assert (len(sizes), sum(sizes)) == (blocks + 1, trials + study.practice_trials)


def test_only_the_start_of_a_staircase_is_planned():
    observer = services.take_part(factories.study(protocol=Protocol.FLASH))
    practice = observer.trials.filter(block__kind=Block.Kind.PRACTICE)
    assert {trial.exposure_ms for trial in practice} == {500}
    assert [t.exposure_ms for t in factories.main_trials(observer)] == [500] + [None] * 5
    unlimited = services.take_part(factories.study())
    assert {trial.exposure_ms for trial in unlimited.trials.all()} == {None}


def test_nobody_takes_part_in_a_study_that_is_not_open():
    study = factories.study()
    services.close_study(study)
    study.refresh_from_db()
    with pytest.raises(services.Refused, match="not open"):
        services.take_part(study)
    assert not Observer.objects.exists()


def test_a_study_that_waits_for_images_is_deleted_by_its_owner(client, logged_in):
    late = factories.pool(is_ready=False)
    study = factories.study(pools=[late], owner=logged_in)
    page = words(client.get(study.get_absolute_url()))
    address = reverse("delete_study", args=[study.code])
    assert f'action="{address}"' in page
    assert client.get(address).status_code == 405
    assert "Deleted: Which is real?." in words(client.post(address, follow=True))
    assert not Study.objects.exists()
    assert Pool.jobs.filter(pk=late.pk).exists()


def test_a_study_that_has_opened_is_not_deleted(client, logged_in):
    study = factories.study(owner=logged_in)
    address = reverse("delete_study", args=[study.code])
    assert address not in words(client.get(study.get_absolute_url()))
    assert "Not deleted: it has opened: close it" in words(client.post(address, follow=True))
    assert Study.objects.get() == study


def test_nobody_else_deletes_a_study_that_waits(client, logged_in):
    study = factories.study(pools=[factories.pool(is_ready=False)], owner=factories.user())
    address = reverse("delete_study", args=[study.code])
    assert address not in words(client.get(study.get_absolute_url()))
    assert client.post(address).status_code == 403
    client.logout()
    assert client.post(address).status_code == 302
    assert Study.objects.get() == study


def test_its_owner_closes_a_study_and_nobody_else(client, logged_in):
    study = factories.study(owner=logged_in)
    address = reverse("close_study", args=[study.code])
    client.force_login(factories.user())
    assert client.post(address).status_code == 403
    client.force_login(logged_in)
    assert "Closed. Nobody can start it" in words(client.post(address, follow=True))
    study.refresh_from_db()
    assert study.state == Study.State.CLOSED


def test_the_page_of_a_waiting_study_says_what_it_waits_for(client):
    pool = factories.pool(factories.generator("Slow one"), is_ready=False)
    study = factories.study(pools=[pool])
    page = words(client.get(study.get_absolute_url()))
    assert "opens when its last pool is ready" in page
    assert "Slow one" in page


def test_the_page_of_an_open_study_has_its_link_and_its_hash(client):
    study = factories.study()
    page = words(client.get(study.get_absolute_url()))
    assert f"http://testserver/s/{study.code}/" in page
    assert study.design_hash in page
    assert "Close the study" not in page
    assert "No answers yet" in page


def test_a_pool_of_a_study_cannot_be_deleted_with_its_answers():
    from django.db.models import ProtectedError

    study = factories.study()
    factories.finished(study)
    with pytest.raises(ProtectedError):
        Generator.objects.all().delete()


def test_a_batch_of_answers_costs_as_few_queries_as_one():
    study = factories.study(trials=8, practice_trials=0)
    counts = []
    for size in (1, 6):
        observer = Observer.objects.select_related("study").get(pk=services.take_part(study).pk)
        answers = [factories.answer(trial) for trial in factories.main_trials(observer)[:size]]
        with CaptureQueriesContext(connection) as queries:
            services.record_responses(observer, answers)
        counts.append(len(queries))
    assert counts[0] == counts[1]
