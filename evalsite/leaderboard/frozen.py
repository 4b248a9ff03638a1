"""A study's frozen design in words, and as the text that was hashed."""

import json
from collections.abc import Iterator
from typing import Any

from evalsite.leaderboard.left_out import criteria_words
from evalsite.leaderboard.methods import counted, listed
from evalsite.studies.models import Protocol, Study


def design_json(study: Study) -> str:
    """Exactly what the hash is of."""
    return json.dumps(study.design, sort_keys=True)


def design_facts(study: Study) -> list[tuple[str, str]]:
    """Names and words of all that may sway answers, and of what is done with them."""
    if not study.design:
        return []
    return list(_imported_facts(study.design) if study.imported_from else _facts(study))


def _imported_facts(design: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "File", design["imported_from"]
    yield "SHA-256 of the file", design["sha256"]
    yield "Real images", design["real"]["name"]
    yield "Generated", "; ".join(generator["name"] for generator in design["generators"])
    if unread := design.get("columns_not_read"):
        yield "Columns not read", ", ".join(unread)
    yield "Trials", f"{design['trials']:,}"
    people = design["observers"]
    yield (
        "Observers",
        f"{people:,} {'person' if people == 1 else 'people'}, "
        f"{design['simulated_observers']:,} simulated",
    )
    yield "Share of real images", design["share_of_real_images"]
    yield "Not counted", design["excluded"]


def _facts(study: Study) -> Iterator[tuple[str, str]]:
    design, rules, protocol = study.design, study.rules, Protocol(study.protocol)
    yield "Real images", design["real"]["name"]
    yield "Generated", "; ".join(pool["name"] for pool in design["generators"])
    what = {Protocol.PAIR: "pairs", Protocol.SELECT: f"grids of {rules.grid} images"}
    yield (
        "Trials",
        f"{study.trials_per_observer:,} {what.get(protocol, 'images')} in"
        f" {counted(study.blocks_per_observer, 'block')}, after"
        f" {counted(study.practice_trials, 'practice trial')}",
    )
    yield "Share of real images", design["share_of_real_images"]
    yield from _protocol_facts(study, design)
    yield "Shown at", f"{study.display_multiple} screen pixels per image pixel, no smoothing"
    if rules.qualify_at is not None:
        each = ", of real and fake each" if study.task == "real" else ""
        yield "To qualify", f"{100 * rules.qualify_at:.0f} % right in practice{each}"
    if rules.catch_trials:
        yield "Catch trials", f"{rules.catch_trials} images of shuffled pixels an observer"
    criteria = criteria_words(rules.criteria)
    yield "Left out are", f"observers with {listed(criteria, 'or')}" if criteria else "no observers"
    yield "Not counted", design["excluded"]
    yield from _ending_facts(study)
    yield "Seed", str(study.seed)


def _protocol_facts(study: Study, design: dict[str, Any]) -> Iterator[tuple[str, str]]:
    rules = study.rules
    if study.protocol == Protocol.LIMITED:
        yield "Exposures", f"{study.condition}, one drawn for each trial"
    if rule := design.get("staircase"):
        yield (
            "Staircase",
            f"start {rule['start_ms']:g} ms, −{rule['step_down_ms']:g} after"
            f" {rule['right_in_a_row']} right, +{rule['step_up_ms']:g} after a wrong answer,"
            f" {rule['floor_ms']:g} to {rule['ceiling_ms']:g} ms; converges where"
            f" {100 * rule['convergence']:.1f} % are right",
        )
    elif study.is_flash:
        yield (
            "Exposures",
            f"constant stimuli of {listed([str(ms) for ms in rules.exposures_ms])} ms",
        )
    if masks := design.get("masks"):
        yield "Masks", f"{masks['count']} of {masks['each_ms']} ms, {masks['of']}"
    if study.task == "name":
        yield "Names", f"{listed(study.class_names)}, or none of them"
        shown = "all" if rules.images is None else f"{rules.images:,}"
        yield "Images of each pool", f"{shown}, each named by {rules.observers_per_image} people"
    if study.protocol == Protocol.PAIR:
        yield "Ties", "“I cannot tell” is an answer" if rules.allow_ties else "one must be chosen"


def _ending_facts(study: Study) -> Iterator[tuple[str, str]]:
    stopping, payment = study.rules.stopping, study.rules.payment
    ends = []
    if stopping.most_observers is not None:
        ends.append(f"the number of people who finished is {stopping.most_observers:,}")
    if stopping.goal_points is not None:
        ends.append(f"every anytime-valid interval is within ± {stopping.goal_points:g} points")
    if payment.budget is not None:
        ends.append(f"{payment.budget:.2f} {payment.currency} might not pay one more")
    yield "Closes when", listed(ends, "or") if ends else "its owner closes it"
    if payment.base or payment.bonus:
        yield (
            "Payment",
            f"{payment.base:.2f} {payment.currency} for finishing, {payment.bonus:g} for each right"
            " answer",
        )
