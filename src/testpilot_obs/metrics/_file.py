"""The numbers of one process in a file that others can read while it writes.

::

    magic 8 | pid u64 | used u64 | 0 u64          header, 32 bytes
    size u32 | crc u32 | key u32 | width u32      one record, a multiple of 32 bytes
      | state f64 | 0 f64 | width cells f64 | key in JSON | padding

A key is ``{"name": …}``, a metric, or ``[n, [[label, value], …]]``, a series of the n-th metric of
the file; with a third item it is the exemplars of that series (``_marks.py``).
A series has its numbers in the cells, which are written in place: eight aligned bytes at once, so
that a reader sees the old number or the new one. The file grows by pieces that are mapped one by
one and never moved. As long as its process lives it is locked (``flock``); the kernel lets go
when the process ends, however it ends.
"""

import fcntl
import json
import mmap
import os
import struct
import threading
import zlib
from collections.abc import Iterator, MutableSequence
from typing import Any, NamedTuple

from testpilot_obs._core import diagnostics
from testpilot_obs.metrics import _marks
from testpilot_obs.protocols import Exemplar

Cells = MutableSequence[float]
"""A piece of a file, read and written as numbers."""

MAGIC = b"tpobs-m1"
MODE = 0o600
LIVE, REMOVED = 1.0, 0.0
_UNIT = 32
_FIRST_PIECE, _LARGEST_PIECE = 1 << 16, 1 << 20
_header = struct.Struct("<8sQQQ")
_record = struct.Struct("<IIII")
_used = struct.Struct("<Q")
_USED_AT, _STATE_AT, _CELLS_AT = 16, 16, 32


class Slot(NamedTuple):
    """One record, where it stands in the file."""

    key: Any
    """The metric's head and the labels."""
    metric: int
    """Which metric of the file it is."""
    offset: int
    width: int
    has_marks: bool = False
    """Whether it holds exemplars instead of numbers."""


class DamagedError(Exception):
    """A file is truncated, or holds something else."""


class CellFile:
    """The file of this process; made, locked and written here.

    Raises:
        OSError: If the file cannot be made or locked.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._lock = threading.RLock()
        self._metrics: dict[bytes, int] = {}
        self._views: dict[int, tuple[bytes, Cells]] = {}
        self._marks: dict[int, Cells] = {}
        self._free: dict[bytes, Cells] = {}
        self._end = self._at = self._start = 0
        self._map = self._grow(_FIRST_PIECE)
        self._map[: _header.size] = _header.pack(MAGIC, os.getpid(), _header.size, 0)
        self._head = self._map
        self._at = _header.size

    def cells(self, metric: dict[str, Any], labels: Any, width: int) -> Cells:
        """Return *width* cells of zero for a series of *metric*.

        Raises:
            OSError: If the disk is full.
        """
        with self._lock:
            metric = {**metric, "width": width}
            key = _dumps([self._number_of(metric), [list(pair) for pair in labels.items()]])
            view = self._live(key, width)
            cells = view[2:]
            self._views[id(cells)] = key, view
            return cells

    def mark(self, cells: Any, place: int, exemplar: Exemplar) -> None:
        """Write down an exemplar of the series with these *cells*; it may replace another.

        Raises:
            OSError: If the disk is full.
        """
        with self._lock:
            key, view = self._views.get(id(cells), (b"", None))
            if view is None:
                return
            marks = self._marks.get(id(cells))
            if marks is None:
                marks = self._live(key[:-1] + b",1]", _marks.width(len(view) - 2))[2:]
                self._marks[id(cells)] = marks
            _marks.write(marks, place, exemplar)

    def _live(self, key: bytes, width: int) -> Cells:
        view = self._free.pop(key, None)
        if view is None or len(view) != width + 2:
            view = self._append(key, width)
        view[0] = LIVE
        return view

    def forget(self, cells: Any) -> None:
        """Take a series away; its place is kept for one with the same labels."""
        with self._lock:
            key, view = self._views.pop(id(cells), (b"", None))
            if view is None:
                return
            view[0] = REMOVED
            for place in range(2, len(view)):
                view[place] = 0.0
            self._free[key] = view
            marks = self._marks.pop(id(cells), None)
            if marks is not None:
                _marks.clear(marks)

    def note(self, key: Any) -> None:
        """Write something that is no series."""
        with self._lock:
            self._append(_dumps(key), 0)

    def publish(self, path: str) -> None:
        """Give the file, which is complete and locked, the name under which others look for it."""
        os.replace(self.path, path)  # noqa: PTH105
        self.path = path

    def leave(self) -> None:
        """Leave the file to the parent process, in a forked child."""
        # Closing does not unlock what the parent has open too; unlocking would.
        os.close(self._fd)

    def close(self) -> None:
        """Let go of the file: from now on it is that of a process that has ended."""
        os.close(self._fd)

    def _number_of(self, metric: dict[str, Any]) -> int:
        key = _dumps(metric)
        if key not in self._metrics:
            self._append(key, 0)
            self._metrics[key] = len(self._metrics)
        return self._metrics[key]

    def _append(self, key: bytes, width: int) -> Cells:
        size = -(-(_CELLS_AT + 8 * width + len(key)) // _UNIT) * _UNIT
        if self._at + size > self._end:
            self._fill_up()
            self._map = self._grow(max(min(self._end, _LARGEST_PIECE), size))
        at = self._at - self._start
        self._at += size
        piece = self._map
        piece[at + _CELLS_AT + 8 * width : at + _CELLS_AT + 8 * width + len(key)] = key
        piece[at : at + _record.size] = _record.pack(size, zlib.crc32(key), len(key), width)
        self._head[_USED_AT : _USED_AT + 8] = _used.pack(self._at)
        whole: Any = memoryview(piece)[at + _STATE_AT : at + _CELLS_AT + 8 * width].cast("d")
        cells: Cells = whole
        return cells

    def _fill_up(self) -> None:
        """Let the last record of a piece reach its end."""
        size = self._end - self._at
        if size:
            at = self._at - self._start
            self._map[at + _CELLS_AT - 16 : at + _CELLS_AT] = bytes(16)
            self._map[at : at + _record.size] = _record.pack(size, zlib.crc32(b""), 0, 0)

    def _grow(self, size: int) -> mmap.mmap:
        unit = mmap.ALLOCATIONGRANULARITY
        size = -(-size // unit) * unit
        # Allocated, not only made longer: a full disk shall be an error here, not a signal later.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._fd, self._end, size)
        else:
            os.ftruncate(self._fd, self._end + size)
        piece = mmap.mmap(self._fd, size, offset=self._end)
        self._start = self._at = self._end
        self._end += size
        return piece


class CellReader:
    """A file of this or another process; what was read of its keys is remembered."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.pid = 0
        self.metrics: list[dict[str, Any]] = []
        self.notes: list[Any] = []
        self.slots: list[Slot] = []
        self._read_to = _header.size

    def read(self) -> Iterator[tuple[Slot, tuple[float, ...]]]:
        """Yield each series that is not removed, with its numbers of this moment.

        Raises:
            DamagedError: If the file is not what it should be.
            OSError: If it cannot be read.
        """
        with open(self.path, "rb") as file:  # noqa: PTH123  # pathlib costs more
            data = file.read()
        if len(data) < _header.size:
            raise DamagedError(self.path)
        magic, self.pid, used, _ = _header.unpack_from(data)
        if magic != MAGIC or not self._read_to <= used <= len(data):
            raise DamagedError(self.path)
        self._read_keys(data, used)
        for slot in self.slots:
            state, _, *cells = struct.unpack_from(f"<{slot.width + 2}d", data, slot.offset)
            if state == LIVE:
                yield slot, tuple(cells)

    def _read_keys(self, data: bytes, used: int) -> None:
        at = self._read_to
        while at < used:
            size, crc, length, width = _record.unpack_from(data, at)
            end = _CELLS_AT + 8 * width + length
            if not _CELLS_AT <= end <= size or size % _UNIT or at + size > used:
                raise DamagedError(self.path)
            raw = data[at + end - length : at + end]
            if zlib.crc32(raw) != crc:
                raise DamagedError(self.path)
            if raw:
                self._take(raw, at + _STATE_AT, width)
            at += size
        self._read_to = at

    def _take(self, raw: bytes, offset: int, width: int) -> None:
        try:
            key = json.loads(raw)
            if isinstance(key, dict):
                (self.metrics if "name" in key else self.notes).append(key)
                return
            number, pairs, *marks = key
            head = self.metrics[number]
            labels = tuple((str(name), str(value)) for name, value in pairs)
            if width != head["width"] and not marks:
                raise DamagedError(self.path)
        except (ValueError, TypeError, IndexError, KeyError) as error:
            raise DamagedError(self.path) from error
        self.slots.append(Slot((head, labels), number, offset, width, bool(marks)))


def is_dead(path: str) -> bool:
    """Return whether the process of this file has ended."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared, so that two who ask at once do not take each other for the process.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _dumps(key: Any) -> bytes:
    return json.dumps(key, separators=(",", ":")).encode()


def say_full(error: Exception) -> None:
    """Say that the numbers of this process can not be shared."""
    diagnostics.warn_once(
        "shared metrics", "metrics cannot be shared with other processes: %s", error
    )
