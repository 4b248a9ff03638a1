import hashlib

import numpy as np
import pytest
import torch
from torch import Tensor

from metrics.errors import ImageMismatch, MetricError, UnknownName
from metrics.extractors import inception as module
from metrics.extractors.base import identity
from metrics.extractors.inception import Inception, create
from metrics.extractors.inception_network import InceptionNetwork, fold_batch_norm
from metrics.extractors.inception_runtime import RuntimeNetwork
from metrics.extractors.weights import Weights
from metrics.features import features_of
from metrics.image_pools import ArrayPool
from tests.data.metrics.seeded_state_dict import SHAPES, seeded_state_dict

RECORDED = {
    "tf1": ("torch_fidelity_2048", 16),
    "pytorch-fid": ("pytorch_fid_2048", 4),
    "clean": ("cleanfid_clean_2048", 4),
}


@pytest.fixture(scope="module")
def state():
    return seeded_state_dict()


@pytest.fixture(scope="module")
def parity():
    """16 images, and what reference packages make of them with the same state dict."""
    arrays = dict(np.load(SHAPES.with_name("inception_seed0_parity.npz")))
    arrays["images"] = arrays["images"].transpose(0, 2, 3, 1).copy()
    return arrays


@pytest.fixture(scope="module")
def tf1(state):
    return Inception(state, "tf1", device="cpu")


@pytest.fixture(scope="module")
def of_all(tf1, parity):
    return tf1.extract(parity["images"])


@pytest.fixture(scope="module")
def one_at_a_time(state):
    """For tests that look at single images: passes of one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BATCH_IMAGES", {"cpu": 1})
        return Inception(state, "clean", device="cpu")


def off_scale(found, reference):
    """The largest difference, relative to the largest feature."""
    return np.abs(found - reference).max() / np.abs(reference).max()


@pytest.mark.parametrize("protocol", RECORDED)
def test_features_are_those_of_the_reference_package(protocol, state, parity, of_all):
    name, n = RECORDED[protocol]
    found = (
        of_all
        if protocol == "tf1"
        else Inception(state, protocol, device="cpu").extract(parity["images"][:n])
    )
    assert found.features.shape == (n, 2048)
    assert found.features.dtype == np.float32
    assert off_scale(found.features, parity[name][:n]) < 1e-5
    others = [off_scale(found.features, parity[o][:n]) for o, _ in RECORDED.values() if o != name]
    assert min(others) > 5e-3


def test_probabilities_are_those_of_torch_fidelitys_unbiased_logits(of_all, parity):
    logits = torch.from_numpy(parity["torch_fidelity_logits_unbiased"]).double()
    np.testing.assert_allclose(of_all.probabilities, torch.softmax(logits, 1), rtol=1e-4)
    assert of_all.probabilities.dtype == np.float32


def test_an_image_has_the_same_bits_alone_among_seven_and_among_sixteen(tf1, parity, of_all):
    for some in (slice(3, 4), slice(6, 13)):
        found = tf1.extract(parity["images"][some])
        np.testing.assert_array_equal(found.features, of_all.features[some])
        np.testing.assert_array_equal(found.probabilities, of_all.probabilities[some])


@torch.inference_mode()
def test_onnx_runtime_computes_what_torch_does(state):
    network = InceptionNetwork().eval()
    network.load_state_dict(fold_batch_norm(state))
    images = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 299, 299))).float()
    runtime = RuntimeNetwork(network)
    expected = [*network(images), *network.stages(images)]
    found = [*runtime(images), *runtime.stages(images)]
    assert [each.shape for each in found] == [each.shape for each in expected]
    assert max(map(off_scale, map(Tensor.numpy, found), map(Tensor.numpy, expected))) < 1e-5


def test_threads_change_no_bit(tf1, parity, of_all):
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        found = tf1.extract(parity["images"])
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(found.features, of_all.features)
    np.testing.assert_array_equal(found.probabilities, of_all.probabilities)


def test_a_bfloat16_preview_is_near_and_says_what_it_is(state, parity, monkeypatch):
    monkeypatch.setattr(module, "BATCH_IMAGES", {"cpu": 1})
    preview = Inception(state, "tf1", "bfloat16", device="cpu")
    found = preview.extract(parity["images"][:1])
    exact = parity["torch_fidelity_2048"][:1]
    assert found.features.dtype == np.float32
    assert 1e-4 < off_scale(found.features, exact) < 0.05
    assert np.corrcoef(found.features[0], exact[0])[0, 1] > 0.999
    assert preview.name == "tf1-bf16"
    assert preview.version.endswith(", bfloat16 preview")


def test_activations_end_in_the_features(one_at_a_time, parity):
    images = parity["images"][:2]
    stages = one_at_a_time.activations(images)
    assert [stage.shape for stage in stages] == [
        (2, 64, 73, 73),
        (2, 192, 35, 35),
        (2, 768, 17, 17),
        (2, 2048, 8, 8),
    ]
    assert {stage.dtype for stage in stages} == {np.dtype(np.float32)}
    features = one_at_a_time.extract(images).features
    np.testing.assert_allclose(stages[-1].mean((2, 3)), features, rtol=1e-4, atol=1e-5)


def test_a_grey_image_is_the_same_as_its_rgb_copy(one_at_a_time, images):
    grey = images(1, size=28)
    np.testing.assert_array_equal(
        one_at_a_time.extract(grey).features,
        one_at_a_time.extract(np.repeat(grey, 3, axis=3)).features,
    )


def test_one_pixel_is_an_image_of_one_colour(one_at_a_time):
    dot, sheet = (np.full((1, side, side, 3), 77, np.uint8) for side in (1, 40))
    found = [one_at_a_time.extract(image).features for image in (dot, sheet)]
    assert off_scale(*found) < 1e-5


def test_a_huge_strip_has_finite_features(one_at_a_time):
    strip = np.random.default_rng(0).integers(0, 256, (1, 6, 9000, 1), dtype=np.uint8)
    assert np.isfinite(one_at_a_time.extract(strip).features).all()


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((0, 8, 8, 3), np.uint8),
        np.zeros((1, 8, 8, 4), np.uint8),
        np.zeros((1, 8, 8, 3), np.float32),
        np.zeros((8, 8, 3), np.uint8),
    ],
    ids=["none", "alpha", "floats", "no batch"],
)
def test_what_is_no_image_is_refused(one_at_a_time, wrong):
    with pytest.raises(ImageMismatch, match="needs uint8 images"):
        one_at_a_time.extract(wrong)
    with pytest.raises(ImageMismatch, match="needs uint8 images"):
        one_at_a_time.activations(wrong)


def test_an_extractor_that_was_used_goes_to_another_process(one_at_a_time, parity):
    image = parity["images"][:1]
    found = one_at_a_time.extract(image).features
    (elsewhere,) = features_of([ArrayPool(image)], one_at_a_time, workers=2)
    np.testing.assert_array_equal(elsewhere.features, found)


def test_weights_that_do_not_fit_are_named(state):
    kernel = state["fc.weight"]
    missing = {name: t for name, t in state.items() if name != "Mixed_7c.branch_pool.bn.bias"}
    with pytest.raises(
        MetricError, match=r"not the weights .*: Mixed_7c\.branch_pool\.bn\.bias is"
    ):
        fold_batch_norm(missing)
    with pytest.raises(MetricError, match=r"AuxLogits\.fc\.weight is unknown$"):
        fold_batch_norm(state | {"AuxLogits.fc.weight": kernel})
    with pytest.raises(
        MetricError, match=r"fc\.weight needs shape \(1008, 2048\), got \(1000, 2048"
    ):
        fold_batch_norm(state | {"fc.weight": kernel[:1000]})
    with pytest.raises(MetricError, match="is missing and 560 more"):
        fold_batch_norm({"fc.weight": kernel})


def test_other_protocols_precisions_devices_and_names_are_refused(state):
    with pytest.raises(UnknownName, match="one of tf1, pytorch-fid, clean, got 'nearest'"):
        Inception(state, "nearest")
    with pytest.raises(UnknownName, match="one of float32, bfloat16, got 'float16'"):
        Inception(state, "clean", "float16")
    with pytest.raises(UnknownName, match="one of cpu, cuda, got 'meta'"):
        Inception(state, "clean", device="meta")
    with pytest.raises(UnknownName, match="got 'lite1'"):
        create("lite1")


@pytest.fixture
def at_hand(state, tmp_path, monkeypatch):
    """The seeded weights in a file, as if they were the published ones."""
    path = tmp_path / "seeded.pth"
    torch.save(state, path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    weights = Weights("seeded.pth", sha256, "http://127.0.0.1:9/", "UNCANNY_TEST_WEIGHTS")
    monkeypatch.setattr(module, "INCEPTION", weights)
    monkeypatch.setenv("UNCANNY_TEST_WEIGHTS", str(path))
    return sha256[:8]


def test_each_name_has_an_identity_of_its_own(at_hand):
    assert [identity(create(name)) for name in ("pytorch-fid", "clean-bf16")] == [
        f"pytorch-fid (Inception-v3 {at_hand}, float32, ONNX Runtime; "
        "torch's bilinear, half-pixel centres, to 299 × 299 px)",
        f"clean-bf16 (Inception-v3 {at_hand}, bfloat16 preview; "
        "Pillow's antialiased bicubic, clipped, not rounded, to 299 × 299 px)",
    ]


def test_another_device_is_told_for_its_digits_are_others(state, monkeypatch):
    monkeypatch.setitem(module.BATCH_IMAGES, "meta", 4)
    here, there = (Inception(state, "tf1", device=each).version for each in ("cpu", "meta"))
    assert here.endswith(", float32, ONNX Runtime")
    assert there.endswith(", float32, on meta")


def test_weights_with_another_sum_are_never_loaded(at_hand, tmp_path):
    (tmp_path / "seeded.pth").write_bytes(b"cos\nsystem\n.")
    with pytest.raises(MetricError, match=rf"needs SHA-256 {at_hand}"):
        create("tf1")
