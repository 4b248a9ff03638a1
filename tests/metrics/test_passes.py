import time
from threading import Event

import numpy as np
import pytest

from metrics.extractors.base import Features
from metrics.extractors.passes import in_passes, streamed

PATIENCE_S = 60


def sums(images):
    return Features(images.sum((1, 2, 3), dtype=np.float32)[:, None], None)


@pytest.mark.parametrize("threads", [1, 2])
def test_chunks_give_what_each_gives_alone(images, threads):
    chunks = [images(n, seed=n) for n in (9, 4, 1)]
    found = list(streamed(iter(chunks), 4, sums, threads))
    for one, chunk in zip(found, chunks, strict=True):
        np.testing.assert_array_equal(one.features, in_passes(chunk, 4, sums).features)
        np.testing.assert_array_equal(one.features, sums(chunk).features)


def test_the_next_chunk_begins_before_the_last_pass_of_one_ends(images):
    next_began = Event()

    def network(batch):
        if batch.max() == 2:
            next_began.set()
        elif not next_began.wait(PATIENCE_S):
            raise AssertionError("the next chunk waited")
        return sums(batch)

    chunks = [np.full_like(images(4), value) for value in (1, 2)]
    assert len(list(streamed(chunks, 4, network, threads=2))) == 2


def test_no_more_chunks_are_taken_than_one_ahead(images):
    taken = []

    def chunks():
        for at in range(5):
            taken.append(at)
            yield images(4)

    found = streamed(chunks(), 4, sums)
    next(found)
    assert taken == [0, 1]
    found.close()


def test_a_stream_that_is_closed_begins_no_further_pass(images):
    begun = []

    def network(batch):
        begun.append(len(batch))
        time.sleep(0.05)
        return sums(batch)

    found = streamed([images(1), images(200)], 1, network)
    next(found)
    found.close()
    assert len(begun) < 200
