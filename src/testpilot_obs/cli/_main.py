"""Read the command line and run the subcommand that it names."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Protocol

from testpilot_obs.cli import _audit, _config, _doctor, _metrics, _spool
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
    "doctor": (_doctor, "find out why nothing arrives"),
    "metrics": (_metrics, "list metrics, find the largest"),
    "spool": (_spool, "look after undelivered telemetry on disk"),
}
"""Each subcommand by name, with a few words for the list of commands."""

USAGE_ERROR = 2
INTERRUPTED = 130
"""What a shell says of a program that ended by Ctrl-C: 128 and the number of the signal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``testpilot-obs`` and return its exit status.

    Args:
        arguments: Instead of those of the process, e.g. ``["config", "--json"]``.
    """
    try:
        status = _run(arguments)
        _flush()
    except ObsError as error:
        print(f"testpilot-obs: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        # The reader, e.g. head, has seen enough, or the disk is full.
        _write_no_more()
        if not isinstance(error, BrokenPipeError):
            where = f"{error.filename}: " if error.filename else ""
            print(f"testpilot-obs: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    return status


def _run(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
    except SystemExit:
        # argparse says nothing when --help cannot be written.
        _flush()
        raise
    run: Callable[[argparse.Namespace], int] | None = options.run
    if run is None:
        parser.print_help()
        return USAGE_ERROR
    return run(options)


def _flush() -> None:
    # A process that was started with its output closed has None there.
    if sys.stdout is not None:
        sys.stdout.flush()


def _write_no_more() -> None:
    """Throw away what could not be written: Python would complain when it flushes at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
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
