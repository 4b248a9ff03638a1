"""Small data sets, generators, studies and observers; a caller names only what the test is about."""

import atexit
import io
import shutil
import tempfile
import zipfile
from functools import cache
from itertools import count, groupby
from pathlib import Path

import numpy as np
from django.utils import timezone
from PIL import Image

from evalsite.accounts.models import User
from evalsite.catalog import services as catalog
from evalsite.catalog.models import Dataset, Generator, Pool, random_key, store_url
from evalsite.jobs import JobState
from evalsite.studies import services as studies
from evalsite.studies.design import Rules
from evalsite.studies.models import Block, Protocol
from pools import store
from scoring.simulate import SimulatedObserver

PASSWORD = "a long enough phrase"
_numbers = count(1)


def user(email=None, **fields):
    return User.objects.create_user(email or f"ann{next(_numbers)}@example.org", PASSWORD, **fields)


def pixels(number, resolution_px=8, channels=1, seed=0):
    """Noise, uint8 (number, resolution_px, resolution_px, channels)."""
    shape = (number, resolution_px, resolution_px, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def png(image):
    out = io.BytesIO()
    Image.fromarray(image.squeeze()).save(out, "PNG")
    return out.getvalue()


def image_zip(number=12, resolution_px=8, extra=()):
    """The bytes of a zip of PNGs; `extra` are further (name, bytes) in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for index, image in enumerate(pixels(number, resolution_px)):
            archive.writestr(f"{index:03}.png", png(image))
        for name, data in extra:
            archive.writestr(name, data)
    return out.getvalue()


def stored(images, labels=None):
    """The key of a pool on disk that holds these images."""
    key = random_key()
    of_classes = None if labels is None else tuple(labels)
    folder, content_hash = written(images.shape, images.tobytes(), of_classes)
    shutil.copytree(folder, store_url(key))
    return {"key": key, "count": len(images), "content_hash": content_hash}


@cache
def written(shape, data, labels):
    """A pool in a folder of its own, and its content hash: what many tests ask for is written once."""
    folder = Path(kept_folder()) / random_key()
    length, resolution_px, _, channels = shape
    pool = store.create(
        folder,
        count=length,
        resolution_px=resolution_px,
        channels=channels,
        labelled=labels is not None,
    )
    pool.write(
        0,
        np.frombuffer(data, np.uint8).reshape(shape),
        None if labels is None else np.array(labels),
    )
    return folder, pool.content_hash()


@cache
def kept_folder():
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    return folder


def ready():
    now = timezone.now()
    return {"state": JobState.READY, "progress": 1.0, "started_at": now, "finished_at": now}


def dataset(name=None, *, train=20, test=20, resolution_px=8, classes=()):
    name = name or f"Digits {next(_numbers)}"
    made = Dataset.objects.create(
        name=name,
        slug=catalog.unique_slug(Dataset, name),
        resolution_px=resolution_px,
        channels=1,
        class_names=list(classes),
    )
    for split, number in (("train", train), ("test", test)):
        if number:
            labels = np.arange(number) % len(classes) if classes else None
            images = stored(pixels(number, resolution_px, seed=number), labels)
            Pool.jobs.create(dataset=made, split=split, **images, **ready())
    return made


def generator(name=None, *, of=None, owner=None, kind=Generator.Kind.ARCHIVE):
    name = name or f"Forger {next(_numbers)}"
    return Generator.objects.create(
        name=name,
        slug=catalog.unique_slug(Generator, name),
        kind=kind,
        dataset=of or dataset(),
        owner=owner,
    )


def pool(of=None, *, size=20, seed=0, is_ready=True, labels=None):
    """Forged images: on disk, or still to be drawn; with `labels` of their classes."""
    forger = of or generator()
    if not is_ready:
        return Pool.jobs.create(generator=forger, count=size, seed=seed)
    images = stored(pixels(size, forger.dataset.resolution_px, seed=1000 + seed), labels)
    return Pool.jobs.create(generator=forger, seed=seed, **images, **ready())


def named_pools(*names, classes=("cat", "dog", "owl"), size=20, of=None):
    """Labelled images of generators, of one data set with classes."""
    data = of or dataset(classes=classes)
    labels = np.arange(size) % len(data.class_names)
    return [pool(generator(name, of=data), size=size, labels=labels) for name in names]


RULES = {
    Protocol.LIMITED: Rules(exposures_ms=(1000, 5000)),
    Protocol.SELECT: Rules(grid=4),
}
"""What a study of these protocols is launched with if a test says nothing of it."""


def study(*, pools=None, protocol=Protocol.UNLIMITED, trials=6, practice_trials=2, **fields):
    """A launched study; with ready pools it is open."""
    if pools is None:
        pools = named_pools("Forger") if protocol == Protocol.NAME else [pool()]
    asked = {"owner": None, "name": "Which is real?", "consent_text": "You may stop.", **fields}
    asked.setdefault("dataset", pools[0].imitates if pools else None)
    asked.setdefault("rules", RULES.get(protocol, Rules()))
    return studies.launch_study(
        pools=pools, protocol=protocol, trials=trials, practice_trials=practice_trials, **asked
    )


def answer(*trials, right=True, rt_ms=500.0):
    """What a browser would send for a screen: its images in order; of two fakes the first is chosen."""
    first, protocol = trials[0], trials[0].observer.study.protocol
    sent = {"trial": first.code, "rt_ms": rt_ms}
    wanted = "real" if protocol == Protocol.PAIR else "fake"
    chosen = [trial.code for trial in trials if (trial.truth == wanted) == right]
    if protocol == Protocol.PAIR:
        return {**sent, "chosen": chosen[:1] or [first.code]}
    if protocol == Protocol.SELECT:
        return {**sent, "chosen": chosen}
    if protocol == Protocol.NAME:
        other = "none" if first.truth != "none" else "0"
    else:
        other = "fake" if first.truth == "real" else "real"
    return {**sent, "answer": first.truth if right else other}


def screens(trials):
    """Trials in order, a list for each screen."""
    return [list(each) for _, each in groupby(trials, key=lambda t: (t.block_id, t.screen))]


def record(observer, trials, *, right=lambda trial: True):
    """Have screens answered, each as right as the first of its images."""
    answers = [answer(*each, right=right(each[0])) for each in screens(trials)]
    return studies.record_responses(observer, answers)


def finished(of, *, right=lambda trial: True, **fields):
    """An observer of the study who has answered everything."""
    observer = studies.take_part(of, **fields)
    trials = observer.trials.in_order().select_related("pool__generator", "observer__study")
    record(observer, trials, right=right)
    observer.refresh_from_db()
    return observer


def guesser():
    """A simulated observer who cannot tell."""
    return SimulatedObserver(dprime=0.0)


def main_trials(observer):
    return list(observer.trials.filter(block__kind=Block.Kind.MAIN).in_order())


def onnx_generator(resolution_px=8, z_dim=4):
    """The bytes of a network that is one matrix product: noise (N, z) in, images in [−1, 1] out."""
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(3).normal(size=(z_dim, resolution_px**2)).astype(np.float32)
    shape = np.array([-1, 1, resolution_px, resolution_px], np.int64)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["z", "weights"], ["flat"]),
            helper.make_node("Tanh", ["flat"], ["bounded"]),
            helper.make_node("Reshape", ["bounded", "shape"], ["images"]),
        ],
        "forger",
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", z_dim])],
        [
            helper.make_tensor_value_info(
                "images", TensorProto.FLOAT, ["N", 1, resolution_px, resolution_px]
            )
        ],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(shape, "shape")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return model.SerializeToString()
