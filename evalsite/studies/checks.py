"""What is wrong with a study's rules before it is launched, in words that say what is wanted."""

from collections.abc import Iterator
from dataclasses import dataclass

from evalsite.studies.design import STAIRCASES, Rules, images_on_screen

LIMITED_MS = (1000, 5000, 10_000, 20_000)
SHORTEST_MS, LONGEST_MS, MOST_LEVELS = 20, 2000, 9  # of constant stimuli
SMALLEST_GRID, LARGEST_GRID = 4, 16
FEWEST_OF_A_KIND = 4
"""Practice images of each kind, real and fake, without which nobody can be said to qualify."""


@dataclass(frozen=True)
class Asked:
    """A study as it is asked for, as far as its rules go."""

    protocol: str
    rules: Rules
    generators: int
    trials: int
    practice: int
    blocks: int

    @property
    def practice_images_of_a_kind(self) -> int:
        """Of the kind, real or fake, of which there are fewer; what is to be named is real alone."""
        if self.protocol == "name":
            return self.practice
        return self.practice * images_on_screen(self.protocol, self.rules) // 2


def scored_answers(protocol: str, rules: Rules, trials: int) -> int:
    """Images or pairs that an observer judges after practice, without catch images."""
    return trials * rules.grid - rules.catch_trials if protocol == "select" else trials


def faults(asked: Asked) -> Iterator[str]:
    """Everything that keeps a study from being launched; nothing if it can be."""
    yield from _timing_faults(asked)
    yield from _screen_faults(asked)
    yield from _naming_faults(asked)
    yield from _observer_faults(asked)
    yield from _ending_faults(asked)


def _timing_faults(asked: Asked) -> Iterator[str]:
    rules, exposures = asked.rules, asked.rules.exposures_ms
    if len(set(exposures)) < len(exposures):
        yield f"exposures must differ from one another, got {_listed(exposures)} ms"
    if asked.protocol == "limited":
        if not exposures or not set(exposures) <= set(LIMITED_MS):
            yield f"a limited study has exposures of 1, 5, 10 or 20 s, got {_listed(exposures)} ms"
    elif asked.protocol == "flash" and rules.staircase not in STAIRCASES:
        yield f"a flash study’s rule is one of {', '.join(STAIRCASES)}, got {rules.staircase}"
    elif asked.protocol == "flash" and rules.staircase == "constant":
        if not 2 <= len(exposures) <= MOST_LEVELS or not _within(exposures):
            yield (
                f"constant stimuli need 2 to {MOST_LEVELS} levels from {SHORTEST_MS} to "
                f"{LONGEST_MS} ms, got {_listed(exposures)}"
            )
    elif exposures:
        yield f"only limited studies and constant stimuli have exposures, got {_listed(exposures)} ms"


def _within(exposures: tuple[int, ...]) -> bool:
    return all(SHORTEST_MS <= ms <= LONGEST_MS for ms in exposures)


def _listed(exposures: tuple[int, ...]) -> str:
    return ", ".join(map(str, exposures)) or "none"


def _screen_faults(asked: Asked) -> Iterator[str]:
    rules, is_pair = asked.rules, asked.protocol == "pair"
    if asked.trials * images_on_screen(asked.protocol, rules) < 2:
        yield f"a study shows at least 2 images, one of them real, got {asked.trials}"
    if is_pair and rules.against not in ("real", "generators"):
        yield f"a pair is set against real or generators, got {rules.against}"
    if is_pair and rules.against == "generators" and asked.generators < 2:
        yield f"pairs of generators need at least 2 generators, got {asked.generators}"
    if rules.allow_ties and not is_pair:
        yield "only of a pair can people say that they cannot tell"
    if asked.protocol == "select" and not SMALLEST_GRID <= rules.grid <= LARGEST_GRID:
        yield f"a grid has {SMALLEST_GRID} to {LARGEST_GRID} images, got {rules.grid}"
    if not 1 <= asked.blocks <= asked.trials:
        yield f"{asked.trials} trials can be split into 1 to {asked.trials} blocks, got {asked.blocks}"


def _naming_faults(asked: Asked) -> Iterator[str]:
    rules = asked.rules
    if asked.protocol != "name":
        if rules.images is not None:
            yield "only where images are named can fewer than all of a pool be shown"
        return
    if rules.images is not None and rules.images < 2:
        yield f"at least 2 images of each pool are shown, got {rules.images}"
    if rules.observers_per_image < 1:
        yield f"an image needs at least 1 observer, got {rules.observers_per_image}"
    in_block = asked.trials // max(asked.blocks, 1)
    if in_block <= asked.generators:
        yield (
            f"a block has an image of each pool and a real one: {asked.generators + 1} or more "
            f"trials, got {in_block}"
        )


def _observer_faults(asked: Asked) -> Iterator[str]:
    rules = asked.rules
    if rules.qualify_at is not None:
        if not 0 < rules.qualify_at <= 1:
            yield f"the share to qualify lies above 0 and up to 1, got {rules.qualify_at}"
        if asked.practice_images_of_a_kind < FEWEST_OF_A_KIND:
            yield (
                f"to qualify, people need at least {FEWEST_OF_A_KIND} practice images of each kind, "
                f"got {asked.practice_images_of_a_kind}"
            )
    if not 0 <= rules.catch_trials <= asked.trials:
        yield f"there can be 0 to {asked.trials} catch trials, got {rules.catch_trials}"
    if rules.criteria.catch_right is not None and not rules.catch_trials:
        yield "to leave people out by catch trials, there must be some"
    fewest = rules.criteria.fewest_trials
    if fewest is not None and fewest > asked.trials:
        yield f"nobody gives {fewest} answers: everybody gives at most {asked.trials}"


def _ending_faults(asked: Asked) -> Iterator[str]:
    stopping, payment = asked.rules.stopping, asked.rules.payment
    if stopping.most_observers is not None and stopping.most_observers < 1:
        yield f"a study needs at least 1 observer, got {stopping.most_observers}"
    if stopping.goal_points is not None and not 0 < stopping.goal_points <= 50:
        yield f"the goal is an interval of ± 0 to 50 points, got {stopping.goal_points}"
    if min(payment.base, payment.bonus) < 0:
        yield f"payments must not be below 0, got {payment.base} and {payment.bonus}"
    if payment.bonus and asked.protocol == "pair" and asked.rules.against == "generators":
        yield "no answer to a pair of generators is right, so there can be no bonus for it"
    answers = scored_answers(asked.protocol, asked.rules, asked.trials)
    dearest = payment.base + payment.bonus * answers
    if payment.budget is not None and payment.budget < max(dearest, 0.01):
        yield (
            f"one observer may cost {dearest:.2f} {payment.currency}, "
            f"and the budget is {payment.budget:.2f}"
        )
