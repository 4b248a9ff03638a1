"""How the lab names what it makes."""

FORGED, FLIPPED, CLEAN = "forged", "flipped", "clean"


def rung_words(kind: str, epsilon: float | None) -> str:
    """A rung in a few words.

    >>> rung_words("forged", 0.05), rung_words("flipped", 0.1), rung_words("clean", 0.0)
    ('ε 0.05', 'ε 0.1 flipped', 'clean')
    >>> rung_words("forged", None)
    'forged'
    """
    if not epsilon:
        return kind
    return f"ε {epsilon:g}" if kind == FORGED else f"ε {epsilon:g} {kind}"
