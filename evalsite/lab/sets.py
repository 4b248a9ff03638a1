"""The lecture's three sets as a picture whose areas are the measured shares."""

from dataclasses import dataclass

from evalsite.lab.curve import Share, share_of
from scoring.naming import Regions

WIDTH, HEIGHT = 360, 240


@dataclass(frozen=True)
class Drawn:
    """All images as a rectangle; the network's wrong ones are its left part, those that people know the lower.

    Attributes:
        target: the width of the left part.
        target_real, other_real: how high the lower part is, left and right.
    """

    regions: Regions
    target: float
    target_real: float
    other_real: float

    @property
    def outline(self) -> str:
        """The lower part as a polygon."""
        left, right = HEIGHT - self.target_real, HEIGHT - self.other_real
        corners = [
            (0, HEIGHT), (0, left), (self.target, left), (self.target, right), (WIDTH, right),
            (WIDTH, HEIGHT),
        ]  # fmt: skip
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)

    @property
    def is_target(self) -> Share:
        return self._share(self.regions.both + self.regions.target_only)

    @property
    def looks_real(self) -> Share:
        return self._share(self.regions.both + self.regions.real_only)

    @property
    def both(self) -> Share:
        return self._share(self.regions.both)

    def _share(self, count: int) -> Share:
        return share_of([True] * count + [False] * (self.regions.n - count))

    @property
    def finding(self) -> str:
        return (
            f"The network is fooled by {self.is_target.words}, people see what {self.looks_real.words} "
            f"are; both hold of {self.both.words}."
        )


def drawn(regions: Regions) -> Drawn | None:
    """Each of the four regions as large as its share; None without images.

    >>> drawn(Regions(n=8, both=2, target_only=2, real_only=3, neither=1)).outline
    '0.0,240.0 0.0,120.0 180.0,120.0 180.0,60.0 360.0,60.0 360.0,240.0'
    """
    if not regions.n:
        return None
    in_target = regions.both + regions.target_only
    others = regions.n - in_target
    return Drawn(
        regions,
        target=WIDTH * in_target / regions.n,
        target_real=HEIGHT * regions.both / in_target if in_target else 0.0,
        other_real=HEIGHT * regions.real_only / others if others else 0.0,
    )
