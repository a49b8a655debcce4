"""The queue between a signal and the worker: all of delivery that runs on the caller's thread."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

IDLE = -1
"""A ``high`` that each append exceeds."""
_ROOM = 16
"""At most this part of the queue is left for a later drain."""


class SignalQueue:
    """Finished records of one signal on their way to the worker.

    Whoever records does this, and nothing else (64 ns on CPython 3.11)::

        queue.append(record)
        if len(queue.items) > queue.high:
            queue.pressure()

    No lock is taken, here or in `pressure`, so a signal handler, ``__del__`` or a forked child
    may do it at any moment.

    Args:
        max_items: Records beyond this many push out the oldest; 0 makes a queue that forgets
            everything at no cost, for a signal without destination.
        max_bytes: As many bytes of large values (see `weigh`), and the newest record goes.
        batch: The worker is woken when this many records wait.
        wake: Called under pressure; starts the worker if it does not run. Must not block.
    """

    __slots__ = (
        "_after_shutdown",
        "_batch",
        "_begun",
        "_full",
        "_heavy_begun",
        "_max_bytes",
        "_max_items",
        "_successor",
        "_wake",
        "append",
        "heavy_bytes",
        "high",
        "is_open",
        "items",
        "taken",
        "takes_entries",
    )

    def __init__(
        self, *, max_items: int, max_bytes: int, batch: int, wake: Callable[[], object]
    ) -> None:
        self.items: deque[Any] = deque(maxlen=None if max_items else 0)
        self.append: Callable[[Any], None] = self.items.append
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._batch = min(batch, max_items)
        self._wake = wake
        self._successor: SignalQueue | None = None
        self.is_open: bool = True
        self.takes_entries: bool = False
        """Whether a record may come as a `protocols.LogEntry`, encoded already."""
        self.heavy_bytes: int = 0
        self.taken: int = 0
        self.forget()

    def forget(self) -> None:
        """Begin anew with nothing waiting or counted, as a forked child does."""
        self.items.clear()
        self.heavy_bytes = 0
        self._heavy_begun = 0
        self._begun = 0
        self.taken = 0
        # next() on these is one step of C: exact without a lock, whoever is interrupted.
        self._full = count()
        self._after_shutdown = count()
        self.high = 0 if self.items.maxlen == 0 else IDLE

    def __len__(self) -> int:
        return len(self.items)

    def pressure(self) -> None:
        """Wake the worker, and give up a record if the queue is full; never blocks or raises."""
        if not self.is_open:
            self._turn_away()
            return
        length = len(self.items)
        if length > self._max_items:
            self._lose(self.items.popleft)
        elif self.heavy_bytes > self._max_bytes:
            # The newest, as it may be the heavy one; the oldest may weigh nothing.
            self._lose(self.items.pop)
        if self.heavy_bytes <= self._max_bytes:
            self.high = self._batch - 1 if length < self._batch else self._max_items
        self._wake()

    def weigh(self, size_bytes: int) -> None:
        """Add the size of a large value; call it just before its record is appended."""
        self.heavy_bytes += size_bytes
        if self.heavy_bytes > self._max_bytes // 2 and self.items.maxlen is None:
            self.high = IDLE

    def is_pressed(self) -> bool:
        """Return whether a whole batch waits, by count or by weight."""
        return len(self.items) >= self._batch or self.heavy_bytes > self._max_bytes // 2

    def is_crowded(self) -> bool:
        """Return whether the queue is on its way to be full."""
        return len(self.items) > self._max_items // 4

    def fill(self) -> float:
        """Return how full the queue is, by count or by weight; 1 is full."""
        by_count = len(self.items) / self._max_items if self._max_items else 0.0
        return max(by_count, self.heavy_bytes / self._max_bytes if self._max_bytes else 0.0)

    def take(self, limit: int) -> list[Any]:
        """Return up to *limit* records, oldest first; for the worker only."""
        taken: list[Any] = []
        pop = self.items.popleft
        with suppress(IndexError):
            # Callers under pressure pop too; what was taken before the end is kept.
            add = taken.append
            for _ in range(limit):
                add(pop())
        self.taken += len(taken)
        return taken

    def begin(self, *, only_whole: bool = False) -> int:
        """Begin a drain; return how many records to take.

        Args:
            only_whole: Leave what fills no whole batch, so that no small one is sent for it;
                unless that takes room from what is to come.
        """
        self._heavy_begun = self.heavy_bytes
        count = len(self.items)
        if only_whole and count > self._batch and not self._heavy_begun:
            rest = count % self._batch
            count -= rest if rest <= self._max_items // _ROOM else 0
        self._begun = count
        return count

    def finish(self) -> None:
        """End a drain: the worker is woken by a whole batch, or by any record if none came."""
        self.heavy_bytes -= self._heavy_begun
        if not self.is_open:
            return
        self.high = IDLE
        # In this order: an append that did not see IDLE has left its record to be seen here.
        if self._begun or self.items:
            self.high = self._batch - 1

    def is_silent(self) -> bool:
        """Return whether nothing waits and the next append will wake the worker."""
        return self.high == IDLE and not self.items

    def discard(self) -> None:
        """Take everything and forget it; it counts as recorded."""
        self.take(len(self.items))

    def close(self, successor: "SignalQueue | None" = None) -> None:
        """Accept nothing more: what still comes goes to *successor*, or is counted as lost."""
        self._successor = successor
        self.is_open = False
        if self.items.maxlen is None:
            self.high = IDLE

    @property
    def dropped(self) -> dict[str, int]:
        """How many records were lost here, by reason."""
        losses = {"queue_full": _value(self._full), "after_shutdown": _value(self._after_shutdown)}
        return {reason: lost for reason, lost in losses.items() if lost}

    @property
    def recorded(self) -> int:
        """How many records ever came, those that were lost here included."""
        return self.taken + len(self.items) + sum(self.dropped.values())

    def _lose(self, pop: Callable[[], Any]) -> None:
        try:
            pop()
        except IndexError:
            return
        next(self._full)

    def _turn_away(self) -> None:
        try:
            record = self.items.pop()
        except IndexError:
            return
        successor = self._successor
        if successor is None or (type(record) is tuple and not successor.takes_entries):
            next(self._after_shutdown)
            return
        successor.append(record)
        if len(successor.items) > successor.high:
            successor.pressure()


def _value(counter: "count[int]") -> int:
    # The only way to read a counter without moving it that all versions of Python have.
    return int(repr(counter)[6:-1])
