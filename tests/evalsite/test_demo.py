import pytest

from evalsite.catalog import services as catalog
from evalsite.catalog.models import Dataset, Generator
from evalsite.home import demo
from evalsite.jobs import JobState
from evalsite.studies.models import Protocol, Study
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def small_packs(monkeypatch):
    """The shipped packs, with 60 held-out images each and nothing read."""
    monkeypatch.setattr(demo, "import_pack", lambda name: factories.dataset(name.title(), test=60))


def test_an_empty_site_is_filled_with_a_ladder_and_a_study_of_each_protocol(small_packs, enqueued):
    said = []
    demo.fill(said.append)
    assert {dataset.slug for dataset in Dataset.objects.all()} == {"mnist", "fashion-mnist"}
    assert [task for task, _ in enqueued] == ["train"] * len(demo.LADDER)
    studies = Study.objects.order_by("pk")
    asked = set(Protocol.values) - {Protocol.NAME}  # for which not all of the ladder has labels
    assert sorted(study.protocol for study in studies) == sorted(asked)
    assert {study.state for study in studies} == {Study.State.WAITING}
    assert {pool.state for pool in studies[0].pools.all()} == {JobState.WAITING}
    assert Generator.objects.filter(owner=None).count() == len(demo.LADDER)
    assert len(said) == 2


def test_a_site_with_data_is_left_alone(small_packs):
    factories.dataset()
    demo.fill(pytest.fail)
    assert Dataset.objects.count() == 1


def test_a_pack_is_imported_with_its_licence_and_both_halves(monkeypatch):
    given = {}
    monkeypatch.setattr(
        catalog,
        "import_dataset",
        lambda name, splits, **about: given.update(name=name, splits=splits, **about),
    )
    demo.import_pack("mnist")
    assert given["name"] == "MNIST handwritten digits"
    assert set(given["splits"]) == {"train", "test"}
    assert given["licence"]
    assert given["origin"]
    for source in given["splits"].values():
        with source:
            assert len(source) > 0
