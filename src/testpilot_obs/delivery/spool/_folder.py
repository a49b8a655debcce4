"""Where undelivered telemetry lies: names of folders and files.

There is a folder for each service, destination and signal::

    <root>/testpilot-api/otlp/traces/01764187200000000000-4711-9f3c….spool
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from itertools import count

from testpilot_obs._core import clock
from testpilot_obs.delivery.spool._segment import BEING_MADE, SUFFIX, Segment
from testpilot_obs.protocols import Signal

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST_NAME = 80
_NEVER_MADE_S = 3600.0
"""After this time a file that was being made never will be: that takes milliseconds."""
_numbers = count()
"""For two files of one process at one moment of a coarse clock."""
_NS = 1_000_000_000


def folder_name(name: str) -> str:
    """Return *name* as the name of a folder; different names give different ones.

    >>> folder_name("testpilot-api"), folder_name("a/b")
    ('testpilot-api', 'a_b-c14cddc0')
    """
    safe = _NOT_IN_A_NAME.sub("_", name)[:_LONGEST_NAME]
    if safe == name and safe.strip("."):
        return safe
    import hashlib  # few names need it

    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{safe.strip('.')}-{digest[:8]}"


def folder_of(root: str, service: str, *, destination: str, signal: Signal) -> str:
    """Return the folder of one signal on its way to one destination."""
    return os.path.join(  # noqa: PTH118  # pathlib is 5 ms
        root, folder_name(service), folder_name(destination), signal
    )


def segment_name(origin: bytes) -> str:
    """Return a name for a new file: older ones sort before younger ones."""
    return f"{clock.time_ns():020d}-{os.getpid()}-{origin.hex()}-{next(_numbers)}"


def segments(folder: str) -> list[str]:
    """Return the paths of the files in *folder*, oldest first; none if there is no folder."""
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:
        return []
    chosen = sorted(name for name in names if name.endswith(SUFFIX))
    return [os.path.join(folder, name) for name in chosen]  # noqa: PTH118


def sweep(folder: str) -> None:
    """Remove what processes left that ended while they made a file."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX + BEING_MADE):
                age_s = clock.time_ns() / _NS - entry.stat(follow_symlinks=False).st_mtime
                if age_s > _NEVER_MADE_S:
                    os.unlink(entry.path)  # noqa: PTH108


def size_of(path: str) -> int:
    """Return the size of a file in bytes, 0 if it has gone."""
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return 0


def losses(segment: Segment) -> Mapping[bytes, int]:
    """Return how many waiting records *segment* holds, by the process that recorded them."""
    found: dict[bytes, int] = {}
    while (record := segment.next(damaged=lambda _: None)) is not None:
        origin = record.header.origin
        found[origin] = found.get(origin, 0) + record.header.records
    return found
