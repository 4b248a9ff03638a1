"""What a worker leaves of a measurement, without the work."""

from evalsite.leaderboard import measuring
from evalsite.leaderboard.models import Measurement
from tests import factories

LITE0 = "lite0 0.1.0, bicubic to 224"


def figure(name, value, *, n_real=20, n_fake=20, half=1.0, **fields):
    """One figure as `metrics.measure` writes it to JSON; without a value it is refused."""
    has_interval = value is not None and half is not None
    return {
        "metric": name.partition("-")[0].lower(),
        "name": name,
        "value": value,
        "low": value - half if has_interval else None,
        "high": value + half if has_interval else None,
        "se": half / 2 if has_interval else None,
        "n_real": n_real,
        "n_fake": n_fake,
        "extractor": LITE0,
        "resampled": "generated images",
        "method": "delta method",
        "published": None,
        "note": "",
        "reference": None,
        **fields,
    }


def content(*figures, **fields):
    """A whole measurement as `metrics.measure` writes it to JSON."""
    return {
        "extractor": figures[0]["extractor"] if figures else LITE0,
        "n_real": 20,
        "n_fake": 20,
        "n_train": 20,
        "seed": 0,
        "figures": list(figures),
        "classes": [],
        "memorisation": None,
        "duplicates": None,
        "warnings": [],
        **fields,
    }


def measured(pool, *figures, extractor="lite0", **fields):
    """A finished measurement of the pool, its scores on the board."""
    made = Measurement.jobs.create(pool=pool, extractor=extractor, **factories.ready())
    measuring.record_measurement(made, content(*figures, **fields))
    return made


def neighbour(sample, train, held_out):
    """A sample with the real images nearest to it, each (index, distance) or None."""
    sides = {"train": train, "held_out": held_out or (None, None)}
    places = {side: index for side, (index, _) in sides.items()}
    distances = {f"{side}_distance": distance for side, (_, distance) in sides.items()}
    nearest = {"real": train[0], "split": "train", "distance": train[1], "ratio": 0.1}
    return {"fake": sample, **nearest, **places, **distances}


def memorisation(verdict="copies", closest=(), farthest=()):
    return {
        "verdict": verdict,
        "words": "Three samples are training images.",
        "c_t": figure("C_T-lite0", -4.0),
        "authenticity": figure("authenticity-lite0", 0.25, half=0.05),
        "closest": list(closest),
        "farthest": list(farthest),
    }
