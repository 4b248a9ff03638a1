"""What services answer when they will not."""


class Refused(ValueError):
    """What was asked cannot be done; the message says why, and what can."""
