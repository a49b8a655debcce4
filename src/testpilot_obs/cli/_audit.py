"""``testpilot-obs audit verify FILE``: whether an audit log is as it was written."""

import argparse
import sys

from testpilot_obs import logs

DESCRIPTION = """\
Look for lines of an audit log that were changed, removed, added or put elsewhere. A removed end
shows only against the hash of the last line, which this prints, noted elsewhere: --last HASH."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``audit`` accepts."""
    parser.add_argument("action", choices=["verify"], help="what to do")
    parser.add_argument("file", help="the audit log")
    parser.add_argument("--last", metavar="HASH", help="fail unless this is a line's hash there")


def run(options: argparse.Namespace) -> int:
    """Print what is wrong; 1 if anything is."""
    try:
        found = logs.verify_audit(options.file)
    except OSError as error:
        print(f"testpilot-obs: {options.file}: {error.strerror}", file=sys.stderr)
        return 1
    for problem in found.problems:
        print(problem)
    is_cut = options.last is not None and options.last != found.last
    if is_cut:
        print(f"the last line is not the one with hash {options.last}")
    if found.problems or is_cut:
        return 1
    print(f"{found.lines} lines, nothing wrong; last hash {found.last}")
    return 0
