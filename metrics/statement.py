"""What is said of sharing synthetic images: a level of one word, and sentences for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from classifiers.shares import Share
from metrics.duplicates import Duplicates
from metrics.judgement import Judgement
from metrics.membership import Membership
from metrics.synthetic import Usefulness

GRAVE_AUC, GRAVE_FOUND = 0.6, 0.1
"""Attacks that surely succeed beyond either are a reason not to share; others, to look closer."""

TITLES: Mapping[str, str] = {
    "no": "Do not share these images",
    "care": "Look closer before you share these images",
    "no sign": "No sign that these images give training images away",
    "unknown": "What these images give away cannot be told",
}
ADVICE: Mapping[str, str] = {
    "no": "Nothing of this generator should leave your hands as it is. Train it on more images or for "
    "less long, draw a new pool, and judge that one anew.",
    "care": "A test found more than images that give nothing away usually show, though up to 15 in 100 "
    "such pools get this far by chance: draw another pool and see whether it does too. Until then share "
    "them only where the training images themselves would do no harm, or with people who may see those.",
    "no sign": "Nothing that was tried tells them from images drawn without the training images. "
    "If harm could come of a mistake, have somebody else try too before you share them.",
    "unknown": "Treat them as you would treat the training images.",
}
LIMITS = (
    "This is no guarantee, and not differential privacy: it says what these tests found, and a "
    "stronger attack may find more.",
    "It is about these images alone. The generator's weights, or many more of its images, give more "
    "away than they do.",
    "Training and held-out images are taken to be drawn alike. If they differ in kind, an attack "
    "seems to succeed, or to fail, for that reason.",
    "An image counts as one person's. Where several show one person or place, that they lie close to "
    "all of these is not seen.",
)
SPACES: Mapping[str, str] = {
    "features": "the extractor's features",
    "pixels": "coarse pixels",
}


def level_of(verdict: str, attacks: Mapping[str, Membership]) -> str:
    """Return "no", "care", "unknown" or "no sign" for a verdict on memorisation and attacks."""
    if verdict == "copies" or any(map(_is_grave, attacks.values())):
        return "no"
    if verdict == "close" or any(attack.tells for attack in attacks.values()):
        return "care"
    return "unknown" if verdict == "unknown" or not attacks else "no sign"


def _is_grave(attack: Membership) -> bool:
    return attack.low > GRAVE_AUC or attack.found.low > GRAVE_FOUND


def reasons_of(
    judged: Judgement,
    attacks: Mapping[str, Membership],
    not_attacked: str,
    attacked_classes: int | None,
    useful: Usefulness | None,
    not_useful: str,
    alike: Duplicates,
) -> Iterator[str]:
    """Give what was found, a sentence or two for each test."""
    yield judged.words
    yield from (_attacked(*each) for each in attacks.items())
    if attacks and attacked_classes is not None:
        yield _asked_about(attacked_classes)
    if not_attacked:
        yield f"No attack could be tried: {not_attacked}."
    yield _used(useful) if useful else f"How useful they are cannot be said: {not_useful}."
    yield _repeated(alike)


def _attacked(space: str, attack: Membership) -> str:
    return (
        f"By distances between {SPACES[space]}, somebody who has only these images, and is shown a "
        f"training image and a new one, picks the right one in {_percent(attack.auc)} of cases "
        f"(95 % interval {_percent(attack.low)} to {_percent(attack.high)}; a guess: 50 %). Taking 1 "
        f"in 100 new images for a training image, they name {_with_interval(attack.found)} of the "
        f"training images, by chance up to {_percent(attack.found_by_chance)}."
        f"{' That is more than chance brings.' if attack.tells else ''}"
    )


def _asked_about(classes: int) -> str:
    which = "the one class" if classes == 1 else f"the {classes:,} classes"
    return f"They were asked about images of {which} that these images have: of others these show nothing."


def _used(found: Usefulness) -> str:
    return (
        f"A classifier that learned from {found.n:,} of these images names "
        f"{_with_interval(found.tstr.share)} of {found.tstr.share.n:,} held-out real images right, one "
        f"that learned from as many real images {_with_interval(found.ceiling.share)}; a guess: "
        f"{_percent(found.chance)}. The other way round, the one that learned from real images names "
        f"{_with_interval(found.trts.share)} of {found.trts.share.n:,} of these as they are labelled."
        f"{_lacking(found) or _useless(found)}"
    )


def _useless(found: Usefulness) -> str:
    """Say so where nothing can be learned from them that could be from real images."""
    if not found.tstr.share.low <= found.chance < found.ceiling.share.low:
        return ""
    return (
        " In place of real images they are of no use: what learned from them does no better than a guess."
        " Their labels may be wrong, or they do not show the classes."
    )


def _lacking(found: Usefulness) -> str:
    """Which share of the classes there is at all, where that is not all of them."""
    own, tested = set(found.trts.classes), set(found.tstr.classes)
    if tested <= own:
        return ""
    return (
        f" These images are of {len(own & tested):,} of the {len(tested):,} classes alone, so that what"
        " learned from them can name no other."
    )


def _repeated(alike: Duplicates) -> str:
    exact, near = alike.images_in_exact, alike.images_in_near
    if not exact and not near:
        return "No two of these images are the same, or nearly the same."
    return f"{exact:,} of these images have an exact copy among them, {near:,} one that looks the same."


def _with_interval(share: Share) -> str:
    return f"{_percent(share.value)} ({_percent(share.low)} to {_percent(share.high)})"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
