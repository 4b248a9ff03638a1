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


def _share(value, n=100):
    return {
        "value": value,
        "low": value - 0.05,
        "high": value + 0.05,
        "count": int(value * n),
        "n": n,
    }


def _accuracy(value):
    return {
        "share": _share(value),
        "classes": {"0": _share(value + 0.04), "1": _share(value - 0.04)},
    }


def attack(auc):
    """A membership inference with this AUC."""
    return {
        "auc": auc,
        "low": auc - 0.02,
        "high": auc + 0.02,
        "found": _share(0.06),
        "found_by_chance": 0.03,
        "advantage": 0.08,
        "advantage_by_chance": 0.05,
        "curve": [at / 100 for at in range(101)],
        "n": 1000,
    }


def sharing_report(**fields):
    """A report as `metrics.sharing` writes it to JSON, as far as the page reads it."""
    useful = {"tstr": _accuracy(0.7), "trts": _accuracy(0.6), "ceiling": _accuracy(0.8)}
    return {
        "level": "no",
        "title": "Do not share these images",
        "advice": "Keep them.",
        "reasons": ["Three samples are copies."],
        "limits": ["This is no guarantee."],
        "usefulness": {**useful, "n": 500, "steps": 10, "seed": 0, "chance": 0.5},
        "not_useful": "",
        "attacks": {"features": attack(0.5), "pixels": attack(0.9)},
        "not_attacked": "",
        "attacked_classes": None,
        **fields,
    }
