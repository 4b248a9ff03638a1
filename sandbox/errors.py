"""What can go wrong with a stranger's network, each with a message fit for its owner."""

# Exit statuses by which a confined process tells what it met.
REFUSED, UNAVAILABLE = 3, 4


class SandboxError(Exception):
    """Base of all that this package raises."""


class SandboxUnavailableError(SandboxError):
    """This machine cannot confine a process; nothing of a stranger's was run."""


class ModelRefusedError(SandboxError):
    """The file is no network that can be sampled here: what was got, what is wanted, what to do."""


class SandboxFailedError(SandboxError):
    """The confined process crashed, ran too long or did not keep to what was agreed."""
