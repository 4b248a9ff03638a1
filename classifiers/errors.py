"""What a classifier refuses; every message says what was got and what is wanted."""


class ClassifierError(ValueError):
    """A classifier that cannot be trained, read or asked."""
