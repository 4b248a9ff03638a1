"""Random search with squares of one colour: a black-box attack that needs scores alone."""

import torch
from torch import Tensor

from generators.adversarial.goal import Attempt, Classifier, Goal, check, finish
from generators.adversarial.norms import Ball, norm_called

FIRST_SHARE = 0.3
HALVED_AT = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
"""The shares of the queries after which the squares' area halves (Andriushchenko et al. 2020, section 4.1)."""


def square(
    classifier: Classifier,
    images: Tensor,
    goal: Goal,
    *,
    epsilon: float,
    queries: int,
    random: torch.Generator,
) -> Attempt:
    """The l∞ Square attack, Andriushchenko et al. 2020, algorithm 1.

    It starts from vertical stripes of ±ε and keeps each square whose margin is better; images that
    fool ask no more. `queries` is the most for each image.
    """
    check(images, goal, classifier)
    ball = Ball(images, epsilon, norm_called("linf"))
    found = ball.nearest(images + epsilon * _signs(images[:, :, :1], random).expand_as(images))
    with torch.no_grad():
        margins = goal.margin(classifier(found))
    asked = torch.ones(len(images), dtype=torch.int64, device=images.device)
    for turn in range(1, queries - 1):
        open_rows = torch.nonzero(margins >= 0)[:, 0]
        if not len(open_rows):
            break
        side = _side(images.shape[-1], turn / queries)
        tried = ball.nearest(_with_squares(found, images, open_rows, side, epsilon, random))
        with torch.no_grad():
            new = goal.of(open_rows).margin(classifier(tried[open_rows])).to(margins.dtype)
        asked[open_rows] += 1
        better = open_rows[new < margins[open_rows]]
        found[better] = tried[better]
        margins[better] = new[new < margins[open_rows]]
    return finish(classifier, found, goal, asked)


def _signs(like: Tensor, random: torch.Generator) -> Tensor:
    drawn = torch.randint(0, 2, like.shape, generator=random)
    return (2 * drawn - 1).to(like)


def _side(pixels: int, share: float) -> int:
    """The squares' side after a share of the queries, at least 1."""
    halvings = sum(share >= limit for limit in HALVED_AT)
    side = pixels * (FIRST_SHARE / 2**halvings) ** 0.5
    return int(min(max(round(side), 1), pixels))


def _with_squares(
    found: Tensor,
    images: Tensor,
    rows: Tensor,
    side: int,
    epsilon: float,
    random: torch.Generator,
) -> Tensor:
    """Each of the rows with one square anywhere, every channel of it at +ε or −ε."""
    tried = found.clone()
    span = images.shape[-1] - side + 1
    corners = torch.randint(0, span, (len(rows), 2), generator=random).tolist()
    signs = _signs(images[rows, :, :1, :1], random)
    for row, (top, left), sign in zip(rows.tolist(), corners, signs, strict=True):
        place = (row, slice(None), slice(top, top + side), slice(left, left + side))
        tried[place] = images[place] + epsilon * sign
    return tried
