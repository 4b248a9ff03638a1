"""What happens in a study: launch, take part, answer, finish."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from evalsite.accounts.models import User
from evalsite.catalog.models import Dataset, Pool
from evalsite.celery import enqueue
from evalsite.studies import planning
from evalsite.studies.models import Block, Observer, Protocol, Response, Study, Trial
from scoring.simulate import Answer, SimulatedObserver, image_effect, simulate_response
from scoring.staircase import WEIGHTED_UP_DOWN as STAIRCASE

MOST_BLOCKS, FULL_BLOCK = 3, 150  # as HYPE has them; a shorter study has fewer, not shorter ones
SMALLEST_SIDE_PX = 280  # an image is enlarged by the whole number that comes nearest below this
MASKS, MASK_MS, COUNTDOWN_MS = 4, 30, 500


class Refused(ValueError):
    """What was asked cannot be done; the message says why, and what can."""


@transaction.atomic
def launch_study(
    *,
    owner: User | None,
    name: str,
    dataset: Dataset,
    pools: Sequence[Pool],
    protocol: str,
    trials: int,
    consent_text: str,
    practice_trials: int = 4,
    seed: int = 0,
) -> Study:
    """Create a study; it opens now, or as soon as its last pool is ready."""
    if not pools:
        raise Refused("a study compares the images of at least 1 generator, got none")
    strangers = [str(pool) for pool in pools if pool.is_real or pool.imitates != dataset]
    if strangers:
        raise Refused(f"these pools do not imitate {dataset}: {', '.join(strangers)}")
    study = Study(
        name=name,
        owner=owner,
        dataset=dataset,
        real_pool=dataset.held_out_pool,
        protocol=protocol,
        trials_per_observer=trials,
        practice_trials=practice_trials,
        blocks_per_observer=_blocks(trials) if protocol == Protocol.FLASH else 1,
        consent_text=consent_text,
        seed=seed,
        display_multiple=max(1, SMALLEST_SIDE_PX // dataset.resolution_px),
    )
    for turn in range(len(pools)):  # then the turns repeat, so nobody will be short of images
        _plan(study, pools, turn=turn)
    study.save()
    study.pools.set(pools)
    open_if_ready(study)
    return study


def _blocks(trials: int) -> int:
    """A staircase needs a long block to settle, so a short study has one."""
    return min(max(trials // FULL_BLOCK, 1), MOST_BLOCKS)


def open_if_ready(study: Study) -> bool:
    """Open a waiting study whose pools are all ready, and freeze its design."""
    pools = list(study.pools.order_by("pk"))
    if any(not pool.is_ready for pool in pools):
        return False
    design = describe_design(study, pools)
    opened = Study.objects.waiting().filter(pk=study.pk)
    won = opened.update(
        state=Study.State.OPEN,
        opened_at=timezone.now(),
        design=design,
        design_hash=hash_design(design),
    )
    study.refresh_from_db()
    return bool(won)


def open_studies_of(pool: Pool) -> None:
    """Open every study that waited for this pool only."""
    for study in Study.objects.waiting().filter(pools=pool):
        open_if_ready(study)


def describe_design(study: Study, pools: Iterable[Pool]) -> dict[str, Any]:
    design: dict[str, Any] = {
        "protocol": study.protocol,
        "dataset": study.dataset.slug,
        "real": study.real_pool.describe(),
        "generators": [pool.describe() for pool in pools],
        "trials_per_observer": study.trials_per_observer,
        "practice_trials": study.practice_trials,
        "blocks_per_observer": study.blocks_per_observer,
        "share_of_real_images": 0.5,
        "display_multiple": study.display_multiple,
        "seed": study.seed,
        "consent_text": study.consent_text,
        "excluded": "practice trials, and the answers of the study's own researcher",
    }
    if study.is_flash:
        design["staircase"] = {**asdict(STAIRCASE), "convergence": STAIRCASE.convergence}
        design["masks"] = {"count": MASKS, "each_ms": MASK_MS}
    return design


def hash_design(design: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(design, sort_keys=True).encode()).hexdigest()


def close_study(study: Study) -> None:
    Study.objects.open().filter(pk=study.pk).update(state=Study.State.CLOSED)


def _block_sizes(study: Study) -> list[int]:
    main = planning.shares(study.trials_per_observer, study.blocks_per_observer, turn=0)
    return [study.practice_trials, *main]


def _plan(study: Study, pools: Sequence[Pool], *, turn: int) -> list[list[planning.Image]]:
    """In a flash study each observer's staircases follow one generator, in turn."""
    fakes = [planning.PoolSize(pool.pk, pool.count) for pool in pools]
    real = planning.PoolSize(study.real_pool.pk, study.real_pool.count)
    blocks, mixed = _block_sizes(study), not study.is_flash
    try:
        return planning.plan(real, fakes, blocks=blocks, turn=turn, seed=study.seed, mixed=mixed)
    except planning.TooFewImages as error:
        raise Refused(f"{error}: ask for fewer trials or sample larger pools") from error


@transaction.atomic
def take_part(study: Study, *, counts: bool = True, simulated: bool = False) -> Observer:
    """Let one more observer in, with every trial of theirs planned."""
    if not study.is_open:
        raise Refused("this study is not open")
    observer = Observer.objects.create(
        study=study, ordinal=_next_ordinal(study), counts=counts, simulated=simulated
    )
    pools = list(study.pools.order_by("pk"))
    trials: list[Trial] = []
    for position, images in enumerate(_plan(study, pools, turn=observer.ordinal)):
        if images:
            kind = Block.Kind.MAIN if position else Block.Kind.PRACTICE
            block = Block.objects.create(observer=observer, position=position, kind=kind)
            trials += _trials(block, images, is_flash=study.is_flash)
    Trial.objects.bulk_create(trials)
    return observer


def _next_ordinal(study: Study) -> int:
    """Count one more observer in: unique even when many arrive at once."""
    Study.objects.filter(pk=study.pk).update(observers_invited=F("observers_invited") + 1)
    return Study.objects.values_list("observers_invited", flat=True).get(pk=study.pk) - 1


def _trials(block: Block, images: list[planning.Image], *, is_flash: bool) -> list[Trial]:
    def exposure_ms(position: int) -> int | None:
        fixed = block.kind == Block.Kind.PRACTICE or position == 0
        return int(STAIRCASE.start_ms) if is_flash and fixed else None

    return [
        Trial(
            observer=block.observer,
            block=block,
            position=position,
            screen=position,
            pool_id=image.pool,
            image_index=image.index,
            exposure_ms=exposure_ms(position),
        )
        for position, image in enumerate(images)
    ]


def current_block(observer: Observer) -> Block | None:
    """The first block with a question left, or None at the end."""
    trial = observer.trials.unanswered().in_order().select_related("block").first()
    return trial.block if trial else None


@dataclass(frozen=True)
class Recorded:
    """What the server has kept of a batch of answers, and what the observer may now know."""

    saved: list[str]
    unknown: list[str]
    feedback: dict[str, bool]
    next_exposure_ms: dict[str, int]
    finished: bool


def record_responses(observer: Observer, answers: Sequence[Mapping[str, Any]]) -> Recorded:
    """Keep answers, each a mapping with `trial` (its code) and the fields of Response.

    Sending an answer again is harmless: the first one stands.
    """
    given = {answer["trial"]: answer for answer in reversed(answers)}
    trials = observer.trials.filter(code__in=given).select_related("pool", "block")
    known = {trial.code: trial for trial in trials}
    for trial in known.values():
        trial.block.observer = observer  # known already: not to be asked for again
    now = timezone.now()
    responses = [_response(trial, given[code], now) for code, trial in known.items()]
    with transaction.atomic():  # from here on the others wait, so all else is done before or after
        Response.objects.bulk_create(responses, ignore_conflicts=True)
        finished = not observer.trials.unanswered().exists()
        if finished:
            Observer.objects.filter(pk=observer.pk, finished_at=None).update(finished_at=now)
        if any(trial.block.kind == Block.Kind.MAIN for trial in known.values()):
            ask_for_scores(observer.study)
        feedback, exposures = _feedback(list(known.values()))
    return Recorded(list(known), sorted(set(given) - set(known)), feedback, exposures, finished)


def _response(trial: Trial, answer: Mapping[str, Any], now: Any) -> Response:
    fields = {name: value for name, value in answer.items() if name != "trial"}
    return Response(trial=trial, answered_at=now, **fields)


def _feedback(trials: list[Trial]) -> tuple[dict[str, bool], dict[str, int]]:
    told = [trial for trial in trials if trial.block.gives_feedback]
    if not told:
        return {}, {}
    kept = dict(Response.objects.filter(trial__in=told).values_list("trial_id", "answer"))
    correct = {trial: kept[trial.pk] == trial.truth for trial in told}
    exposures: dict[str, int] = {}
    for trial in sorted(told, key=lambda trial: trial.position):
        trial.exposure_ms = exposures.get(trial.code, trial.exposure_ms)
        exposures |= _step_staircase(trial, correct=correct[trial])
    return {trial.code: right for trial, right in correct.items()}, exposures


def _step_staircase(trial: Trial, *, correct: bool) -> dict[str, int]:
    """Set how long the block's next image is shown; a repeated answer sets the same again."""
    if trial.block.kind == Block.Kind.PRACTICE or trial.exposure_ms is None:
        return {}
    following = trial.block.trials.filter(position=trial.position + 1).first()
    if following is None:
        return {}
    exposure_ms = int(STAIRCASE.next_ms(trial.exposure_ms, correct=correct))
    Trial.objects.filter(pk=following.pk).update(exposure_ms=exposure_ms)
    return {following.code: exposure_ms}


def ask_for_scores(study: Study) -> None:
    """Have the study scored soon; many answers at once ask only once."""
    if Study.objects.filter(pk=study.pk, scores_due=False).update(scores_due=True):
        enqueue("score", study.pk)


@dataclass(frozen=True)
class OwnResult:
    """How an observer did, and how all who finished did, as shares of wrong answers."""

    right: int
    total: int
    missed_fakes: int
    doubted_reals: int
    others: list[float]

    @property
    def share_right(self) -> float:
        return self.right / self.total


def own_result(observer: Observer) -> OwnResult:
    trials = observer.trials.main().answered().select_related("pool", "response")
    wrong = [trial for trial in trials if not trial.response.is_correct]
    return OwnResult(
        right=len(trials) - len(wrong),
        total=len(trials),
        missed_fakes=sum(trial.truth == "fake" for trial in wrong),
        doubted_reals=sum(trial.truth == "real" for trial in wrong),
        others=_shares_right(observer),
    )


def _shares_right(observer: Observer) -> list[float]:
    """The shares of right answers of the other people who finished the same study."""
    rows = (
        Trial.objects.that_count()
        .filter(observer__study=observer.study_id, observer__finished_at__isnull=False)
        .filter(observer__simulated=False)
        .exclude(observer=observer)
        .values_list("observer_id", "response__answer", "pool__dataset_id")
    )
    right: dict[int, list[bool]] = {}
    for pk, answer, dataset in rows:
        right.setdefault(pk, []).append(answer == ("fake" if dataset is None else "real"))
    return [sum(answers) / len(answers) for answers in right.values()]


UNPRINTABLE = re.compile(r"[^ -~]")
SCREEN = ("pixel_ratio", "width_px", "height_px", "image_width_css_px", "refresh_hz", "pointer")


def describe_screen(observer: Observer, screen: Mapping[str, Any]) -> None:
    """Keep what the browser says of the screen: numbers and short words only."""
    kept = {
        name: value if isinstance(value, int | float) else UNPRINTABLE.sub("", str(value))[:40]
        for name in SCREEN
        if (value := screen.get(name)) is not None
    }
    Observer.objects.filter(pk=observer.pk).update(screen=kept)


def open_waiting() -> None:
    """Open every study that can be opened."""
    for study in Study.objects.waiting():
        open_if_ready(study)


def simulate_observers(
    study: Study,
    observers: Sequence[SimulatedObserver],
    *,
    dprime_of: Mapping[str, float] | None = None,
    image_sd: float = 0.0,
    seed: int = 0,
) -> Iterator[Observer]:
    """Let simulated observers take part, one by one; they are marked, and never mixed with people.

    `dprime_of` replaces an observer's d′ for the images of single generators, by slug.
    """
    for simulated in observers:
        yield _simulate_one(study, simulated, dprime_of or {}, image_sd, seed)


@transaction.atomic
def _simulate_one(
    study: Study,
    simulated: SimulatedObserver,
    dprime_of: Mapping[str, float],
    image_sd: float,
    seed: int,
) -> Observer:
    observer = take_part(study, simulated=True)
    rng = np.random.default_rng([seed, observer.ordinal])
    trials = list(observer.trials.in_order().select_related("pool__generator", "block"))
    exposure_ms: float | None = None
    responses = []
    for trial in trials:
        trial.exposure_ms = exposure_ms = _simulated_exposure(trial, exposure_ms)
        slug = trial.pool.generator.slug if trial.pool.generator else ""
        shift = dprime_of.get(slug, simulated.dprime) - simulated.dprime if slug else 0.0
        answer = simulate_response(
            replace(simulated, dprime=simulated.dprime + shift),
            truth=trial.truth,
            exposure_ms=exposure_ms,
            image_effect=image_effect(
                f"{trial.pool_id}/{trial.image_index}", sd=image_sd, seed=seed
            ),
            rng=rng,
        )
        responses.append(_simulated_response(trial, answer))
        if exposure_ms is not None and trial.block.kind == Block.Kind.MAIN:
            exposure_ms = int(
                STAIRCASE.next_ms(exposure_ms, correct=answer.response == trial.truth)
            )
    Trial.objects.bulk_update(trials, ["exposure_ms"])
    Response.objects.bulk_create(responses)
    Observer.objects.filter(pk=observer.pk).update(finished_at=timezone.now())
    return observer


def _simulated_exposure(trial: Trial, next_ms: float | None) -> int | None:
    """What the plan says; where it leaves it to the staircase, what that came to."""
    if trial.exposure_ms is not None or next_ms is None:
        return trial.exposure_ms
    return int(next_ms)


def _simulated_response(trial: Trial, answer: Answer) -> Response:
    return Response(
        trial=trial,
        answer=answer.response,
        rt_ms=answer.rt_ms,
        shown_ms=trial.exposure_ms,
        answered_at=timezone.now(),
    )
