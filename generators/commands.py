"""The commands of generators, and what a mistake in one looks like."""

import argparse
import sys
from collections.abc import Callable, Sequence

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

# Every error of these is a plain line for the person who typed the command.
FORESEEN = (
    CheckpointError, ConfigError, OutputError, PoolError, RunFolderError, SandboxError, SourceError,
    TrainingDiverged, OSError, ValueError,
)  # fmt: skip
FAILED, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns 0, 2 after printing what is wrong, or 130 if interrupted."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], None] = options.run
    try:
        run(options)
    except FORESEEN as error:
        print(f"generators: {error}", file=sys.stderr)
        return FAILED
    except (RuntimeError, MemoryError) as error:
        if not is_of_memory(error):
            raise
        print(f"generators: {in_words(error)}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("generators: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m generators", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    training_commands.add_parsers(commands)
    sampling_commands.add_parsers(commands)
    attacking.add_parsers(commands)
    defending.add_parser(commands)
    return parser
