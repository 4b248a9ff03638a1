"""What an attack refuses."""


class AttackError(ValueError):
    """An attack that cannot be made; the message says what was got and what is wanted."""
