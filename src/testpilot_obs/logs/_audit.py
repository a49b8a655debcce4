"""The audit log: each line carries the hash of the one before it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from testpilot_obs._core import clock, diagnostics
from testpilot_obs.logs import _pipeline
from testpilot_obs.logs._json_line import encode_slowly
from testpilot_obs.logs._line import Facts, Line, Origin
from testpilot_obs.logs._old_files import PLAIN, lock

LOGGER = "audit"
"""Name of the logger of audit lines."""

FIRST = "0" * 64
"""What the first line has as the hash of the one before it."""

_CHAIN = frozenset({"number", "previous", "hash"})
_MODE, _FOLDER_MODE = 0o600, 0o700
_LONGEST_WAIT_S = 1.0
_PAUSE_S = 0.001
_BLOCK = 1 << 16


class AuditLogger:
    """Writes events that must not be lost or changed unseen, whatever the log level is.

    Each goes to the audit file, and as a line of the logger ``audit`` to all other places.
    """

    def __init__(self, fields: dict[str, Any] | None = None) -> None:
        self._fields = fields or {}

    def bind(self, **fields: Any) -> "AuditLogger":
        """Return a logger whose events carry *fields* too."""
        return AuditLogger({**self._fields, **fields})

    def info(self, event: object, **fields: Any) -> None:
        """Write that something happened as it should."""
        self._write("info", event, fields)

    def warning(self, event: object, **fields: Any) -> None:
        """Write that something happened that somebody should look at."""
        self._write("warning", event, fields)

    def error(self, event: object, **fields: Any) -> None:
        """Write that something happened that must not."""
        self._write("error", event, fields)

    def _write(self, method: str, event: object, fields: dict[str, Any]) -> None:
        origin = Origin(LOGGER, is_audit=True)
        _pipeline.emit(origin, method, (event, (), {**self._fields, **fields}))


def get_audit_logger(**bound: Any) -> AuditLogger:
    """Return a logger for security and audit events, with the fields *bound*.

    They are written to ``audit.log`` in ``log_dir``, or to ``audit_file``; where neither is set,
    they are lines like others. ``testpilot-obs audit verify FILE`` checks the file.
    """
    return AuditLogger(bound)


class AuditFile:
    """The sink for audit lines; waits for other processes, and for the disk."""

    is_for_audit = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(os.path.abspath(path))  # noqa: PTH100  # resolve() follows links
        self.lost = 0
        """Events that could not be written."""

    def __call__(self, line: Line, facts: Facts) -> None:
        """Append *line*."""
        try:
            with self._alone() as fd:
                _append(fd, line)
        except OSError as error:
            self.lost += 1
            words = error.strerror or type(error).__name__
            diagnostics.warn_once("audit", "%s: %s; audit events are lost", self._path, words)

    @contextmanager
    def _alone(self) -> Iterator[int]:
        self._path.parent.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | PLAIN
        fd = os.open(self._path, flags, _MODE)
        try:
            until = clock.monotonic() + _LONGEST_WAIT_S
            while not lock(fd, exclusive=True):
                if clock.monotonic() > until:
                    raise OSError(None, "another process holds the audit file")
                _pause()
            yield fd
        finally:
            os.close(fd)


def _pause() -> None:
    import time

    time.sleep(_PAUSE_S)


def _append(fd: int, line: Line) -> None:
    last = _last_line(fd)
    number = 0
    if last:
        try:
            number = int(json.loads(last)["number"])
        except (ValueError, KeyError, TypeError):
            diagnostics.warn_once("audit:last", "the last line of the audit file is damaged")
    own = {f"{key}_" if key in _CHAIN else key: value for key, value in line.items()}
    chained = {**own, "number": number + 1, "previous": _hash(last) if last else FIRST}
    body = encode_slowly(chained)
    data = f'{body[:-1]},"hash":"{_hash(body.encode())}"}}\n'.encode()
    end = os.fstat(fd).st_size
    written = 0
    try:
        written = os.write(fd, data)
        os.fsync(fd)
    finally:
        if written != len(data):
            os.ftruncate(fd, end)
    if written != len(data):
        raise OSError(None, "the disk took only a part of a line")


def _last_line(fd: int) -> bytes:
    """Return the last line without its newline, however long it is."""
    end = os.fstat(fd).st_size
    tail = b""
    at = end
    while at > 0 and b"\n" not in tail[:-1]:
        begin = max(at - _BLOCK, 0)
        os.lseek(fd, begin, os.SEEK_SET)
        tail = os.read(fd, at - begin) + tail
        at = begin
    return tail.removesuffix(b"\n").rpartition(b"\n")[2]


def _hash(data: bytes) -> str:
    import hashlib  # brings OpenSSL along: 3.5 MB that few need

    return hashlib.sha256(data).hexdigest()


class Verified(NamedTuple):
    """What `verify` found."""

    lines: int
    """Lines that were read."""
    last: str
    """Hash of the last line; who notes it elsewhere can tell later that the end was cut off."""
    problems: tuple[str, ...]
    """What is wrong, with line numbers; empty if nothing is."""


def verify(path: str | os.PathLike[str]) -> Verified:
    """Look for lines of an audit file that were changed, removed, added or put elsewhere.

    Raises:
        OSError: If the file cannot be read.
    """
    problems: list[str] = []
    previous, number, expected = FIRST, 0, 1
    with Path(path).open("rb") as file:
        for number, raw in enumerate(file, 1):
            data = raw.removesuffix(b"\n")
            problems += (f"line {number}: {what}" for what in _wrong(data, previous, expected))
            previous = _hash(data)
            expected = _number_of(data, expected - 1) + 1
    return Verified(number, previous, tuple(problems))


def _wrong(data: bytes, previous: str, expected: int) -> Iterator[str]:
    body, mark, rest = data.rpartition(b',"hash":"')
    try:
        line = json.loads(data)
        number, before = line["number"], line["previous"]
    except (ValueError, KeyError, TypeError):
        yield "is no audit line"
        return
    if not mark or rest != f'{_hash(body + b"}")}"}}'.encode():
        yield "was changed"
    if number != expected:
        yield f"has number {number} and should have {expected}: lines are missing or out of order"
    elif before != previous:
        yield "does not follow the line before it, which was changed or exchanged"


def _number_of(data: bytes, otherwise: int) -> int:
    try:
        return int(json.loads(data)["number"])
    except (ValueError, KeyError, TypeError):
        return otherwise
