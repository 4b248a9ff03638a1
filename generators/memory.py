"""What it looks like when there is too little memory, and what helps; without torch, which is slow to import."""

TOO_LARGE = "there is not enough memory: take a smaller batch, fewer features or smaller images"


def is_of_memory(error: Exception) -> bool:
    """Whether there was none left: Python's error, a card's, or that of torch's on a processor.

    The last has no type of its own.

    >>> is_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory")), is_of_memory(RuntimeError())
    (True, False)
    """
    of_card = type(error).__name__ == "OutOfMemoryError"
    return isinstance(error, MemoryError) or of_card or "DefaultCPUAllocator" in str(error)


def in_words(error: Exception) -> str:
    """What was asked for, where the error says it in words as NumPy's does, else what helps."""
    return (isinstance(error, MemoryError) and str(error)) or TOO_LARGE
