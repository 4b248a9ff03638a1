"""What researchers ask of the lab, and what workers keep of it: classifiers, attacks, transfers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.core.files import File
from django.core.files.base import ContentFile
from django.db import transaction

from evalsite import jobs
from evalsite.accounts.models import User
from evalsite.catalog import services as catalog
from evalsite.catalog.models import Dataset, Pool, random_key
from evalsite.catalog.services import Refused, kept_whole
from evalsite.lab.models import Attack, Classifier, Rung, Transfer
from generators.adversarial.plan import Plan
from pools.store import UNLABELLED

EMBEDDED = "lite0"
EMBEDDED_NAME = "EfficientNet-Lite0, 1,000 classes of ImageNet"
LONGEST_NAME = 80


@dataclass(frozen=True)
class Opened:
    """What a worker finds out about a network; `accuracy` is None where it was tested on no image."""

    resolution_px: int
    channels: int
    class_names: tuple[str, ...]
    knows_gradient: bool
    accuracy: float | None
    tested_on: int


@transaction.atomic
def train_classifier(
    *, owner: User, name: str, dataset: Dataset, seconds: float, seed: int = 0
) -> Classifier:
    """Queue the training of a small classifier on a data set's training images."""
    return _submitted(
        Classifier(
            owner=owner,
            name=name,
            kind=Classifier.Kind.TRAINED,
            dataset=dataset,
            seconds=seconds,
            seed=seed,
        )
    )


@transaction.atomic
def upload_classifier(
    *, owner: User, name: str, dataset: Dataset, kind: str, file: "File[bytes]"
) -> Classifier:
    """Keep an uploaded network; a worker opens it and measures its accuracy."""
    classifier = Classifier(owner=owner, name=name, kind=kind, dataset=dataset)
    with kept_whole(classifier.file, file):
        return _submitted(classifier)


@transaction.atomic
def add_embedded() -> Classifier:
    """The ImageNet network that comes with the site, added the first time that it is asked for."""
    found = Classifier.jobs.filter(kind=Classifier.Kind.EMBEDDED).first()
    return found or _submitted(Classifier(name=EMBEDDED_NAME, kind=Classifier.Kind.EMBEDDED))


def _submitted(classifier: Classifier) -> Classifier:
    classifier.save()
    jobs.submit(classifier)
    return classifier


def keep_trained(classifier: Classifier, weights: Path, found: Opened) -> None:
    """Keep what was trained; the caller marks the row ready."""
    with weights.open("rb") as opened:
        classifier.file.save(f"{random_key()}.safetensors", File(opened), save=False)
    classifier.save(update_fields=["file"])
    keep_opened(classifier, found)


def keep_opened(classifier: Classifier, found: Opened) -> None:
    """Keep what a worker found; the caller marks the row ready."""
    Classifier.jobs.filter(pk=classifier.pk).update(**asdict(found))


@transaction.atomic
def start_attack(
    plan: Plan, *, owner: User | None, name: str, classifier: Classifier, dataset: Dataset
) -> Attack:
    """Queue an attack on held-out images that are drawn now, with a row for each of its rungs."""
    attack = Attack.jobs.create(
        name=name,
        classifier=classifier,
        dataset=dataset,
        owner=owner,
        asked=plan.as_dict(),
        indices=chosen_images(dataset, plan),
    )
    Rung.objects.bulk_create(
        Rung(attack=attack, position=position, kind=rung.kind, epsilon=rung.epsilon)
        for position, rung in enumerate(plan.rungs())
    )
    jobs.submit(attack)
    return attack


@transaction.atomic
def start_transfer(
    plan: Plan,
    *,
    owner: User | None,
    name: str,
    classifiers: Sequence[Classifier],
    dataset: Dataset,
) -> Transfer:
    """Queue the attack on each classifier, tried on all."""
    transfer = Transfer.jobs.create(name=name, dataset=dataset, owner=owner, asked=plan.as_dict())
    transfer.classifiers.set(classifiers)
    jobs.submit(transfer)
    return transfer


def chosen_images(dataset: Dataset, plan: Plan) -> list[int]:
    """Which labelled held-out images are attacked: as many as the plan wants, by its seed. Raises Refused."""
    labels = dataset.held_out_pool.open().labels
    if labels is None:
        raise Refused(f"the images of {dataset} have no labels, so that none can be taken wrongly")
    known = np.flatnonzero(labels != UNLABELLED)
    if len(known) < plan.images:
        raise Refused(
            f"{dataset} has {len(known):,} labelled held-out images, got {plan.images:,} to attack"
        )
    drawn = np.random.default_rng(plan.seed).permutation(known)[: plan.images]
    return [int(index) for index in np.sort(drawn)]


def keep_chunk(rung: Rung, outcomes: Mapping[str, Sequence[Any]]) -> None:
    """Add what came of the next images; they are in the store already."""
    rung.outcomes = {
        name: [*rung.outcomes.get(name, []), *values] for name, values in outcomes.items()
    }
    rung.save(update_fields=["outcomes"])


def keep_detector(rung: Rung, found: Mapping[str, Any]) -> None:
    """Keep how well a detector tells the rung's images from clean ones."""
    rung.detector = dict(found)
    rung.save(update_fields=["detector"])


def keep_film(attack: Attack, webp: bytes) -> None:
    """Keep the images while they were forged, as an animation."""
    attack.film.save(f"{random_key()}.webp", ContentFile(webp), save=False)
    attack.save(update_fields=["film"])


@transaction.atomic
def finish_rung(rung: Rung) -> Pool:
    """The generator and the ready pool of a rung whose images are all made."""
    attack, words = rung.attack, rung.words
    rung.pool = catalog.keep_forged(
        f"{attack.name[: LONGEST_NAME - len(words) - 2]}, {words}",
        dataset=attack.dataset,
        owner=attack.owner,
        description=f"Held-out images of {attack.dataset}, {words}: {attack.plan.attack} against "
        f"{attack.classifier}.",
        key=rung.key,
        images=rung.open(),
        seed=attack.plan.seed,
    )
    rung.save(update_fields=["pool"])
    return rung.pool


def keep_transfer(transfer: Transfer, result: Mapping[str, Any]) -> None:
    """Keep the matrix; the caller marks the row ready."""
    Transfer.jobs.filter(pk=transfer.pk).update(result=dict(result))
