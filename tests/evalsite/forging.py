"""A data set whose two classes any network tells apart, classifiers of it, and attacks on them."""

import numpy as np
from django.core.files.base import ContentFile

from evalsite.catalog import services as catalog
from evalsite.catalog.models import Dataset, Pool
from evalsite.lab import services as lab
from evalsite.lab.models import Classifier
from generators.adversarial.plan import Plan
from tests import factories

PX = 16
CLASSES = ("dark", "light")


def shades(count, seed=0):
    """Images (count, PX, PX, 1) of two shades with a little noise, and which shade each is."""
    labels = np.arange(count) % 2
    levels = 100 + 56 * labels[:, None, None, None]
    noise = np.random.default_rng(seed).integers(-20, 21, (count, PX, PX, 1))
    return (levels + noise).astype(np.uint8), labels


def dataset(name="Shades", *, train=64, test=40):
    made = Dataset.objects.create(
        name=name,
        slug=catalog.unique_slug(Dataset, name),
        resolution_px=PX,
        channels=1,
        class_names=list(CLASSES),
    )
    for seed, (split, count) in enumerate((("train", train), ("test", test))):
        stored = factories.stored(*shades(count, seed))
        Pool.jobs.create(dataset=made, split=split, **stored, **factories.ready())
    return made


def classifier(of, name="Net", weights=b"weights", **fields):
    """A classifier that a worker has trained or opened."""
    usual = {
        "kind": Classifier.Kind.TRAINED,
        "resolution_px": PX,
        "channels": 1,
        "class_names": list(CLASSES),
        "knows_gradient": True,
        "accuracy": 0.975,
        "tested_on": 40,
    }
    made = Classifier(name=name, dataset=of, **{**usual, **fields}, **factories.ready())
    suffix = "onnx" if made.kind == Classifier.Kind.ONNX else "safetensors"
    made.file.save(f"net.{suffix}", ContentFile(weights), save=False)
    made.save()
    return made


def attack(on, *, name="Push", owner=None, **fields):
    """An attack that waits for a worker."""
    usual = {"attack": "fgsm", "epsilons": (0.1, 0.3), "images": 8, "flipped": True, "clean": True}
    plan = Plan(**{**usual, **fields})
    return lab.start_attack(plan, owner=owner, name=name, classifier=on, dataset=on.dataset)


def forged(of_attack, *, fooled=None, by=30):
    """Every rung made, without a network: forged images are brighter by `by`; returns the rungs."""
    rungs = list(of_attack.rungs.all())
    count = len(of_attack.indices)
    pool = of_attack.dataset.held_out_pool.open()
    before = np.stack([pool.image(index) for index in of_attack.indices])
    labels = pool.labels[of_attack.indices]
    for rung in rungs:
        is_clean = rung.kind == "clean"
        wrong = [False] * count if is_clean else fooled or [True] * count
        made = before if is_clean else np.clip(before.astype(int) + by, 0, 255).astype(np.uint8)
        rung.key = factories.stored(made, labels)["key"]
        rung.outcomes = {
            "predictions": [int(label) ^ each for label, each in zip(labels, wrong, strict=True)],
            "clean_predictions": labels.tolist(),
            "fooled": wrong,
            "counted": [True] * count,
            "queries": [2] * count,
            "shared_queries": [0] * count,
        }
        rung.save()
        lab.finish_rung(rung)
    type(of_attack).jobs.filter(pk=of_attack.pk).update(**factories.ready())
    of_attack.refresh_from_db()
    return rungs
