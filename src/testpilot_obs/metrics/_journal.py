"""Updates that wait to be added up: one append on the caller's thread, the sum later.

An entry is ``(function, target, value)`` and is settled by ``function(target, value)``. Appending
to a deque is atomic in every Python, so a caller takes no lock: a signal handler, ``__del__`` or
a fork may land anywhere. Whoever makes the journal longer than `HIGH` settles it, unless another
thread is at it.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from testpilot_obs._core import diagnostics

HIGH = 1_000
"""Entries that may wait before a caller settles them: about 0.3 ms of work."""
_MOST = 50_000
"""Entries that may wait while another thread settles; beyond it the oldest are lost."""
_PATIENCE_S = 0.5
"""How long a reader waits for another thread's settling."""

BAD_VALUE = "bad_value"
"""Reason for a drop: not a number, or one that this kind of metric cannot take."""
BAD_LABELS = "bad_labels"
"""Reason for a drop: a label is missing, unknown or not given."""
OVERFLOW = "journal_full"
"""Reason for a drop: updates came faster than they could be added up."""

entries: deque[tuple[Callable[[Any, Any], None], Any, Any]] = deque()
"""The journal. To write: ``append(entry)``, then ``pressed()`` if it is longer than `HIGH`."""
append = entries.append

_low = [HIGH]
_dropped: dict[str, int] = {}
# next() is one step of C: exact without the lock that others hold.
_overflowed = count()
_lock = threading.Lock()


def pressed() -> None:
    """Settle the journal if nobody else does; for the caller that made it too long."""
    while _lock.acquire(blocking=False):
        try:
            refused = _settle()
        finally:
            _lock.release()
        _tell(refused)
        # What came while this thread held the lock was left to it.
        if len(entries) <= _low[0]:
            return
    if len(entries) > _MOST:
        try:
            entries.popleft()
        except IndexError:
            return
        next(_overflowed)


def settle_at(limit: int) -> None:
    """Let `pressed` leave at most *limit* entries, which is `HIGH` unless it says otherwise."""
    _low[0] = max(limit, 0)


def settled() -> "_Settled":
    """Return a context manager in which the numbers are complete and stand still."""
    return _Settled()


def dropped() -> Mapping[str, int]:
    """Return how many updates were not counted, by reason: ``{"bad_value": 2}``."""
    with settled():
        # The only way to read a counter without moving it that all versions of Python have.
        overflowed = int(repr(_overflowed)[6:-1])
        return {**_dropped, **({OVERFLOW: overflowed} if overflowed else {})}


def count_dropped(reason: str, how_many: int) -> None:
    """Count updates that were lost; as a journal's entry or while it is `settled`."""
    _dropped[reason] = _dropped.get(reason, 0) + how_many


def restart_in_child() -> None:
    """Take a new lock, and settle what the parent's threads left, so that gauges are right."""
    globals()["_lock"] = threading.Lock()
    _settle()
    forget_dropped()


def forget_dropped() -> None:
    """Count losses from zero."""
    _dropped.clear()
    globals()["_overflowed"] = count()


class _Settled:
    """Hold the lock after settling; a reader that waited too long reads what there is.

    That happens only to a signal handler that interrupted the settling of its own thread.
    """

    __slots__ = ("_held", "_refused")

    def __enter__(self) -> None:
        lock = _lock
        self._held = lock if lock.acquire(timeout=_PATIENCE_S) else None
        self._refused = _settle() if self._held is not None else {}

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            self._held.release()
        _tell(self._refused)


def _settle() -> dict[str, str]:
    """Add up what waits now; return the metrics that got a bad value, each with its type."""
    refused: dict[str, str] = {}
    pop = entries.popleft
    for _ in range(len(entries)):
        try:
            function, target, value = pop()
        except IndexError:
            break
        try:
            function(target, value)
        except Exception as error:
            count_dropped(BAD_VALUE, 1)
            refused[getattr(target, "metric", "a metric")] = _describe(value, error)
    return refused


def _describe(value: object, error: Exception) -> str:
    # Of the value only a number is shown: text may be a secret.
    shown = f" {value!r}" if isinstance(value, float) else ""
    return f"{type(value).__name__}{shown} ({type(error).__name__})"


def _tell(refused: Mapping[str, str]) -> None:
    """Warn of bad values; without the lock, as handlers of logging may do anything."""
    for metric, what in refused.items():
        diagnostics.warn_once(
            f"metric:{metric}", "metric %s cannot take a value of type %s: dropped", metric, what
        )
