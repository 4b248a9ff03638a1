"""Trained generators whose exported networks are a few operations, so that what they draw is known."""

import base64
import io

import numpy as np
from django.core.files.base import ContentFile
from PIL import Image

from evalsite.catalog.models import Generator, TrainingRun
from evalsite.play.models import Export
from generators.config import load_config
from tests import factories
from tests.generators.known import CLASSES, PX, doubling, drawing, negative

RECIPES = {
    "noise": "demo-15",
    "edges": "edges-to-fashion",
    "classes": "sneakers-to-boots",
    "enlarge": "enlarge-14-to-28",
}
NETWORKS = {"none": drawing, "edges": negative, "classes": negative, "enlarge": doubling}
ENDS = {"translation.from_class": 0, "translation.to_class": 1}


def trained(task="noise", *, of=None, **fields):
    """A generator that has been trained on this task, the weights left out."""
    overrides = ENDS if task == "classes" else {}
    config = load_config(RECIPES[task], **overrides)
    made = factories.generator(
        of=of or factories.dataset(classes=CLASSES, resolution_px=PX),
        kind=Generator.Kind.TRAINED,
        **fields,
    )
    made.file.save("weights.safetensors", ContentFile(b"weights"))
    TrainingRun.jobs.create(generator=made, config=config.as_dict(), **factories.ready())
    return made


def exported(generator, network="generator", onnx=None):
    """The same with a network that the site can run."""
    task = Generator.objects.get(pk=generator.pk).run.config["translation"]["task"]
    row = Export.jobs.create(generator=generator, network=network, **factories.ready())
    made = onnx or NETWORKS[task](generator.dataset.resolution_px)
    row.file.save(f"{generator.slug}-{network}-{row.pk}.onnx", ContentFile(made))
    return generator


def seen(address):
    """The pixels of a data: address, (H, W) or (H, W, 3)."""
    kind, _, data = address.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
