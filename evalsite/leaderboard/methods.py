"""A paragraph for a paper's methods section, from a study's frozen design and its own figures."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Min

from evalsite.leaderboard.board import Board, rank_set
from evalsite.leaderboard.left_out import criteria_words, reason_words
from evalsite.leaderboard.plots import Mark, written
from evalsite.leaderboard.words import bound, decimals, figure
from evalsite.studies.models import Observer, Protocol, Study

Content = Mapping[str, Any]

SHOWN = {
    Protocol.UNLIMITED: "images, one at a time, each until it was answered and half of them real",
    Protocol.LIMITED: "images, one at a time, half of them real, each for {exposures} and then hidden",
    Protocol.FLASH: (
        "images, one at a time and half of them real, each flashed after a countdown and followed by"
        " {masks} phase-scrambled masks of {mask_ms} ms each, with feedback after every answer"
    ),
    Protocol.PAIR: "pairs of images side by side, {against}",
    Protocol.SELECT: (
        "grids of {grid} images, a third to two thirds of each real, and marked the generated ones"
    ),
    Protocol.NAME: (
        "images, one at a time, as many of them real as of each generator, and called each by one of"
        " {classes} classes or by none of them"
    ),
}
AGAINST = {
    "real": "one of them real, and said which",
    "generators": "of two generators, and said which looked more real",
}
UP_DOWN = (
    "Exposures followed a staircase from {start_ms:g} ms: {step_down_ms:g} ms shorter after {right_in_a_row}"
    " right, {step_up_ms:g} ms longer after a wrong answer, kept within {floor_ms:g} to {ceiling_ms:g} ms; it"
    " settles where {share} % of the answers are right."
)
CROSSED = (
    "Intervals (95 %) of rates resample observers and images together (crossed bootstrap, Owen 2007;"
    " {draws:,} draws, seed {seed})."
)
RATE = "The error rate is the share of wrong answers, real and generated images together; 50 % is guessing."
HOW = {
    Protocol.FLASH: (
        "Thresholds are read from a psychometric function fitted to each block (logistic in log exposure,"
        " with lapses) and averaged over blocks, then over observers, whom their intervals (95 %) resample."
    ),
    Protocol.PAIR: (
        "The win rate is the share of pairs in which an image was chosen, a tie counting one half; intervals"
        " (95 %) cluster the answers of an observer."
    ),
    Protocol.NAME: (
        "The share named right is that of answers which are an image’s class, of its generated images alone."
    ),
}
LIMITS = "Ranks are sets: those that the intervals of all differences together allow."


@lru_cache(maxsize=1)
def software() -> str:
    """The name and version of this software."""
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    return f"{project['name'].capitalize()} {project['version']}"


def methods(study: Study, board: Board, content: Content) -> str:
    """The whole paragraph, of a board with scores and of the report that was made with them."""
    sentences = [
        *_taking_part(study, board, content),
        *([] if study.imported_from else _showing(study)),
        *_leaving_out(study, content),
        *_scoring(board, content),
        *_provenance(study),
    ]
    return " ".join(sentences)


def _taking_part(study: Study, board: Board, content: Content) -> Iterator[str]:
    names = [str(row.generator) for row in board.rows if row.human]
    condition = f" ({study.condition})" if study.condition else ""
    of = f"the images of {counted(len(names), 'generator')} ({listed(names)})"
    asked = f"how real {of} look to people" if study.task == "real" else f"what people call {of}"
    yield (
        f"We measured {asked} beside real images of {study.dataset}, in the {study.get_protocol_display().lower()}"
        f" protocol{condition}."
    )
    if not (board.has_simulated or study.imported_from):
        yield from _sources(study)
    pairs = content.get("pairs")
    found = pairs or content
    kind = "simulated observer" if board.has_simulated else "observer"
    answers = f"{found['n_pairs']:,} pairs" if pairs else f"{found['n_trials']:,} answers"
    yield f"The scores are of {answers} by {counted(found['n_observers'], kind)}."


def _sources(study: Study) -> Iterator[str]:
    """How many people finished, when, and where they came from."""
    people = study.observers.people().finished()
    by_source = people.order_by("source").values_list("source").annotate(Count("pk"))
    labels = dict(Observer.Source.choices)
    by = [f"{number:,} by {labels[source]}" for source, number in by_source]
    days = people.aggregate(first=Min("consented_at"), last=Max("finished_at"))
    if by:
        first, last = (f"{day.day} {day:%B %Y}" for day in (days["first"], days["last"]))
        when = f"on {first}" if first == last else f"from {first} to {last}"
        yield f"People took part {when} and finished: {listed(by)}."


def _showing(study: Study) -> Iterator[str]:
    rules, design = study.rules, study.design
    masks = design.get("masks", {})
    shown = SHOWN[Protocol(study.protocol)].format(
        exposures=listed([f"{ms / 1000:g} s" for ms in sorted(rules.exposures_ms)], "or"),
        masks=masks.get("count"),
        mask_ms=masks.get("each_ms"),
        against=AGAINST[rules.against],
        grid=rules.grid,
        classes=len(study.class_names),
    )
    blocks = counted(study.blocks_per_observer, "block")
    yield f"Each observer judged {study.trials_per_observer:,} {shown}, in {blocks}."
    if rule := design.get("staircase"):
        yield UP_DOWN.format(**rule, share=f"{100 * rule['convergence']:.1f}")
    elif study.is_flash:
        yield f"Exposures were drawn from {listed([f'{ms}' for ms in rules.exposures_ms])} ms."
    size = f"{study.dataset.resolution_px} × {study.dataset.resolution_px} pixels"
    yield f"Images of {size} were enlarged {study.display_multiple} times without smoothing."
    if study.practice_trials:
        needed = "" if rules.qualify_at is None else QUALIFY.format(100 * rules.qualify_at)
        yield f"{counted(study.practice_trials, 'practice trial')} with feedback came first{needed}."
    if rules.catch_trials:
        yield f"{counted(rules.catch_trials, 'catch image')} of shuffled pixels lay among them."


QUALIFY = "; whoever was right on fewer than {:.0f} % of real or of generated images did not go on"


def _leaving_out(study: Study, content: Content) -> Iterator[str]:
    criteria = criteria_words(study.rules.criteria)
    if not criteria:
        yield "No criteria for leaving observers out were set."
        return
    yield f"Before the first answer it was set to leave out observers with {listed(criteria, 'or')}."
    by = [
        f"{counted(number, 'observer')}: {reason_words(reason)}"
        for reason, number in content["excluded"].items()
    ]
    yield f"Left out were {'; '.join(by)}." if by else "Nobody met them."


def _scoring(board: Board, content: Content) -> Iterator[str]:
    words, protocol = figure(board.lead_name), Protocol(board.protocol)
    leads = _leads(content, protocol)
    values = [
        f"{row.generator} {written(own.mark, words)}{own.rank}"
        for row in board.rows
        if (own := leads.get(row.generator.slug))
    ]
    if values:
        yield f"{words.label}: {'; '.join(values)}."
    yield HOW.get(protocol, RATE)
    if protocol != Protocol.PAIR:
        yield CROSSED.format(**content)
    if any(own.rank for own in leads.values()):
        yield LIMITS
    alpha = content["agreement"]
    if alpha["value"] is not None:
        yield f"Observers agreed with Krippendorff’s α = {decimals(2)(alpha['value'])} (nominal)."


@dataclass(frozen=True)
class _Lead:
    mark: Mark
    rank: str

    @classmethod
    def of(cls, lead: Content, ranks: Content, censored: str = "") -> "_Lead":
        mark = Mark("", lead["value"], lead["low"], lead["high"], bound=censored)
        rank = rank_set(ranks["rank_low"], ranks["rank_high"])
        return cls(mark, "" if ranks["rank_low"] is None else f", rank {rank}")


def _leads(content: Content, protocol: Protocol) -> dict[str, _Lead]:
    """By slug, the figure that ranks a generator."""
    if protocol == Protocol.NAME:
        pools = [own for own in content["pools"] if own["generator"]]
        return {own["generator"]: _Lead.of(own["named_right"], own) for own in pools}
    judged = content["generators"]
    if protocol == Protocol.PAIR:
        players = content["pairs"]["players"] if content["pairs"] else []
        return {own["player"]: _Lead.of(own["win_rate"], own) for own in players}
    if protocol == Protocol.FLASH:
        limits = {own["generator"]: own["threshold"] for own in judged if own["threshold"]}
        return {
            slug: _Lead.of(
                own["fit_ms"], own, bound(own["n_fits_at_floor"], own["n_fits_at_ceiling"])
            )
            for slug, own in limits.items()
        }
    known = [own for own in judged if own["error_rate"]["value"] is not None]
    return {own["generator"]: _Lead.of(own["error_rate"], own) for own in known}


def _provenance(study: Study) -> Iterator[str]:
    if study.imported_from:
        yield f"The answers were collected elsewhere (file of SHA-256 {study.design['sha256']})."
    elif study.design_hash:
        yield f"The design was frozen before the first answer (SHA-256 {study.design_hash})."
    yield f"Software: {software()}."


def counted(number: int, what: str) -> str:
    """
    >>> counted(1, "block"), counted(2000, "image")
    ('1 block', '2,000 images')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def listed(names: list[str], last_by: str = "and") -> str:
    """
    >>> listed(["a", "b", "c"]), listed(["a"], "or")
    ('a, b and c', 'a')
    """
    return f" {last_by} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def sentence(words: str) -> str:
    """
    >>> sentence("no d′ yet")
    'No d′ yet'
    """
    return words[:1].upper() + words[1:]
