"""How much memory the process uses, read in about a microsecond.

* ``rss``: resident set size, from ``/proc/self/statm`` on Linux: pages of (mostly) 4,096 bytes,
  which the kernel counts in batches of up to 64 pages for each thread. Transactions that begin
  or end within 0.2 ms share a reading. Elsewhere: the highest
  resident set size so far (``getrusage``), so that a delta is growth of the peak.
* ``alloc``: bytes that Python has allocated and not freed (`tracemalloc`), exact to the byte; an
  opt-in, because it makes every allocation two to four times slower.
"""

import os
import sys
from collections.abc import Callable

from testpilot_obs._core import diagnostics, fork

_STATM = "/proc/self/statm"
_STATM_FIELDS = 7
"""Numbers in the file (proc(5)); with any other count it is not our file."""
_LINE_BYTES = 128
_NO_FILE = -1
FRESH_S = 0.000_2
"""A reading younger than this is used again: no more than about 2 MB can come in between."""


def reader(which: str) -> Callable[[float], int] | None:
    """Return the function that reads memory in bytes, for the setting ``memory``."""
    if which == "off":
        return None
    if which == "alloc":
        return _allocations()
    if os.path.exists(_STATM):  # noqa: PTH110  # pathlib is 5 ms
        return _Statm().read
    return _peak()


def fresh_s(which: str) -> float:
    """Return how long a reading is used again, in seconds; an exact number never is."""
    return FRESH_S if which == "rss" else 0.0


class _Statm:
    """Resident set size on Linux; keeps the file open, since opening costs five times a read."""

    def __init__(self) -> None:
        self._file = _NO_FILE
        self._read_at = -1.0
        self._line = b""
        self._bytes = 0
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        fork.after_in_child(self._reopen)

    def read(self, now: float) -> int:
        """Return the resident set size in bytes, 0 if it cannot be read."""
        if 0.0 <= now - self._read_at < FRESH_S:
            return self._bytes
        self._read_at = now
        try:
            line = os.pread(self._file, _LINE_BYTES, 0)
        except OSError:
            line = self._open_and_read()
        if line != self._line:
            self._line = line
            self._bytes = self._parse(line)
        return self._bytes

    def _parse(self, line: bytes) -> int:
        fields = line.split()
        if len(fields) != _STATM_FIELDS:
            # Somebody closed our file, and its number is another file's now.
            fields = self._open_and_read().split()
        try:
            return int(fields[1]) * self._page_bytes
        except (ValueError, IndexError):
            return 0

    def _open_and_read(self) -> bytes:
        """Open the file anew: the first time, after a fork, or if someone closed it for us."""
        try:
            self._file = os.open(_STATM, os.O_RDONLY | os.O_CLOEXEC)
            return os.pread(self._file, _LINE_BYTES, 0)
        except OSError:
            return b""

    def _reopen(self) -> None:
        """Forget the parent's file: in a child it still tells the parent's memory.

        It is not closed: after a program has made itself a daemon the number may be another file's.
        """
        self._file = _NO_FILE
        self._read_at = -1.0


def _allocations() -> Callable[[float], int]:
    import tracemalloc  # opt-in

    if not tracemalloc.is_tracing():
        tracemalloc.start()
    return lambda _now: tracemalloc.get_traced_memory()[0]


def _peak() -> Callable[[float], int] | None:
    try:
        import resource  # not on Windows
    except ImportError:
        diagnostics.warn_once("memory", "memory cannot be measured on %s", sys.platform)
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return lambda _now: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
