"""How well forged images are told from clean ones by a network that learns to."""

from typing import Any

from pools.store import Images

FEWEST, STEPS = 40, 60
"""Images for which it is tried, and steps of its training."""


def detected(clean: Images, forged: Images, *, seed: int = 0) -> dict[str, Any]:
    """The area under the curve of a small detector, with its interval and n; empty if it cannot be had.

    Both are uint8 (n, H, H, C), an image of one made of that of the other. It learns from the first
    half and is judged on the second.
    """
    import torch

    from classifiers.errors import ClassifierError
    from classifiers.network import Form, Network
    from classifiers.training import as_input
    from generators.adversarial.defences.detector import suspicion, train_detector
    from generators.adversarial.defences.recipes import Scores
    from metrics.membership import attacked

    count, side_px, _, channels = clean.shape
    if count < FEWEST:
        return {}
    try:
        form = Form(side_px, channels, 2)
    except ClassifierError:
        return {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        untaught = Scores(Network(form))
    half = count // 2
    given = (as_input(clean[:half]), as_input(forged[:half]))
    network = train_detector(untaught, *given, steps=STEPS, seed=seed)
    alarms, quiet = (
        suspicion(network, as_input(each[half : 2 * half])).numpy() for each in (forged, clean)
    )
    found = attacked(alarms, quiet)
    return {"value": found.auc, "low": found.low, "high": found.high, "n": 2 * found.n}
