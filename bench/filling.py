"""Fills a site with a small data set, a generator of noisy digits, and studies; runs in its Django."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.live import EMAIL, PASSWORD
from evalsite.accounts.models import User
from evalsite.catalog.models import Dataset, Generator, Pool, random_key, store_url
from evalsite.catalog.services import import_dataset
from evalsite.jobs import JobState
from evalsite.studies.design import Rules
from evalsite.studies.services import launch_study
from pools import sources, store
from pools.entries import source_of_array
from pools.store import Images, Labels


def fill(*, images: int, studies: Sequence[dict[str, Any]]) -> None:
    """Print as JSON the code of each study, by name; `images` real ones and as many forged ones.

    Each study has `name`, `protocol` and `trials`, and may have what else `launch_study` takes, its
    rules as JSON. All belong to the researcher with the address EMAIL.
    """
    real = sources.load("mnist", split="test", limit=images)
    owner = User.objects.create_user(EMAIL, PASSWORD)
    splits = {"train": source_of_array(real.images, real.labels, real.class_names)}
    dataset = import_dataset("Digits", splits, resolution_px=28, channels=1)
    pool = forge(dataset, owner, real.images, real.labels)
    launched = {
        study["name"]: launch_study(
            owner=owner,
            dataset=dataset,
            pools=[pool],
            consent_text="Say of each image whether it is real.",
            **{"practice_trials": 0, **study, "rules": Rules.from_json(study.get("rules", {}))},
        ).code
        for study in studies
    }
    print(json.dumps(launched))


def forge(dataset: Dataset, owner: User, real: Images, labels: Labels | None) -> Pool:
    """A ready pool of the same digits under noise."""
    noise = np.random.default_rng(0).normal(0, 40, real.shape)
    forged = np.clip(real + noise, 0, 255).astype(np.uint8)
    generator = Generator.objects.create(
        name="Noisy digits",
        slug="noisy-digits",
        kind=Generator.Kind.ARCHIVE,
        dataset=dataset,
        owner=owner,
    )
    key = random_key()
    written = store.create(
        store_url(key), count=len(forged), resolution_px=28, channels=1, labelled=True
    )
    written.write(0, forged, labels)
    return Pool.jobs.create(
        generator=generator,
        key=key,
        count=len(forged),
        content_hash=written.content_hash(),
        state=JobState.READY,
        progress=1.0,
    )
