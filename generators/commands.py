"""Generators: train them on images, watch how that goes, draw images from them, attack classifiers."""

import argparse
from collections.abc import Sequence

from generators import sampling_commands, training_commands
from generators.adversarial import command as attacking
from generators.adversarial.defences import command as defending
from generators.checkpoint import CheckpointError
from generators.config import ConfigError
from generators.memory import in_words, is_of_memory
from generators.outputs import OutputError
from generators.run_folder import RunFolderError
from generators.training import TrainingDiverged
from pools.errors import PoolError, SourceError
from sandbox.errors import SandboxError
from terminal.ending import ended

# Every error of these is a plain line for the person who typed the command.
FORESEEN = (
    CheckpointError, ConfigError, OutputError, PoolError, RunFolderError, SandboxError, SourceError,
    TrainingDiverged, ValueError,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns 0, 2 after printing what is wrong, or 130 if interrupted."""
    options = _parser().parse_args(arguments)
    return ended("generators", lambda: _run(options), foreseen=FORESEEN)


def _run(options: argparse.Namespace) -> int:
    try:
        options.run(options)
    except (RuntimeError, MemoryError) as error:
        if not is_of_memory(error):
            raise
        raise MemoryError(in_words(error)) from error
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m generators", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    training_commands.add_parsers(commands)
    sampling_commands.add_parsers(commands)
    attacking.add_parsers(commands)
    defending.add_parser(commands)
    return parser
