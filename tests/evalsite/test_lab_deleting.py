"""Classifiers, attacks and comparisons that their researcher takes away for good."""

from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse

from evalsite.catalog.models import Generator, Pool
from evalsite.jobs import JobState
from evalsite.lab import services as lab
from evalsite.lab.models import Attack, Classifier, Transfer
from evalsite.studies.models import Response
from generators.adversarial.plan import Plan
from tests import factories
from tests.evalsite import forging

pytestmark = pytest.mark.django_db


@pytest.fixture
def net(logged_in):
    return forging.classifier(forging.dataset(), owner=logged_in)


@pytest.fixture
def made(net, logged_in):
    """An attack whose three rungs are made, with a film."""
    attack = forging.attack(net, owner=logged_in, epsilons=(0.1,))
    forging.forged(attack)
    lab.keep_film(attack, b"webp")
    return attack


@pytest.fixture
def compared(net, logged_in):
    plan = Plan(attack="fgsm", epsilons=(0.1,), images=4)
    return lab.start_transfer(
        plan, owner=logged_in, name="Both", classifiers=[net], dataset=net.dataset
    )


@pytest.fixture
def ask(client, django_capture_on_commit_callbacks):
    """Press the button of the page that asks; the page that comes then, in words."""

    def press(row):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(address(row), follow=True).content.decode()

    return press


def address(row):
    kinds = {Attack: "attacks", Classifier: "classifiers", Transfer: "transfers"}
    return reverse("lab_delete", args=[kinds[type(row)], row.pk])


def words(response):
    return response.content.decode()


def test_a_classifier_goes_with_its_file(net, ask):
    file = net.file.name
    assert default_storage.exists(file)
    assert "Deleted: Net." in ask(net)
    assert not Classifier.jobs.exists()
    assert not default_storage.exists(file)


def test_an_attack_goes_with_its_images_its_generators_and_its_film(made, net, ask):
    film, images = made.film.name, [Path(rung.url) for rung in made.rungs.all()]
    assert len(images) == 3
    assert all(path.exists() for path in images)
    assert "Deleted: Push." in ask(made)
    assert not Attack.jobs.exists()
    assert not Generator.objects.exists()
    assert not any(path.exists() for path in images)
    assert not default_storage.exists(film)
    assert Classifier.jobs.filter(pk=net.pk).exists()
    assert Pool.jobs.filter(dataset=net.dataset).count() == 2


def test_images_of_a_rung_that_was_broken_off_go_too(net, logged_in, ask):
    attack = forging.attack(net, owner=logged_in, epsilons=(0.1,))
    rung = attack.rungs.first()
    rung.key = factories.stored(*forging.shades(4))["key"]
    rung.save()
    Attack.jobs.update(state=JobState.CANCELLED)
    assert Path(rung.url).exists()
    ask(attack)
    assert not Path(rung.url).exists()


def test_a_comparison_goes_and_its_classifiers_stay(compared, ask):
    assert "Deleted: Both." in ask(compared)
    assert not Transfer.jobs.exists()
    assert Classifier.jobs.exists()


def test_before_anything_goes_a_page_says_what_and_what_is_kept(client, made, net, compared):
    for row, goes in (
        (made, "the images of Push, "),
        (compared, "the table of what fools what"),
    ):
        assert f'href="{address(row)}"' in words(client.get(row.get_absolute_url()))
        page = words(client.get(address(row)))
        assert goes in page
        assert "What is kept" in page
        assert "for good</button>" in page
    assert f'href="{address(net)}"' in words(client.get(net.get_absolute_url()))
    assert Attack.jobs.exists()
    assert Transfer.jobs.exists()


def test_a_classifier_stays_while_attacks_and_comparisons_are_made_on_it(
    client, made, net, compared, ask
):
    reason = "Attacks were made on it (“Push”, “Both”): delete those first."
    asked = words(client.get(address(net)))
    assert reason in asked
    assert "for good</button>" not in asked
    assert reason in ask(net)
    for row in (made, compared):
        ask(row)
    assert "Deleted: Net." in ask(net)


def test_an_attack_whose_images_people_are_asked_about_stays_whole(client, made, ask):
    study = factories.study(pools=[made.rungs.last().pool], name="Which?")
    factories.finished(study)
    answers = Response.objects.count()
    assert "Studies ask people about its images (“Which?”)" in words(client.get(address(made)))
    assert "Studies ask people" in ask(made)
    assert made.rungs.count() == Generator.objects.count() == 3
    assert all(Path(rung.url).exists() for rung in made.rungs.all())
    assert Response.objects.count() == answers > 0


def test_what_cannot_go_in_the_end_takes_nothing_with_it(made, ask):
    last = made.rungs.last().pool
    Pool.jobs.filter(pk=last.pk).update(state=JobState.RUNNING)
    assert "A worker is drawing its images" in ask(made)
    assert made.rungs.filter(pool=None).count() == 0
    assert made.rungs.count() == Generator.objects.count() == 3
    assert all(Path(rung.url).exists() for rung in made.rungs.all())


@pytest.mark.parametrize("model", [Attack, Classifier, Transfer])
def test_what_a_worker_is_at_stays_until_it_is_cancelled(made, net, compared, ask, model):
    row = {Attack: made, Classifier: net, Transfer: compared}[model]
    model.jobs.update(state=JobState.RUNNING)
    assert "A worker is at it: cancel that first" in ask(row)
    assert model.jobs.exists()


def test_what_is_not_ones_own_cannot_be_deleted(client, made, net, compared):
    client.force_login(factories.user())
    for row in (made, net, compared):
        assert address(row) not in words(client.get(row.get_absolute_url()))
        assert client.get(address(row)).status_code == client.post(address(row)).status_code == 403
    client.logout()
    assert "/accounts/login/" in client.post(address(net)).url
    assert Attack.jobs.count() == Classifier.jobs.count() == Transfer.jobs.count() == 1


def test_the_network_that_comes_with_the_site_is_taken_away_by_staff_alone(client, logged_in, ask):
    embedded = Classifier.jobs.create(
        name="Net of the site", kind=Classifier.Kind.EMBEDDED, **factories.ready()
    )
    assert client.post(address(embedded)).status_code == 403
    client.force_login(factories.user(is_staff=True))
    assert "it can be added again" in words(client.get(address(embedded)))
    assert "Deleted: Net of the site." in ask(embedded)


def test_a_kind_that_the_lab_has_not_is_not_found(client, logged_in):
    assert client.post(reverse("lab_delete", args=["films", 1])).status_code == 404
