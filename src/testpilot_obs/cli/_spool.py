"""``testpilot-obs spool``: what could not be delivered and lies on disk."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from testpilot_obs import config, delivery
from testpilot_obs._core import clock
from testpilot_obs.cli._table import print_table
from testpilot_obs.delivery import spool
from testpilot_obs.errors import ObsError

DESCRIPTION = """\
Telemetry that no collector took is kept on disk and sent by the next start of its service. Look
at it, send it now, or throw it away."""

_NS = 1_000_000_000
_TIMEOUT_S = 30.0
_KB = 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``spool`` accepts."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="print what lies there, of all services")
    listing.add_argument("--service", help="only of this service")
    listing.add_argument("--json", action="store_true", help="print a JSON list, one item a file")
    listing.set_defaults(act=_list)
    replay = actions.add_parser(
        "replay", help="send what a service has left to the destinations in the settings"
    )
    replay.add_argument("--service", help="which service; default: the one in the settings")
    replay.add_argument(
        "--timeout",
        type=_seconds,
        default=_TIMEOUT_S,
        metavar="SECONDS",
        help=f"longest time for each signal and destination; default {_TIMEOUT_S:g}",
    )
    replay.set_defaults(act=_replay)
    purge = actions.add_parser("purge", help="throw away what lies there")
    which = purge.add_mutually_exclusive_group(required=True)
    which.add_argument("--service", help="of this service")
    which.add_argument("--all", action="store_true", help="of all services")
    purge.add_argument("--yes", action="store_true", help="do not ask")
    purge.set_defaults(act=_purge)


def run(options: argparse.Namespace) -> int:
    """Do what was asked for."""
    status: int = options.act(options)
    return status


def _list(options: argparse.Namespace) -> int:
    found = _found(options.service)
    if options.json:
        print(json.dumps([one._asdict() for one in found], indent=2, ensure_ascii=False))
        return 0
    root = delivery.spool_root(config.load({}))
    if not found:
        print(f"nothing lies in {root}")
        return 0
    rows = [("service", "destination", "signal", "records", "size", "oldest", "state")]
    rows += [
        (
            one.service,
            one.destination,
            one.signal,
            str(one.records),
            _size(one.size),
            _when(one.oldest_s),
            _state(one),
        )
        for one in found
    ]
    print_table(rows)
    print(f"{sum(one.records for one in found)} records in {root}")
    return 0


def _replay(options: argparse.Namespace) -> int:
    loaded = config.load({})
    if options.service is not None:
        loaded = loaded.with_(service_name=options.service)
    if loaded.spool == "off":
        raise ObsError("the spool is switched off: TESTPILOT_OBS_SPOOL=off")
    rows = list(delivery.replay(loaded, timeout_s=options.timeout))
    if not rows:
        raise ObsError("there is no destination to send to: set OTEL_EXPORTER_OTLP_ENDPOINT")
    for one in rows:
        lost = f", {one.lost} lost" if one.lost else ""
        print(f"{one.signal} to {one.destination}: {one.delivered} delivered{lost}")
    found = _found(loaded.service_name)
    for (is_in_use, process), records in _waiting(found).items():
        print(f"{records} records are {_why(process, is_in_use=is_in_use)}", file=sys.stderr)
    return 0 if all(one.is_in_use for one in found) else 1


def _waiting(found: Iterable[spool.Lying]) -> dict[tuple[bool, int], int]:
    """Return how many records wait, by whether a process uses them and which."""
    counts: dict[tuple[bool, int], int] = {}
    for one in found:
        key = one.is_in_use, one.process
        counts[key] = counts.get(key, 0) + one.records
    return counts


def _why(process: int, *, is_in_use: bool) -> str:
    """Say why a replay did not send something."""
    if is_in_use:
        which = f"process {process}" if process else "a process"
        return f"in use by {which}, which runs and sends them itself"
    if process:
        return f"still there: process {process} runs and is sending them, one file after another"
    return "still there: no destination took them"


def _state(one: spool.Lying) -> str:
    """Return one cell of the list."""
    if one.is_in_use:
        return f"in use by {one.process}" if one.process else "in use"
    return f"left, {one.process} is sending" if one.process else "left"


def _purge(options: argparse.Namespace) -> int:
    found = _found(options.service)
    records = sum(one.records for one in found)
    if not options.yes and not _is_sure(records, found):
        print("nothing was thrown away", file=sys.stderr)
        return 1
    gone = [one for one in found if spool.purge(one)]
    print(f"{sum(one.records for one in gone)} records in {len(gone)} files thrown away")
    if len(gone) < len(found):
        kept = len(found) - len(gone)
        print(f"{kept} files are in use by running processes and were kept", file=sys.stderr)
    return 0


def _is_sure(records: int, found: Sequence[spool.Lying]) -> bool:
    if not sys.stdin.isatty():
        raise ObsError("purge needs --yes where nobody can be asked")
    answer = input(f"throw away {records} records in {len(found)} files? [y/N] ")
    return answer.strip().lower() in {"y", "yes"}


def _found(service: str | None) -> list[spool.Lying]:
    root = delivery.spool_root(config.load({}))
    try:
        return list(spool.look_around(root, service))
    except OSError as error:
        message = f"{Path(root)}: {error.strerror}"
        raise ObsError(message) from error


def _seconds(text: str) -> float:
    seconds = float(text)
    if not seconds > 0:
        raise ValueError
    return seconds


def _size(size: int) -> str:
    return f"{size} B" if size < _KB else f"{size / _KB:.1f} kB"


def _when(seconds: int) -> str:
    if not seconds:
        return "-"
    at = datetime.fromtimestamp(seconds, timezone.utc)
    age_s = max(clock.time_ns() // _NS - seconds, 0)
    return f"{at:%Y-%m-%d %H:%M:%S}Z ({_age(age_s)} ago)"


def _age(seconds: int) -> str:
    units: Iterable[tuple[str, int]] = (("d", 86_400), ("h", 3_600), ("min", 60))
    for unit, length in units:
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
