"""Classifiers of the lab: trained or opened, and measured on clean images."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from evalsite.catalog.models import Dataset, Pool
from evalsite.jobs import Lease
from evalsite.lab import services as lab
from evalsite.lab.models import Classifier
from evalsite.lab.services import Opened
from pools import store
from pools.store import UNLABELLED
from sandbox.errors import ModelRefusedError, SandboxError

if TYPE_CHECKING:
    from classifiers.victim import Victim

LEAST_TOLD = 0.9
"""The share of a training's progress before its network is measured."""


@dataclass(frozen=True)
class Given:
    """Images (n, H, W, C) with their true classes (n,)."""

    images: store.Images
    labels: npt.NDArray[np.int64]


def classify(lease: Lease[Classifier]) -> None:
    """Train a classifier or open it, measure its accuracy, and keep what was found."""
    classifier = lease.row
    if classifier.kind == Classifier.Kind.TRAINED:
        _train(lease)
    else:
        with _refusing(classifier), opened(classifier) as victim:
            found = _looked_into(lease, victim, classifier.dataset)
        lease.require()
        lab.keep_opened(classifier, found)


@contextmanager
def _refusing(classifier: Classifier) -> Iterator[None]:
    """Tell what a file is refused for as such: it would be again, but for what the sandbox lacked."""
    from classifiers.errors import ClassifierError

    try:
        yield
    except ClassifierError as error:
        cause = error.__cause__
        is_lacking = isinstance(cause, SandboxError) and not isinstance(cause, ModelRefusedError)
        if is_lacking or not classifier.file:
            raise
        raise ModelRefusedError(str(error)) from error


@contextmanager
def opened(classifier: Classifier) -> Iterator["Victim"]:
    """The network of a row, from a local copy of its file, called by the row's name."""
    from dataclasses import replace

    from classifiers.catalog import open_classifier

    if classifier.kind == Classifier.Kind.EMBEDDED:
        yield open_classifier(lab.EMBEDDED)
        return
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / f"classifier{Path(classifier.file.name or '').suffix}"
        with classifier.file.open() as stored, local.open("wb") as copy:
            shutil.copyfileobj(stored, copy)
        yield replace(open_classifier(local), name=str(classifier))


def labelled(pool: Pool) -> Given:
    """The images of a pool that have a label."""
    images = pool.open_whole()
    if images.labels is None:
        raise ValueError(f"a classifier needs labels, and the images of {pool} have none")
    known = images.labels != UNLABELLED
    return Given(images.read(0, len(images))[known], images.labels[known])


def _train(lease: Lease[Classifier]) -> None:
    from classifiers.file import About, save
    from classifiers.network import without_weights
    from classifiers.tensors import fill
    from classifiers.training import accuracy, form_of, steps_within, train

    classifier, dataset = lease.row, lease.row.dataset
    assert dataset is not None  # noqa: S101  # only the embedded network has none
    given, test = labelled(dataset.train_pool), labelled(dataset.held_out_pool)
    names, seed = tuple(dataset.class_names), classifier.seed
    form = form_of(given.images, given.labels, len(names))
    steps = steps_within(
        classifier.seconds, given.images, given.labels, classes=len(names), seed=seed
    )
    state = train(
        given.images,
        given.labels,
        classes=len(names),
        steps=steps,
        seed=seed,
        progress=lambda done, total: lease.report(LEAST_TOLD * done / total, "training"),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "classifier.safetensors"
        right = accuracy(fill(without_weights(form), state, path), test.images, test.labels)
        about = About(
            str(dataset), names, form.resolution_px, form.channels, steps, seed, right,
            held_out=len(test.images),
        )  # fmt: skip
        save(path, state, about)
        lease.require()
        lab.keep_trained(
            classifier,
            path,
            Opened(form.resolution_px, form.channels, names, True, right, tested_on=about.held_out),
        )


def _looked_into(lease: Lease[Classifier], victim: "Victim", dataset: Dataset | None) -> Opened:
    """What a network is and how well it does; raises where it does not fit the data set."""
    from classifiers.errors import ClassifierError
    from classifiers.measuring import labels_for, measured

    side, channels, sees = victim.resolution_px, victim.channels, victim.knows_gradient
    if dataset is None:
        return Opened(side, channels, victim.class_names, sees, accuracy=None, tested_on=0)
    victim.require((dataset.channels, dataset.resolution_px, dataset.resolution_px))
    given, names = labelled(dataset.held_out_pool), tuple(dataset.class_names)
    if len(victim.class_names) != len(names):
        raise ClassifierError(
            f"the network gives the scores of {len(victim.class_names):,} classes, and {dataset} has "
            f"{len(names):,}: they must be as many"
        )
    right = measured(
        victim,
        given.images,
        labels_for(victim, given.labels, names),
        progress=lambda done, total: lease.report(done / total, "measuring its accuracy"),
    )
    own = victim.class_names if sees else names  # a stranger's network names none
    return Opened(side, channels, own, sees, right.value, tested_on=right.n)
