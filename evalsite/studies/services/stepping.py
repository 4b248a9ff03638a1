"""Setting a flash's exposure by the answers before it: one history a block, whatever arrives when."""

from evalsite.studies.models import Block, Response, Trial
from evalsite.studies.services.laying_out import staircase_of


def step_staircase(block: Block, answered: set[str]) -> dict[str, int]:
    """Set the exposures that follow from a block's answers so far; those of images after `answered`.

    The history is read in the order of the block and ends at the first image without an answer,
    and an exposure once set stays. So answers that come twice, out of order or from two tabs
    lead to the same exposures. Catch trials are no part of it.
    """
    rule = staircase_of(block.observer.study)
    if rule is None or block.kind == Block.Kind.PRACTICE:
        return {}
    trials = block.trials.filter(is_catch=False).order_by("position").select_related("pool")
    answers = dict(Response.objects.filter(trial__block=block).values_list("trial_id", "answer"))
    history: list[tuple[float, bool]] = []
    changed: list[Trial] = []
    following: dict[str, int] = {}
    before = ""
    for trial in trials:
        if trial.exposure_ms is None:
            trial.exposure_ms = int(rule.next_ms(history))
            changed.append(trial)
        if before in answered:
            following[trial.code] = trial.exposure_ms
        if trial.pk not in answers:
            break
        history.append((trial.exposure_ms, answers[trial.pk] == trial.truth))
        before = trial.code
    Trial.objects.bulk_update(changed, ["exposure_ms"])
    return following
