"""Two generators of one data set, an open study of them, and somebody taking part."""

import pytest

from tests import factories
from tests.evalsite.observing import Browser

CLASSES = ("cat", "dog", "owl")


@pytest.fixture
def pools():
    """Labelled images of two generators, `ada` and `bob`, of one data set, `digits`."""
    return factories.named_pools("Ada", "Bob", of=factories.dataset("Digits", classes=CLASSES))


@pytest.fixture
def study(pools):
    return factories.study(pools=pools, trials=12, practice_trials=0, owner=factories.user())


@pytest.fixture
def short_study():
    """Six trials after two to practise."""
    return factories.study(trials=6, practice_trials=2)


@pytest.fixture
def person(short_study):
    """A browser in the short study, after consent."""
    return Browser(short_study).consent()
