"""The demo: two data sets, a ladder of four generators, and studies that ask in every way what is real."""

from collections.abc import Callable

from evalsite.catalog import services as catalog
from evalsite.catalog.models import Dataset, Generator, Pool
from evalsite.studies import services as studies
from evalsite.studies.design import Rules
from evalsite.studies.models import Protocol, Study
from evalsite.studies.words import CONSENT
from generators.config import load_config
from pools import packs, sources
from pools.datasets import DATASETS

LADDER = ("lecture-dcgan", "demo-15", "demo-30", "demo-60")
POOL_SIZE = 2000
SPLITS = (Pool.Split.TRAIN, Pool.Split.TEST)
STUDIES = (
    (Protocol.UNLIMITED, "Handwritten digits, as long as you like", 60, Rules()),
    (Protocol.FLASH, "Handwritten digits, in a flash", 60, Rules()),
    (
        Protocol.LIMITED,
        "Handwritten digits, for a second or five",
        40,
        Rules(exposures_ms=(1000, 5000)),
    ),
    (Protocol.PAIR, "Handwritten digits, side by side", 40, Rules(allow_ties=True)),
    (Protocol.SELECT, "Handwritten digits, nine at a time", 8, Rules(grid=9)),
)


def fill(say: Callable[[str], None]) -> None:
    """Give an empty site something to look at; a site with data sets is left alone."""
    if Dataset.objects.exists():
        return
    say("reading real images …")
    datasets = {name: import_pack(name) for name in packs.available_packs()}
    say("training four generators on handwritten digits, from clumsy to convincing …")
    digits = datasets["mnist"]
    pools = [train(digits, name).pools.get() for name in LADDER]
    for protocol, name, trials, rules in STUDIES:
        launch(digits, pools, protocol, name, trials, rules)


def import_pack(name: str) -> Dataset:
    about = DATASETS[name]
    splits = {split.value: sources.open_source(name, split=split.value) for split in SPLITS}
    return catalog.import_dataset(
        about.title,
        splits,
        resolution_px=28,
        channels=1,
        licence=about.licence,
        origin=about.source,
    )


def train(dataset: Dataset, name: str) -> Generator:
    config = load_config(name)
    return catalog.start_training(
        owner=None,
        name=config.title,
        description=config.description,
        dataset=dataset,
        config=config.as_dict(),
        images_total=config.images_total,
        pool_size=POOL_SIZE,
    )


def launch(
    dataset: Dataset, pools: list[Pool], protocol: str, name: str, trials: int, rules: Rules
) -> Study:
    return studies.launch_study(
        owner=None,
        name=name,
        dataset=dataset,
        pools=pools,
        protocol=protocol,
        trials=trials,
        rules=rules,
        consent_text=CONSENT,
    )
