"""How many observers a study needs: `python -m scoring plan --width 5` or `--tell 0.25 0.30`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from scoring.plan import Assumptions, Cost, Plan, plan_difference, plan_width
from terminal.ending import ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, or 2 if it asks for what cannot be."""
    options = _parser().parse_args(arguments)
    return ended("scoring plan", lambda: _show(options), foreseen=(ValueError,))


def _show(options: argparse.Namespace) -> int:
    plan = _plan(options)
    print(json.dumps(plan.as_dict(), indent=2) if options.json else as_text(plan))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scoring plan", description=__doc__)
    goal = parser.add_mutually_exclusive_group(required=True)
    goal.add_argument(
        "--width", type=float, metavar="POINTS", help="intervals of ± so many percentage points"
    )
    goal.add_argument(
        "--tell",
        type=float,
        nargs=2,
        metavar=("FIRST", "SECOND"),
        help="tell generators of these error rates (0 to 1) apart",
    )
    numbers = (
        ("--error-rate", float, 0.3, "the error rate expected, for --width"),
        ("--power", float, 0.8, "the share of studies that tell them apart, for --tell"),
        ("--trials", int, 100, "answers of an observer, half of them to real images"),
        ("--generators", int, 2, "generators whose images every observer judges"),
        ("--images", int, None, "different images of each kind (so many that few are seen twice)"),
        ("--sd", float, 0.08, "spread of observers' own error rates"),
        ("--image-sd", float, 0.1, "spread of images' own error rates"),
        ("--seconds-per-trial", float, 3.0, "time an answer takes"),
        ("--base", float, 0.0, "pay for finishing"),
        ("--bonus", float, 0.0, "pay for each right answer"),
        ("--confidence", float, 0.95, "of the intervals, or of the test"),
        ("--seed", int, 0, "of the simulated observers"),
    )
    for name, kind, default, told in numbers:
        shown = "" if default is None else f" ({default:g})"
        parser.add_argument(name, type=kind, default=default, metavar="N", help=told + shown)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    if options.seed < 0:
        raise ValueError(f"seed must not be negative, got {options.seed}")
    assumptions = Assumptions(
        trials=options.trials,
        generators=options.generators,
        between_sd=options.sd,
        images=options.images,
        image_sd=options.image_sd,
    )
    cost = Cost(options.seconds_per_trial, options.base, options.bonus)
    if options.tell:
        return plan_difference(
            *options.tell,
            power=options.power,
            assumptions=assumptions,
            cost=cost,
            confidence=options.confidence,
            seed=options.seed,
        )
    return plan_width(
        options.width,
        options.error_rate,
        assumptions=assumptions,
        cost=cost,
        confidence=options.confidence,
        seed=options.seed,
    )


def as_text(plan: Plan) -> str:
    """The plan in a few lines, with what fewer observers would give."""
    if plan.observers is None:
        first = f"No number of observers: {plan.reason}."
    else:
        first = (
            f"{plan.observers} observers of {plan.minutes:.3g} minutes: "
            f"{plan.hours:.3g} hours and {plan.pay:.2f} of pay in all."
        )
    steps = [f"{step.observers:9}  {step.reached:.3g}" for step in plan.steps]
    return "\n".join([f"Goal: {plan.goal}.", first, "", f"observers  {plan.measure}", *steps])
