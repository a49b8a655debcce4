"""What lies in the spools of all services, for people; nobody is kept out while it is looked."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from testpilot_obs._core.file_lock import is_locked
from testpilot_obs.delivery.spool._folder import folder_name, segments, size_of
from testpilot_obs.delivery.spool._leftovers import who_sends
from testpilot_obs.delivery.spool._record import HEADER_BYTES, WAITING, read_header
from testpilot_obs.delivery.spool._segment import Segment
from testpilot_obs.protocols import SIGNALS, Signal

_WRITER = re.compile(r"\d+-(\d+)-")
"""In the name of a file: when it was made, and by which process."""


class Lying(NamedTuple):
    """What lies in one spool file."""

    path: str
    service: str
    destination: str
    signal: Signal
    size: int = 0
    """Bytes of the file."""
    records: int = 0
    """Spans, lines or points that are still to be sent; 0 if that cannot be read."""
    oldest_s: int = 0
    """When the oldest of them was written, in seconds since the epoch; 0 if there is none."""
    is_in_use: bool = False
    """Whether a process that runs is writing or sending it."""
    process: int = 0
    """Which one; if none, then which is sending what lies beside it; 0 if none is."""


def look_around(root: str, service: str | None = None) -> Iterator[Lying]:
    """Yield what lies below *root*, of one *service* or of all; for people.

    Raises:
        OSError: If *root* cannot be read; that it is not there is no error.
    """
    for its in _folders(root):
        if service is not None and its != folder_name(service):
            continue
        above = os.path.join(root, its)  # noqa: PTH118  # pathlib is 5 ms
        for destination in _folders(above):
            for signal in SIGNALS:
                place = os.path.join(above, destination, signal)  # noqa: PTH118
                sender = who_sends(place)
                for path in segments(place):
                    lying = Lying(path, its, destination, signal, process=sender)
                    yield _describe(lying)


def purge(lying: Lying) -> bool:
    """Remove one file; return False if a running process uses it, or it has gone."""
    segment = Segment.adopt(lying.path)
    if segment is None:
        return False
    segment.close(remove=True)
    return True


def _folders(above: str) -> list[str]:
    try:
        with os.scandir(above) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())
    except FileNotFoundError:
        return []


def _describe(lying: Lying) -> Lying:
    """Return *lying* with what can be read of it, without its lock."""
    records = oldest_s = 0
    is_in_use = False
    with suppress(OSError), open(lying.path, "rb") as file:  # noqa: PTH123
        is_in_use = is_locked(file.fileno())
        while (header := read_header(file.read(HEADER_BYTES))) is not None:
            if header.state == WAITING:
                records += header.records
                oldest_s = min(oldest_s or header.time_s, header.time_s)
            file.seek(header.length, os.SEEK_CUR)
    return lying._replace(
        size=size_of(lying.path),
        records=records,
        oldest_s=oldest_s,
        is_in_use=is_in_use,
        process=_user_of(lying) if is_in_use else lying.process,
    )


def _user_of(lying: Lying) -> int:
    """Return which process uses a file: who made it if it still runs, or who sends the rest."""
    name = _WRITER.match(os.path.basename(lying.path))  # noqa: PTH119
    writer = int(name[1]) if name else 0
    return lying.process if lying.process and not _runs(writer) else writer


def _runs(process: int) -> bool:
    # On Windows os.kill() would end it.
    if not process or os.name != "posix":
        return bool(process)
    try:
        os.kill(process, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True
