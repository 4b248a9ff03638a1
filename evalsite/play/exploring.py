"""Pictures of places among the codes of a generator, of ways between them, and what is nearest to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evalsite.play.asked import Point
from generators import playing
from generators.playing import Address, Floats, Network
from pools.store import Images

Read = Callable[[Sequence[Address], int], Floats]


@dataclass(frozen=True)
class Place:
    """What a network draws from: a code (z,), and shares of classes (classes,)."""

    code: Floats
    condition: Floats


def place_of(network: Network, point: Point) -> Place:
    """Where a point is: the same arithmetic with codes and with classes."""
    codes = _terms(playing.codes, point, network.z_dim)
    classes = _terms(playing.conditions, point, network.class_count)
    return Place(playing.moved(*codes, point.strength), playing.mixed(*classes, point.strength))


def _terms(read: Read, point: Point, width: int) -> tuple[Floats, Floats, Floats]:
    return read(point.start, width), read(point.minus, width), read(point.plus, width)


def draw(network: Network, points: Sequence[Point]) -> Images:
    """A picture of each point, uint8 (N, H, W, C)."""
    places = [place_of(network, point) for point in points]
    return network(
        noise=np.stack([place.code for place in places]),
        condition=np.stack([place.condition for place in places]),
    )


def walk(network: Network, start: Point, end: Point, steps: int) -> Images:
    """Pictures of the way between two points, uint8 (steps, H, W, C)."""
    one, other = place_of(network, start), place_of(network, end)
    return network(
        noise=playing.walked(one.code, other.code, steps),
        condition=playing.blended(one.condition, other.condition, steps),
    )
