import os
import re

import numpy as np
import pytest
import torch

from classifiers.file import About, save
from classifiers.network import Network
from classifiers.training import as_input
from metrics.errors import MetricError
from metrics.extractors import catalog
from metrics.extractors.base import identity
from metrics.extractors.classifier import Classifier

ABOUT = About("stripes", ("a", "b", "c", "d"), 16, 1, 3, 7, 0.5, 64)


@pytest.fixture(scope="module")
def state():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Network(ABOUT.form).state_dict()


@pytest.fixture(scope="module")
def path(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("classifier") / "stripes.safetensors"
    save(path, state, ABOUT)
    return path


def test_features_and_probabilities_are_those_of_the_network(path, state, images):
    network = Network(ABOUT.form)
    network.load_state_dict(state)
    pictures = images(70, size=16)
    with torch.no_grad():
        features, logits = network.eval()(as_input(pictures))
    got = Classifier(path).extract(pictures)
    np.testing.assert_allclose(got.features, features, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got.probabilities, torch.softmax(logits, 1), rtol=1e-4, atol=1e-6)


def test_neither_batch_nor_place_changes_a_bit(path, images):
    extractor, pictures = Classifier(path), images(70, size=16)
    whole = extractor.extract(pictures).features
    parts = [
        extractor.extract(part).features for part in (pictures[:1], pictures[1:66], pictures[66:])
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(extractor.extract(pictures[::-1]).features[::-1], whole)


def test_images_of_another_size_and_in_colour_are_brought_to_the_network_s(path, images):
    assert Classifier(path).extract(images(3, size=40, channels=3)).features.shape == (3, 128)


def test_the_identity_names_the_file_and_what_it_was_trained_on(path):
    extractor = Classifier(path)
    assert extractor.about == ABOUT
    assert re.fullmatch(
        r"classifier-[0-9a-f]{8} \(trained on stripes, 50\.00% of 64 held-out images right, float32; "
        r"centred square, .* to 16 × 16 px, 8 bits, grey\)",
        identity(extractor),
    )


def test_a_file_that_is_no_classifier_is_a_metric_error(tmp_path):
    (tmp_path / "odd").write_bytes(b"hello")
    with pytest.raises(MetricError, match="neither safetensors nor"):
        Classifier(tmp_path / "odd")


@pytest.mark.parametrize("kind", ["classifier", "onnx"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path, kind):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MetricError, match="pipe needs to be a file, and is none"):
        catalog.create(f"{kind}:{tmp_path / 'pipe'}")
