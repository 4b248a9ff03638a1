"""Images while they are optimised to be seen as a class, as an animation."""

import numpy as np

from generators.adversarial.campaign import Campaign
from generators.adversarial.forged import as_levels
from generators.animation import animate
from generators.data import Images

SHOWN, ACROSS = 16, 4


def film(campaign: Campaign) -> bytes:
    """An endless WebP of at most 16 images, 4 in a row; AttackError unless the attack forges a class."""
    return animate([sheet(as_levels(moment.images)) for moment in campaign.moments(SHOWN)])


def sheet(images: Images) -> Images:
    """Images uint8 (n, H, W, C) in rows of 4, black where there is none.

    >>> sheet(np.ones((6, 2, 3, 1), np.uint8)).shape
    (4, 12, 1)
    """
    blank = np.zeros((-len(images) % ACROSS, *images.shape[1:]), np.uint8)
    rows = np.concatenate([images, blank]).reshape(-1, ACROSS, *images.shape[1:])
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
