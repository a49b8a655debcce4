"""``testpilot-obs doctor``: why nothing arrives, and whether it would."""

import argparse
import platform
import sys

from testpilot_obs import config
from testpilot_obs._core import diagnostics, identity
from testpilot_obs.cli import (
    _doctor_destinations,
    _doctor_folders,
    _doctor_parts,
    _doctor_print,
    _doctor_settings,
)
from testpilot_obs.cli._doctor_report import Report

DESCRIPTION = """\
Look at everything that telemetry of a service started here depends on: the settings and where
each is from, what is instrumented, folders and permissions, and each destination, to which a
span, a log record and a metric are sent that are marked as a test (testpilot_obs.doctor).

Exit status: 0 if all is well, 1 if something is wrong, 2 if a setting or an option cannot be
used. A warning (!) is not wrong yet."""

_TIMEOUT_S = 10.0
_LONGEST_S = 600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``doctor`` accepts."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=_TIMEOUT_S,
        metavar="S",
        help="longest time for all destinations together, in seconds; default 10",
    )
    parser.add_argument("--offline", action="store_true", help="connect to nothing, send nothing")


def run(options: argparse.Namespace) -> int:
    """Look, print, and say by the exit status whether all is well."""
    # What the exporters would say on stderr stands in the report.
    diagnostics.use_level("none")
    try:
        report = examine(timeout_s=options.timeout, offline=options.offline)
    finally:
        diagnostics.use_level(None)
    if options.json:
        print(report.as_json())
    elif sys.stdout is not None:
        _doctor_print.Page(sys.stdout).write(report)
    return report.exit_code


def examine(*, timeout_s: float, offline: bool) -> Report:
    """Return what is found here and now."""
    found = config.examine({})
    settings = found.config
    checks = [
        *_doctor_settings.check_settings(found),
        *_doctor_parts.check_parts(settings),
        *_doctor_folders.check_folders(settings),
        *_doctor_destinations.check_destinations(settings, timeout_s=timeout_s, offline=offline),
    ]
    return Report(
        version=identity.VERSION,
        python=platform.python_version(),
        service=settings.service_name,
        settings={
            name: {"value": value, "source": source}
            for name, value, source in settings.describe()
            if name != "strict"
        },
        checks=checks,
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text.removesuffix("s"))
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to 600")
    return seconds
