"""Attacks by name, and what is asked of one; no torch, so that a form can know them."""

from dataclasses import asdict, dataclass
from difflib import get_close_matches
from math import isfinite
from typing import Any, Literal, Self

from generators.adversarial.errors import AttackError
from generators.class_names import listed, number_of

Need = Literal["gradient", "scores", "answers"]
"""What an attack must get from the classifier: ∇ₓ, the scores of all classes, or the class alone."""
Kind = Literal["forged", "flipped", "clean"]


@dataclass(frozen=True)
class Attack:
    """An attack that can be asked for, and what can be said about it.

    `norms` are those it can be measured in, its own first, none where there is no ball; `bounded`
    says whether an ε applies. `starts_from` is "images" where pictures are changed, which then have
    a flipped control, and "noise" or "codes" where they are made. `steps` is the usual number, of
    the queries for an attack that counts those. `weighted`: whether closeness to the image counts.
    """

    name: str
    label: str
    needs: Need
    norms: tuple[str, ...]
    bounded: bool
    steps: int
    starts_from: Literal["images", "noise", "codes"] = "images"
    targeted_only: bool = False
    weighted: bool = False


NORMS = ("linf", "l2")
ATTACKS = {
    attack.name: attack
    for attack in (
        Attack("fgsm", "Fast gradient sign (FGSM)", "gradient", NORMS, True, 1),
        Attack("iterative-fgsm", "Iterative FGSM", "gradient", NORMS, True, 10),
        Attack("pgd", "Projected gradient descent (PGD)", "gradient", NORMS, True, 20),
        Attack("carlini-wagner", "Carlini and Wagner, smallest l2", "gradient", ("l2",), False, 60),
        Attack(
            "finite-differences", "Numerical gradient, every pixel", "scores", NORMS, True, 10
        ),
        Attack("nes", "Numerical gradient, random directions (NES)", "scores", NORMS, True, 20),
        Attack("square", "Random squares (Square)", "scores", ("linf",), True, 1_000),
        Attack("substitute", "Transfer from a substitute", "answers", NORMS, True, 20),
        Attack(
            "forge-from-noise", "Forged from noise", "gradient", (), False, 200,
            starts_from="noise", targeted_only=True,
        ),
        Attack(
            "forge-from-image", "Forged from an image", "gradient", (), False, 200,
            targeted_only=True, weighted=True,
        ),
        Attack(
            "latent", "Search in a generator's codes", "gradient", (), False, 100,
            starts_from="codes",
        ),
    )
}  # fmt: skip
"""By name, in the order of the lectures."""

CLOSENESS = 0.05
"""λ of ‖x − x₀‖² where images are kept close to where they started."""
LARGEST_EPSILON = {"linf": 1.0}
"""Where the image does not decide: in l2 the most is √(C·H·W)."""
MOST_STEPS = 100_000
MOST_RUNGS = 20


@dataclass(frozen=True)
class Rung:
    """One set of images of a plan: `forged` within ε, their `flipped` control, or left `clean`.

    `epsilon` is None where the attack has none, and 0 for clean images.
    """

    kind: Kind
    epsilon: float | None

    @property
    def name(self) -> str:
        """What files and rows are called.

        >>> Rung("forged", 0.05).name, Rung("forged", None).name, Rung("clean", 0.0).name
        ('forged-0.05', 'forged', 'clean')
        """
        return f"{self.kind}-{self.epsilon:g}" if self.epsilon else self.kind


@dataclass(frozen=True)
class Plan:
    """What is asked for: one attack at every ε, on so many images.

    `norm` None is the attack's own, `steps` None the usual number; `target` is the number of the
    class that images are to be taken for, None where any wrong one will do. Raises AttackError.

    >>> [rung.name for rung in Plan("pgd", epsilons=(0.02, 0.1), flipped=True, clean=True).rungs()]
    ['forged-0.02', 'forged-0.1', 'flipped-0.02', 'flipped-0.1', 'clean']
    """

    attack: str
    norm: str | None = None
    epsilons: tuple[float, ...] = ()
    steps: int | None = None
    target: int | None = None
    images: int = 100
    seed: int = 0
    flipped: bool = False
    clean: bool = False
    closeness: float | None = None

    def __post_init__(self) -> None:
        """Fills in what is usual, and refuses what makes no sense."""
        about = attack_called(self.attack)
        _require_norm(about, self.norm)
        _require_epsilons(about, self.epsilons, self.norm or next(iter(about.norms), None))
        _require_target(about, self.target)
        _require("images", self.images, 1, None)
        _require("seed", self.seed, 0, None)
        _require("steps", about.steps if self.steps is None else self.steps, 1, MOST_STEPS)
        _require_closeness(about, self.closeness)
        if self.flipped and about.starts_from != "images":
            raise AttackError(f"{about.name} changes no image, so there is no perturbation to flip")
        self._fill_in(about)

    def _fill_in(self, about: Attack) -> None:
        usual = {
            "norm": next(iter(about.norms), None),
            "steps": about.steps,
            "closeness": CLOSENESS if about.weighted else None,
        }
        for name, value in usual.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    @property
    def about(self) -> Attack:
        """The attack."""
        return ATTACKS[self.attack]

    def rungs(self) -> tuple[Rung, ...]:
        """The sets of images that are asked for."""
        sizes = self.epsilons or (None,)
        forged = [Rung("forged", epsilon) for epsilon in sizes]
        flipped = [Rung("flipped", epsilon) for epsilon in sizes if self.flipped]
        return (*forged, *flipped, *([Rung("clean", 0.0)] if self.clean else []))

    def as_dict(self) -> dict[str, Any]:
        """As JSON can keep it; `from_dict` reads it."""
        return asdict(self) | {"epsilons": list(self.epsilons)}

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Self:
        """The plan that `as_dict` described; AttackError if it is none."""
        try:
            return cls(**found | {"epsilons": tuple(found["epsilons"])})
        except (TypeError, KeyError) as error:
            raise AttackError(f"{found} is no plan of an attack: {error}") from error


def attack_called(name: str) -> Attack:
    """The attack of this name; AttackError if there is none."""
    if name not in ATTACKS:
        raise AttackError(f"attack must be one of {', '.join(ATTACKS)}, got {name!r}")
    return ATTACKS[name]


def class_number(target: str | int, class_names: tuple[str, ...]) -> int:
    """The number of the class that a person named or numbered; AttackError if there is none.

    A name goes before a number, which in some sets is a name.

    >>> class_number("cat", ("dog", "cat")), class_number("0", ("dog", "cat"))
    (1, 0)
    """
    found = number_of(str(target), class_names)
    if found is not None:
        return found
    raise AttackError(
        f"target must be one of the classifier's {len(class_names)} classes ({listed(class_names)}) or "
        f"its number, 0 to {len(class_names) - 1}, got {target!r}{_alike(str(target).strip(), class_names)}"
    )


def _alike(text: str, class_names: tuple[str, ...]) -> str:
    """Whether one of the names was meant.

    >>> _alike("iguana", ("tench", "green iguana"))
    ': did you mean green iguana?'
    """
    word = text.casefold()
    holding = [name for name in class_names if len(word) > 2 and word in name.casefold()]
    meant = holding[:3] or get_close_matches(text, class_names)
    return f": did you mean {' or '.join(meant)}?" if meant else ""


def _require(name: str, value: int, low: int, high: int | None) -> None:
    if value < low or (high is not None and value > high):
        most = "" if high is None else f" and at most {high:,}"
        raise AttackError(f"{name} must be at least {low}{most}, got {value:,}")


def _require_norm(about: Attack, norm: str | None) -> None:
    if norm is None or norm in about.norms:
        return
    wanted = f"one of {', '.join(about.norms)}" if about.norms else "left out"
    raise AttackError(f"norm of {about.name} must be {wanted}, got {norm!r}")


def _require_epsilons(about: Attack, epsilons: tuple[float, ...], norm: str | None) -> None:
    if not about.bounded:
        if epsilons:
            raise AttackError(f"{about.name} has no ε, got {', '.join(map(str, epsilons))}")
        return
    if not 1 <= len(epsilons) <= MOST_RUNGS or len(set(epsilons)) < len(epsilons):
        raise AttackError(
            f"{about.name} needs 1 to {MOST_RUNGS} different ε, got {list(epsilons) or 'none'}"
        )
    most = LARGEST_EPSILON.get(norm or "", float("inf"))
    for epsilon in epsilons:
        if not (isfinite(epsilon) and 0 < epsilon <= most):
            limit = f"above 0 and at most {most:g}" if isfinite(most) else "above 0"
            name = "l∞" if norm == "linf" else norm
            raise AttackError(f"ε must be {limit} ({name} on pixels in [0, 1]), got {epsilon:g}")


def _require_target(about: Attack, target: int | None) -> None:
    if target is None and about.targeted_only:
        raise AttackError(f"{about.name} needs a target: the class that images are to be taken for")
    if target is not None:
        _require("target", target, 0, None)


def _require_closeness(about: Attack, closeness: float | None) -> None:
    if closeness is None:
        return
    if not about.weighted:
        raise AttackError(f"{about.name} has no closeness λ, got {closeness:g}")
    if not (isfinite(closeness) and closeness >= 0):
        raise AttackError(f"closeness λ must be at least 0, got {closeness:g}")
