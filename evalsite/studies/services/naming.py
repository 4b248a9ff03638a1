"""What images are to be called: names and labels that are there, and enough people for every image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from evalsite.catalog.models import Dataset, Pool
from evalsite.studies.design import FEWEST_CLASSES, MOST_CLASSES
from evalsite.studies.models import Study
from evalsite.studies.planning import Image, PoolSize
from evalsite.studies.services.errors import Refused
from evalsite.studies.services.laying_out import observers_needed, sizes
from pools import store
from scoring.dictionary import NONE


@dataclass(frozen=True)
class Labels:
    """The class numbers of the images of each pool, by its key; of no pool if nothing is named."""

    by_pool: Mapping[int, store.Labels]

    @classmethod
    def of(cls, study: Study, pools: Sequence[Pool]) -> "Labels":
        """Those of a study that was opened."""
        if study.task == "real":
            return cls({})
        return cls({pool.pk: _labels(pool.url) for pool in (study.real_pool, *pools)})

    def of_image(self, image: Image) -> str:
        """The right answer as it is kept: shuffled pixels show none of the classes."""
        if not self.by_pool:
            return ""
        return NONE if image.is_catch else str(self.by_pool[image.pool][image.index])


@lru_cache(maxsize=64)
def _labels(url: str) -> store.Labels:
    """Pools never change once they are ready, so what was read may be kept."""
    labels = store.open_pool(url).labels
    if labels is None:
        raise Refused(f"the pool {url} has no labels, which it had when its study was launched")
    return labels


def require_namable(study: Study, pools: Sequence[Pool]) -> None:
    """Refuse a study whose images cannot be named, or not by as many people as it asks for.

    Raises:
        Refused: says which data set or pool, and why.
    """
    _require_names(study.dataset)
    real, fakes = sizes(study.real_pool, pools, study.rules)
    for pool, shown in zip((study.real_pool, *pools), (real, *fakes), strict=True):
        _require_labels(pool, shown, len(study.dataset.class_names))
    _require_people(study, pools)


def _require_names(dataset: Dataset) -> None:
    names: list[str] = dataset.class_names
    if not names:
        raise Refused(f"{dataset} has no class names, so its images cannot be named")
    if not FEWEST_CLASSES <= len(names) <= MOST_CLASSES:
        raise Refused(
            f"people choose between {FEWEST_CLASSES} and {MOST_CLASSES} names, and {dataset} has "
            f"{len(names):,} classes: it needs a shortlist, a data set of some of them"
        )
    if len(set(names)) < len(names) or not all(names) or NONE in names:
        raise Refused(
            f"class names differ, and none is empty or {NONE!r}; those of {dataset} are "
            f"{', '.join(map(repr, names))}"
        )


def _require_labels(pool: Pool, shown: PoolSize, classes: int) -> None:
    if not pool.is_ready:
        raise Refused(f"images are named by their labels, and {pool} is not ready: wait for it")
    labels = pool.open().labels
    if labels is None:
        raise Refused(f"{pool} has no labels, so no name of its images is right or wrong")
    own = labels[shown.indices]
    strange = shown.indices[(own < 0) | (own >= classes)]
    if strange.size:
        raise Refused(
            f"image {strange[0]} of {pool} has the label {labels[strange[0]]}; "
            f"0 to {classes - 1} are wanted"
        )


def _require_people(study: Study, pools: Sequence[Pool]) -> None:
    most, needed = study.rules.stopping.most_observers, observers_needed(study, pools)
    if most is not None and most < needed:
        raise Refused(
            f"{study.rules.observers_per_image} people for every image take {needed:,} observers, "
            f"and the study stops after {most:,}: show fewer images of each pool, or ask for more people"
        )
