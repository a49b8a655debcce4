"""Where undelivered telemetry lies, and what is there.

There is a folder for each service, destination and signal::

    <root>/testpilot-api/otlp/traces/01764187200000000000-4711-9f3c….spool
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from typing import NamedTuple

from testpilot_obs._core import clock
from testpilot_obs.delivery.spool._record import HEADER_BYTES, WAITING, read_header
from testpilot_obs.delivery.spool._segment import SUFFIX, Segment
from testpilot_obs.protocols import SIGNALS, Signal

_PRIVATE_FOLDER = 0o700
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST_NAME = 80
_numbers = count()
"""For two files of one process at one moment of a coarse clock."""


class Lying(NamedTuple):
    """What lies in one spool file."""

    path: str
    service: str
    destination: str
    signal: Signal
    size: int
    """Bytes of the file."""
    records: int
    """Spans, lines or points that are still to be sent; 0 if that cannot be read."""
    oldest_s: int
    """When the oldest of them was written, in seconds since the epoch; 0 if there is none."""
    is_in_use: bool
    """Whether a process that runs is writing or sending it."""


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


def make_private(folder: str) -> None:
    """Make *folder* and those above it, for nobody but this user.

    Raises:
        OSError: If that is not possible, or if it belongs to somebody else.
    """
    missing = []
    above = folder
    while above and not os.path.isdir(above):  # noqa: PTH112
        missing.append(above)
        above = os.path.dirname(above)  # noqa: PTH120
    for one in reversed(missing):
        # makedirs() would leave those above the last one to the umask.
        with suppress(FileExistsError):
            os.mkdir(one, _PRIVATE_FOLDER)  # noqa: PTH102
    found = os.stat(folder)  # noqa: PTH116
    if hasattr(os, "geteuid"):
        if found.st_uid != os.geteuid():
            message = f"{folder} belongs to another user"
            raise PermissionError(message)
        if stat.S_IMODE(found.st_mode) & 0o077:
            os.chmod(folder, _PRIVATE_FOLDER)  # noqa: PTH101


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


def size_of(path: str) -> int:
    """Return the size of a file in bytes, 0 if it has gone."""
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return 0


def look_around(root: str, service: str | None = None) -> Iterator[Lying]:
    """Yield what lies below *root*, of one *service* or of all; for people.

    Raises:
        OSError: If *root* cannot be read; that it is not there is no error.
    """
    for its in _folders(root):
        if service is not None and its != folder_name(service):
            continue
        above = os.path.join(root, its)  # noqa: PTH118
        for destination in _folders(above):
            for signal in SIGNALS:
                place = os.path.join(above, destination, signal)  # noqa: PTH118
                for path in segments(place):
                    yield _describe(path, its, destination=destination, signal=signal)


def purge(lying: Lying) -> bool:
    """Remove one file; return False if a running process uses it, or it has gone."""
    segment = Segment.adopt(lying.path)
    if segment is None:
        return False
    segment.close(remove=True)
    return True


def losses(segment: Segment) -> Mapping[bytes, int]:
    """Return how many waiting records *segment* holds, by the process that recorded them."""
    found: dict[bytes, int] = {}
    while (record := segment.next(damaged=lambda _: None)) is not None:
        origin = record.header.origin
        found[origin] = found.get(origin, 0) + record.header.records
    return found


def _folders(above: str) -> list[str]:
    try:
        with os.scandir(above) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())
    except FileNotFoundError:
        return []


def _describe(path: str, service: str, *, destination: str, signal: Signal) -> Lying:
    records, oldest_s = _waiting(path)
    segment = None
    with suppress(OSError):
        segment = Segment.adopt(path)
    is_in_use = segment is None and os.path.exists(path)  # noqa: PTH110
    if segment is not None:
        segment.close(remove=False)
    size = size_of(path)
    return Lying(path, service, destination, signal, size, records, oldest_s, is_in_use)


def _waiting(path: str) -> tuple[int, int]:
    """Return how many records wait in a file, and since when; without its lock, by its headers."""
    records = oldest_s = 0
    with suppress(OSError), open(path, "rb") as file:  # noqa: PTH123
        while (header := read_header(file.read(HEADER_BYTES))) is not None:
            if header.state == WAITING:
                records += header.records
                oldest_s = min(oldest_s or header.time_s, header.time_s)
            file.seek(header.length, os.SEEK_CUR)
    return records, oldest_s
