"""Lines on their way to a file: at once while they are few, several together when they are many.

A ``write`` to a file gives the interpreter lock away, and gets it back only when no other thread
wants it. One line among eight busy threads costs nothing; 10,000 lines a second do little else but
wait for each other. So from `_AT_ONCE` lines in 50 ms on, they are kept for 20 ms, and a thread
makes their bytes and writes them together. In a flood (`_flood`) lines come as bytes, and its
thread says when they are written.

What waits is written before a fork, at the end of the process, and when somebody flushes. A process
that is killed loses it: the lines of the last 20 ms, of more than 1,000 a second.
"""

import atexit
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from testpilot_obs._core import clock, diagnostics, fork
from testpilot_obs.logs._line import Facts, Line, Lines, each_removed
from testpilot_obs.logs._log_file import LogFile
from testpilot_obs.logs._own_thread import OwnThread

_AT_ONCE = 50
_WINDOW_S = 0.05
_DELAY_S = 0.02
_HEAVY = 8_192
_MANY = 1_024
_MOST, _MOST_BYTES = 8_192, 1 << 26
_SLICE = 16
_PAUSE_S = 0.00025
"""The thread makes the bytes of so many lines, and then lets others have the interpreter."""


def _size(waiting: Facts | bytes) -> int:
    """Return the bytes of a line of a flood; others that wait are few and light."""
    return len(waiting) if isinstance(waiting, bytes) else 0


class Gathered:
    """Appends lines to *file* and does not wait for the disk where that would be felt.

    No lock is taken as long as lines are gathered, so a signal handler may write at any moment;
    a flood has one that is reentrant.

    Args:
        file: Where to.
        encode: Makes the bytes of a line, once: they are kept in its facts.
    """

    def __init__(self, file: LogFile, encode: Callable[[Line, Facts], bytes]) -> None:
        self.file = file
        self._encode = encode
        self.on_many: Callable[[], object] = bool
        """Called when lines begin to be gathered, and from time to time while they are many."""
        self._waiting: deque[Facts | bytes] = deque()
        """Lines, and the bytes of lines of a flood."""
        self._thread = OwnThread("testpilot_obs files", self._run)
        self._is_ending = False
        self._begin()
        fork.before(self.flush)
        fork.after_in_child(self._begin)
        atexit.register(self.end)

    def _begin(self) -> None:
        """Begin with nothing that waits, as a forked child does: the parent writes that."""
        self._waiting.clear()
        self._thread.forget()
        self._is_asleep = True
        self._window_ends = 0.0
        self._count = 0
        self._at_once = _AT_ONCE

    def write(self, line: Line, facts: Facts) -> None:
        """Append *line*, now or in 20 ms."""
        # Of one that may be long the bytes are made here, so that it is known how much waits.
        is_heavy = not facts.is_light and len(self._encode(line, facts)) > _HEAVY
        facts.line = line
        self._waiting.append(facts)
        self._count_in(1)
        if self._count <= self._at_once or is_heavy or len(self._waiting) > _MANY:
            self.flush()
        elif self._is_asleep:
            self.on_many()
            self._is_asleep = False
            if not self._thread.wake():
                self._is_asleep = True
                self.flush()

    def take(self, lines: Lines) -> bool:
        """Append *lines*, whose bytes are made here; the caller flushes in 20 ms.

        Returns:
            True if it should do so at once, as much waits.
        """
        count = longest = 0
        for made in each_removed(lines, self._made):
            self._waiting.append(made)
            count += 1
            longest = max(longest, len(made))
        self._count_in(count)
        return longest > _HEAVY or len(self._waiting) > _MANY

    def flush(self) -> None:
        """Write what waits; returns when it is in the file, or the disk did not take it."""
        waiting = self._waiting
        if not self.file.write_all(self._take):
            # The disk hangs. Whoever has its lock goes on when it can; meanwhile memory is bounded.
            too_much = sum(map(_size, tuple(waiting))) - _MOST_BYTES
            with suppress(IndexError):
                while len(waiting) > _MOST or too_much > 0:
                    given_up = self._bytes(waiting.popleft())
                    too_much -= len(given_up)
                    self.file.lost += bool(given_up)

    def end(self) -> None:
        """Write what waits, and from now on each line at once: the process ends."""
        self._is_ending = True
        self._at_once = self._count + (1 << 62)
        self.flush()

    def close(self) -> None:
        """Write what waits and close the file; a line that still comes opens it again."""
        atexit.unregister(self.end)
        self.end()
        self._thread.ring()
        self.file.close()

    def _count_in(self, lines: int) -> None:
        now = clock.monotonic()
        if not self._window_ends - _WINDOW_S <= now < self._window_ends:
            self._begin_window(now)
        self._count += lines

    def _begin_window(self, now: float) -> None:
        """Count anew. After a window of many lines, none of the next is written at once."""
        is_next = now < self._window_ends + _WINDOW_S
        was_many = self._count > _AT_ONCE and is_next
        if not self._is_ending:
            self._at_once = 0 if was_many else _AT_ONCE
        self._window_ends = now + _WINDOW_S
        self._count = 0
        if was_many:
            self.on_many()

    def _run(self) -> None:
        while not self._is_ending:
            with diagnostics.guard("write log lines to a file"):
                self._pause()
                self._prepare()
                self.flush()

    def _pause(self) -> None:
        """Sleep until a line waits, and then for as long as lines are gathered."""
        if not self._waiting:
            self._is_asleep = True
            # Again: a line that came before that was set has rung no bell.
            if not self._waiting:
                self._thread.sleep()
            self._is_asleep = False
        if not self._is_ending:
            self._thread.sleep(_DELAY_S)

    def _prepare(self) -> None:
        """Make the bytes of what waits, a few lines at a time, so that no thread waits for long."""
        waiting = self._waiting
        done = made = 0
        # By position, as callers append meanwhile; and somebody may flush.
        with suppress(IndexError):
            while len(waiting) - done >= _SLICE:
                one = waiting[done]
                done += 1
                if type(one) is Facts and one.json is None:
                    self._bytes(one)
                    made += 1
                    if made % _SLICE == 0:
                        time.sleep(_PAUSE_S)

    def _take(self, most: int) -> bytes:
        """Remove and return lines that wait, up to *most* bytes; the first, however long it is."""
        waiting = self._waiting
        lines: list[bytes] = []
        size = 0
        # Under pressure, and in a signal handler, others take lines too.
        with suppress(IndexError):
            while True:
                first = waiting[0]
                made = self._bytes(first)
                size += len(made) + 1
                if size > most and lines:
                    break
                taken = waiting.popleft()
                if taken is not first:
                    made = self._bytes(taken)
                if made:
                    lines.append(made)
        return b"\n".join(lines) + b"\n" if lines else b""

    def _bytes(self, facts: Facts | bytes) -> bytes:
        """Return the bytes of what waits."""
        if isinstance(facts, bytes):
            return facts
        return facts.json if facts.json is not None else self._made((facts.line or {}, facts))

    def _made(self, line_and_facts: tuple[Line, Facts]) -> bytes:
        """Return the bytes of a line; of one that cannot be written, nothing, and it is counted."""
        line, facts = line_and_facts
        try:
            return self._encode(line, facts)
        except Exception:
            diagnostics.swallow("write a log line to a file")
            self.file.lost += 1
            facts.json = b""
            return b""
