"""Read the command line and run the subcommand that it names."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Protocol

from testpilot_obs.cli import _audit, _config, _metrics
from testpilot_obs.errors import ObsError


class Command(Protocol):
    """What the module of a subcommand has."""

    DESCRIPTION: str
    """What ``--help`` says."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Say what it accepts."""

    def run(self, options: argparse.Namespace) -> int:
        """Do it and return the exit status."""


COMMANDS: Mapping[str, tuple[Command, str]] = {
    "audit": (_audit, "check an audit log"),
    "config": (_config, "print the settings"),
    "metrics": (_metrics, "list metrics, find the largest"),
}
"""Each subcommand by name, with a few words for the list of commands."""

USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``testpilot-obs`` and return its exit status.

    Args:
        arguments: Instead of those of the process, e.g. ``["config", "--json"]``.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace], int] | None = options.run
    if run is None:
        parser.print_help()
        return USAGE_ERROR
    try:
        status = run(options)
        sys.stdout.flush()
    except ObsError as error:
        print(f"testpilot-obs: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader, e.g. head, has seen enough. Python would complain again when it flushes.
        _write_no_more()
        return 1
    except OSError as error:
        print(f"testpilot-obs: {error.strerror or error}", file=sys.stderr)
        _write_no_more()
        return 1
    return status


def _write_no_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="testpilot-obs", description="Look after the observability of a Python service."
    )
    version = f"testpilot-obs {metadata.version('testpilot-obs')}"
    parser.add_argument("--version", action="version", version=version)
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, (command, summary) in COMMANDS.items():
        its = commands.add_parser(name, help=summary, description=command.DESCRIPTION)
        command.add_arguments(its)
        its.set_defaults(run=command.run)
    return parser
