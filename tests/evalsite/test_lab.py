"""The lab's pages: what is asked, what is refused, what came of an attack, and the linear model."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from evalsite.jobs import FILE_REFUSED, JobState
from evalsite.lab import people
from evalsite.lab.models import Attack, Classifier, Transfer
from evalsite.lab.services import add_embedded
from evalsite.studies import services as studies
from evalsite.studies.models import Protocol, Study
from generators.adversarial.plan import ATTACKS, Plan
from scoring.simulate import SimulatedObserver
from tests import factories
from tests.evalsite import forging

pytestmark = pytest.mark.django_db

SHARP = SimulatedObserver(dprime=9.0)
"""Names everything rightly."""


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(people, "DRAWS", 100)


@pytest.fixture
def net():
    return forging.classifier(forging.dataset())


@pytest.fixture
def made(net, logged_in):
    """An attack of which every rung is made: 6 of 8 images fool."""
    attack = forging.attack(net, owner=logged_in, epsilons=(0.1, 0.2))
    forging.forged(attack, fooled=[True] * 6 + [False] * 2)
    return attack


def page_of(client, row):
    return client.get(row.get_absolute_url()).content.decode()


def text(page):
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page))


def asked(net, **fields):
    usual = {
        "name": "Push",
        "classifier": net.pk,
        "dataset": net.dataset.pk,
        "attack": "pgd",
        "epsilons": "0.02, 0.1",
        "norm": "",
        "images": 8,
        "seed": 0,
        "unchanged": "on",
    }
    return {**usual, **fields}


def named(attack, by=(SHARP,) * 5):
    """A study of the attack's pools in which simulated observers name the images."""
    study = studies.launch_study(
        owner=None,
        name="What is it?",
        dataset=attack.dataset,
        pools=[rung.pool for rung in attack.rungs.all()],
        protocol=Protocol.NAME,
        trials=48,
        practice_trials=0,
        consent_text="You may stop.",
    )
    list(studies.simulate_observers(study, by))
    return study


def test_the_front_page_says_what_there_is_and_leads_to_everything(client, made):
    page = client.get(reverse("lab")).content.decode()
    for row in (made, made.classifier):
        assert row.get_absolute_url() in page
    for name in ("lab_new_attack", "lab_new_transfer", "lab_linear", "lab_train", "lab_upload"):
        assert reverse(name) in page
    assert all(f"<code>{name}</code>" in page for name in ATTACKS)
    assert "97.5 87.1 to 99.6" in text(page)


def test_a_classifier_tells_how_surely_its_accuracy_is_known(client, net):
    page = text(client.get(net.get_absolute_url()).content.decode())
    assert "97.5 % of 40 clean held-out images" in page
    assert "95 % interval over the images: 87.1 to 99.6 %" in page


def test_a_network_that_was_refused_is_not_offered_to_be_tried_again(client, net, logged_in):
    Classifier.jobs.update(owner=logged_in, state=JobState.FAILED, error="it is no network")
    assert "Go on" in client.get(net.get_absolute_url()).content.decode()
    Classifier.jobs.update(note=FILE_REFUSED)
    page = client.get(net.get_absolute_url()).content.decode()
    assert "Go on" not in page
    assert "would be refused again" in page


def test_an_attack_is_asked_for_and_its_images_are_drawn_by_the_seed(
    client, net, logged_in, enqueued
):
    response = client.post(reverse("lab_new_attack"), asked(net))
    attack = Attack.jobs.get()
    assert response.url == attack.get_absolute_url()
    assert enqueued == [("forge", attack.pk)]
    assert attack.plan == Plan("pgd", epsilons=(0.02, 0.1), images=8, clean=True)
    assert [(rung.kind, rung.epsilon) for rung in attack.rungs.all()] == [
        ("forged", 0.02), ("forged", 0.1), ("clean", 0.0)
    ]  # fmt: skip
    assert len(set(attack.indices)) == 8
    client.post(reverse("lab_new_attack"), asked(net, seed=1))
    assert Attack.jobs.first().indices != attack.indices


def test_a_target_is_a_class_by_name(client, net, logged_in):
    client.post(reverse("lab_new_attack"), asked(net, target="Light"))
    assert Attack.jobs.get().plan.target == 1
    assert "to be taken for light" in text(page_of(client, Attack.jobs.get()))


def test_an_attack_without_a_bound_leaves_the_epsilons_aside(client, net, logged_in):
    client.post(reverse("lab_new_attack"), asked(net, attack="carlini-wagner"))
    assert Attack.jobs.get().plan.epsilons == ()


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"epsilons": "1.5"}, "epsilons", "ε must be above 0 and at most 1"),
        ({"epsilons": "a lot"}, "epsilons", "Give numbers apart by commas"),
        ({"epsilons": ""}, "epsilons", "pgd needs 1 to 20 different ε"),
        ({"target": "cat"}, "target", "one of the classifier’s 2 classes (dark, light)"),
        ({"attack": "forge-from-image"}, "target", "forge-from-image needs a target"),
        ({"attack": "square", "norm": "l2"}, "norm", "norm of square must be one of linf"),
        (
            {"attack": "forge-from-noise", "target": "light", "flipped": "on"},
            "flipped",
            "there is no perturbation to flip",
        ),
        ({"steps": "200000"}, "steps", "steps must be at least 1 and at most 100,000"),
        ({"images": "400"}, "images", "Shades has 40 labelled held-out images, got 400"),
    ],
)
def test_what_makes_no_sense_is_refused_beside_its_field(
    client, net, logged_in, fields, field, words
):
    response = client.post(reverse("lab_new_attack"), asked(net, **fields))
    assert not Attack.jobs.exists()
    errors = " ".join(response.context["form"].errors[field])
    assert words in errors.replace("'", "’")


def test_a_classifier_of_another_size_or_of_other_classes_is_refused(client, net, logged_in):
    small = factories.dataset("Small", classes=forging.CLASSES)
    response = client.post(reverse("lab_new_attack"), asked(net, dataset=small.pk))
    assert response.context["form"].errors["dataset"] == [
        "Net takes images of 16 × 16 px in grey; Small has 8 × 8 px in grey."
    ]
    three = factories.dataset("Three", resolution_px=16, classes=("a", "b", "c"))
    response = client.post(reverse("lab_new_attack"), asked(net, dataset=three.pk))
    assert "Net tells 2 classes apart; Three has 3" in response.context["form"].errors["dataset"][0]
    client.post(reverse("lab_new_attack"), asked(net, dataset=three.pk, target="light"))
    assert Attack.jobs.get().dataset == three


def test_as_many_classes_of_another_kind_are_refused(client, net, logged_in):
    other = factories.dataset("Animals", resolution_px=16, classes=("cat", "dog"))
    response = client.post(reverse("lab_new_attack"), asked(net, dataset=other.pk))
    assert response.context["form"].errors["dataset"] == [
        "Net tells the classes of Shades apart, which are not those of Animals, so that only a target"
        " of its own makes sense."
    ]
    again = factories.dataset("Again", resolution_px=16, classes=forging.CLASSES)
    client.post(reverse("lab_new_attack"), asked(net, dataset=again.pk))
    assert Attack.jobs.get().dataset == again


def test_an_attack_that_needs_a_gradient_is_refused_for_a_black_box(client, net, logged_in):
    box = forging.classifier(net.dataset, "Box", kind=Classifier.Kind.ONNX, knows_gradient=False)
    response = client.post(reverse("lab_new_attack"), asked(box))
    assert "Box is a black box" in response.context["form"].errors["attack"][0]
    client.post(reverse("lab_new_attack"), asked(box, attack="square"))
    assert Attack.jobs.get().classifier == box


def test_only_who_is_logged_in_asks_and_only_its_researcher_cancels(client, net, enqueued):
    for name in ("lab_new_attack", "lab_train", "lab_upload", "lab_new_transfer"):
        assert "login" in client.get(reverse(name)).url
    attack = forging.attack(net, owner=factories.user())
    client.force_login(factories.user())
    assert client.post(reverse("lab_cancel", args=["attacks", attack.pk])).status_code == 403
    client.force_login(attack.owner)
    assert "Cancel" in page_of(client, attack)
    client.post(reverse("lab_cancel", args=["attacks", attack.pk]))
    attack.refresh_from_db()
    assert attack.state == JobState.CANCELLED
    enqueued.clear()
    client.post(reverse("lab_retry", args=["attacks", attack.pk]))
    assert enqueued == [("forge", attack.pk)]
    assert client.post(reverse("lab_retry", args=["spells", 1])).status_code == 404


def test_an_upload_is_told_by_its_bytes_and_its_name(client, net, logged_in, enqueued):
    about = {"name": "Theirs", "dataset": net.dataset.pk}
    onnx = SimpleUploadedFile("net.onnx", factories.onnx_generator())
    client.post(reverse("lab_upload"), {**about, "file": onnx})
    theirs = Classifier.jobs.get(name="Theirs")
    assert (theirs.kind, theirs.state) == (Classifier.Kind.ONNX, JobState.QUEUED)
    assert enqueued == [("classify", theirs.pk)]
    for name, words in (("net.pt", "pickle"), ("net.onnx", "")):
        wrong = SimpleUploadedFile(name, b"\x80\x02pickled")
        response = client.post(reverse("lab_upload"), {**about, "file": wrong})
        assert words in str(response.context["form"].errors["file"]).lower()
    weights = SimpleUploadedFile("net.safetensors", b"weights")
    client.post(reverse("lab_upload"), {**about, "name": "Ours", "file": weights})
    assert Classifier.jobs.get(name="Ours").kind == Classifier.Kind.WEIGHTS


def test_a_training_is_asked_for_and_the_embedded_network_added_once(
    client, net, logged_in, enqueued
):
    about = {"name": "Mine", "dataset": net.dataset.pk, "seconds": 30, "seed": 4}
    client.post(reverse("lab_train"), about)
    mine = Classifier.jobs.get(name="Mine")
    assert (mine.seconds, mine.seed, mine.owner) == (30.0, 4, logged_in)
    added = [client.post(reverse("lab_embedded")).url for _ in range(2)]
    assert added == [add_embedded().get_absolute_url()] * 2
    assert enqueued == [("classify", mine.pk), ("classify", add_embedded().pk)]
    assert "1,000 classes of ImageNet" in client.get(added[0]).content.decode()


def test_a_failed_classifier_says_why(client, net):
    Classifier.jobs.filter(pk=net.pk).update(state=JobState.FAILED, error="gives 1 number an image")
    assert "gives 1 number an image" in page_of(client, net)


def test_each_rung_is_a_generator_like_any_other(client, made):
    strongest = made.rungs.all()[1].pool
    assert str(strongest.generator) == "Push, ε 0.2"
    assert strongest.generator.get_absolute_url() in page_of(client, made)
    page = client.get(strongest.generator.get_absolute_url()).content.decode()
    assert "forged to fool a network" in page
    assert strongest in Study.pools.field.related_model.jobs.of_generators().ready()


def test_success_is_told_with_its_interval_and_drawn_over_epsilon(client, made):
    page = page_of(client, made)
    assert "At ε 0.2, 75.0 % of 8 images fool the network." in text(page)
    assert "75.0 40.9 to 92.9, n = 8" in text(page)
    assert "it is right on 100.0 %" in text(page)
    assert page.count('<polyline class="series-') == 2
    assert "hx-trigger" not in page


def test_images_that_the_network_took_wrongly_before_do_not_count(client, net, logged_in):
    attack = forging.attack(net, owner=logged_in, epsilons=(0.2,), flipped=False, clean=False)
    (rung,) = forging.forged(attack)
    rung.outcomes["counted"] = [True] * 4 + [False] * 4
    rung.save()
    assert "100.0 % of 4 images fool the network" in text(page_of(client, attack))
    assert len(people.stimuli(list(attack.rungs.all()))) == 4


def test_rows_show_the_original_the_change_and_what_was_forged(client, made):
    page = page_of(client, made)
    assert "The change, × 4" in text(page)  # 30 levels
    for part in ("original", "change", "forged"):
        address = reverse("lab_row", args=[made.pk, 0, part])
        assert address in page
        assert client.get(address)["Content-Type"] == "image/png"
    assert client.get(reverse("lab_row", args=[made.pk, 0, "secret"])).status_code == 404
    assert client.get(reverse("lab_image", args=[made.pk, 0, "forged", 8])).status_code == 404


def test_while_a_study_shows_them_single_images_are_their_researchers_alone(client, made):
    named(made)
    row = reverse("lab_row", args=[made.pk, 0, "forged"])
    assert client.get(row).status_code == 200
    client.force_login(factories.user())
    assert client.get(row).status_code == 403
    assert row not in page_of(client, made)
    Study.objects.update(state=Study.State.CLOSED)
    assert client.get(row).status_code == 200


def test_the_launch_form_comes_filled_in_with_the_question_what_it_is(client, made):
    address = re.search(r'href="(/studies/launch/[^"]*)"', page_of(client, made))[1]
    form = client.get(address.replace("&amp;", "&")).context["form"]
    assert form["protocol"].value() == "name"
    assert set(form["pools"].value()) == {str(rung.pool.pk) for rung in made.rungs.all()}
    assert form["name"].value() == "Push: what is it?"


def test_people_who_see_what_it_is_make_success_human_valid(client, made):
    named(made)
    told = text(page_of(client, made))
    assert re.search("simulated At ε [^%]+% of 8 images fool the network", told)
    assert "75.0 % do while people still see what they are" in told
    assert "the network is wrong , 75.0 %" in told
    assert "people see what they are , 100.0 %" in told
    assert "Found most changed" in told
    assert "5 of 5 right" in told


def test_fewer_answers_than_count_are_told_of(client, made):
    named(made, [SHARP] * 4)
    told = text(page_of(client, made))
    assert "from 5 answers on; the one that was named most often has 4" in told
    assert "simulated At ε" not in told


def test_people_who_see_something_else_do_not(client, made):
    named(made, [SimulatedObserver(dprime=-9.0)] * 5)
    told = text(page_of(client, made))
    assert "0.0 % do while people still see what they are" in told
    assert "people see what they are , 0.0 %" in told


def test_new_answers_are_taken_in(client, made):
    study = named(made, [SHARP] * 4)
    assert people.seen(made, list(made.rungs.all())).figures[0].n_images == 0
    list(studies.simulate_observers(study, [SHARP]))
    assert people.seen(made, list(made.rungs.all())).figures[0].n_images == 8


def test_dprime_stands_beside_where_the_leaderboard_has_it(client, made):
    from evalsite.leaderboard.models import Score

    pool = made.rungs.first().pool
    Score.objects.create(
        generator=pool.generator, dataset=made.dataset, protocol="unlimited", name="dprime",
        value=1.25, low=1.0, high=1.5,
    )  # fmt: skip
    assert "1.25 1.00 to 1.50" in text(page_of(client, made))


def test_a_matrix_is_asked_for_of_at_least_two_classifiers(client, net, logged_in, enqueued):
    other = forging.classifier(net.dataset, "Other")
    about = asked(net, epsilons="0.1")
    response = client.post(reverse("lab_new_transfer"), {**about, "classifiers": [net.pk]})
    assert "Choose at least 2" in response.context["form"].errors["classifiers"][0]
    both = {"classifiers": [net.pk, other.pk]}
    response = client.post(reverse("lab_new_transfer"), {**about, **both, "epsilons": "0.1 0.2"})
    assert "A matrix has one ε, got 2" in response.context["form"].errors["epsilons"][0]
    response = client.post(reverse("lab_new_transfer"), {**about, **both})
    transfer = Transfer.jobs.get()
    assert response.url == transfer.get_absolute_url()
    assert enqueued == [("transfer", transfer.pk)]
    assert set(transfer.classifiers.all()) == {net, other}


def test_a_matrix_of_classifiers_that_do_not_fit_says_so_of_each(client, net, logged_in):
    large = forging.classifier(net.dataset, "Large", resolution_px=32)
    other = forging.classifier(net.dataset, "Other", channels=3)
    about = asked(net, epsilons="0.1", classifiers=[net.pk, large.pk, other.pk])
    response = client.post(reverse("lab_new_transfer"), about)
    words = " ".join(response.context["form"].errors["dataset"])
    assert "Large takes images of 32" in words
    assert "Other takes images of 16 × 16 px in colour" in words
    assert not Transfer.jobs.exists()


def test_a_matrix_is_a_table_with_intervals_and_dashes_where_nothing_is_known(client, net):
    transfer = Transfer.jobs.create(
        name="Both",
        dataset=net.dataset,
        asked=Plan("fgsm", epsilons=(0.1,)).as_dict(),
        result={"names": ["Net", "Box"], "rows": [[[8, 10], [1, 10]], [[0, 0], [0, 0]]]},
        **factories.ready(),
    )
    told = text(page_of(client, transfer))
    assert "Net 80.0 49.0 to 94.3 n = 10 10.0 1.8 to 40.4 n = 10" in told
    assert "Box – –" in told
    assert "made on 80.0 % of the time, another one 10.0 %" in told


def test_the_linear_page_has_the_lectures_sums(client):
    told = text(client.get(reverse("lab_linear")).content.decode())
    assert "w·x −4 probability of yes: 1.8 %" in told
    assert "w·(x + ε w) 1.6 probability of yes: 83.2 %" in told
    assert "w·(x + ε sign(w)) −1.6 probability of yes: 16.8 %" in told
    assert "224 × 224, colour 150,528 60,211.2" in told


def test_the_linear_page_works_other_numbers_out_without_a_script(client):
    numbers = {"epsilon": 0.5, **{f"{letter}{n}": 1 for letter in "wx" for n in range(1, 7)}}
    told = text(client.get(reverse("lab_linear"), numbers).content.decode())
    assert "w·x 6 " in told
    assert "w·(x + ε w) 9 " in told


def test_the_linear_page_says_what_is_wrong_and_keeps_the_lectures_numbers(client):
    told = text(client.get(reverse("lab_linear"), {"epsilon": 7}).content.decode())
    assert "ε: Ensure this value is less than or equal to 1." in told
    assert "w·x −4 " in told


def test_who_comes_before_a_classifier_is_ready_is_told_how_far_it_is(client, logged_in):
    address = reverse("lab_new_attack")
    assert "There is no classifier to attack yet" in client.get(address).content.decode()
    net = forging.classifier(forging.dataset())
    Classifier.jobs.filter(pk=net.pk).update(state=JobState.RUNNING)
    page = text(client.get(address).content.decode())
    assert f"{net} is not ready yet; its page says how far it is" in page
