"""The demo's networks: DCGAN's with as few stages as will do, the smallest that learn to draw in a minute."""

from generators.networks.dcgan import DcganDiscriminator, DcganGenerator


def halvings(resolution_px: int) -> int:
    """How often an image is halved: 28 -> 7, 32 -> 8, 64 -> 8 pixels.

    >>> [halvings(resolution_px) for resolution_px in (28, 32, 64)]
    [2, 2, 3]
    """
    return 2 if resolution_px <= 32 else 3


class DemoGenerator(DcganGenerator):
    """Starts from a map of a quarter or an eighth of the image."""

    halvings = staticmethod(halvings)


class DemoDiscriminator(DcganDiscriminator):
    """Ends at a map of a quarter or an eighth of the image."""

    halvings = staticmethod(halvings)
