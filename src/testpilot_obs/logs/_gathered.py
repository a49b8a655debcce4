"""Lines on their way to a file: at once while they are few, several together when they are many.

A ``write`` to a file gives the interpreter lock away, and gets it back only when no other thread
wants it. One line among eight busy threads costs nothing; 10,000 lines a second do little else but
wait for each other. So from `_AT_ONCE` lines in 50 ms on, they are kept for 20 ms, and a thread
writes them together.

What waits is written before a fork, at the end of the process, and when somebody flushes. A process
that is killed loses it: the lines of the last 20 ms, of more than 1,000 a second.
"""

import _thread
import atexit
import threading
from collections import deque
from contextlib import suppress

from testpilot_obs._core import clock, diagnostics, fork
from testpilot_obs.logs._log_file import LogFile

_AT_ONCE = 50
_WINDOW_S = 0.05
_DELAY_S = 0.02
_HEAVY = 8_192
_MANY = 1_024
_MOST = 8_192


class Gathered:
    """Appends lines to *file* and does not wait for the disk where that would be felt.

    No lock is taken as long as lines are gathered, so a signal handler may write at any moment.
    """

    def __init__(self, file: LogFile) -> None:
        self.file = file
        self._waiting: deque[bytes] = deque()
        self._is_ending = False
        self._begin()
        fork.before(self.flush)
        fork.after_in_child(self._begin)
        atexit.register(self.end)

    def _begin(self) -> None:
        """Begin with nothing that waits, as a forked child does: the parent writes that."""
        self._waiting.clear()
        self._bell = _thread.allocate_lock()
        self._bell.acquire()
        self._starting = _thread.allocate_lock()
        self._is_asleep = True
        self._has_thread = False
        self._window_ends = 0.0
        self._count = 0
        self._at_once = _AT_ONCE

    def write(self, line: bytes) -> None:
        """Append *line*, now or in 20 ms; never raises."""
        now = clock.monotonic()
        if not self._window_ends - _WINDOW_S <= now < self._window_ends:
            self._begin_window(now)
        self._count += 1
        self._waiting.append(line)
        if self._count <= self._at_once or len(line) > _HEAVY or len(self._waiting) > _MANY:
            self.flush()
        elif self._is_asleep:
            self._wake()

    def flush(self) -> None:
        """Write what waits; returns when it is in the file, or the disk did not take it."""
        waiting = self._waiting
        if not self.file.write_all(waiting):
            # The disk hangs. Whoever has its lock goes on when it can; meanwhile memory is bounded.
            with suppress(IndexError):
                while len(waiting) > _MOST:
                    waiting.popleft()
                    self.file.lost += 1

    def end(self) -> None:
        """Write what waits, and from now on each line at once: the process ends."""
        self._is_ending = True
        self._at_once = self._count + (1 << 62)
        self.flush()

    def close(self) -> None:
        """Write what waits and close the file; a line that still comes opens it again."""
        atexit.unregister(self.end)
        self.end()
        self._ring()
        self.file.close()

    def _begin_window(self, now: float) -> None:
        """Count anew. After a window of many lines, none of the next is written at once."""
        is_next = now < self._window_ends + _WINDOW_S
        was_many = self._count > _AT_ONCE and is_next
        if not self._is_ending:
            self._at_once = 0 if was_many else _AT_ONCE
        self._window_ends = now + _WINDOW_S
        self._count = 0

    def _wake(self) -> None:
        if self._has_thread or self._start():
            self._is_asleep = False
            self._ring()
        else:
            self.flush()

    def _ring(self) -> None:
        with suppress(RuntimeError):
            self._bell.release()

    def _start(self) -> bool:
        """Start the thread, once; return False if there is none and can be none."""
        if not self._starting.acquire(blocking=False):
            return True
        try:
            # Thread.start() waits for the thread, and takes a lock that a signal handler which logs
            # may find taken.
            _thread.start_new_thread(self._run_named, ())
        except RuntimeError:
            # No more threads, or the interpreter ends.
            self._starting.release()
            return False
        self._has_thread = True
        return True

    def _run_named(self) -> None:
        with suppress(RuntimeError):
            thread = threading.Thread(target=self._run, name="testpilot_obs files", daemon=True)
            thread.start()
            return
        self._run()

    def _run(self) -> None:
        while not self._is_ending:
            with diagnostics.guard("write log lines to a file"):
                self._pause()
                self.flush()

    def _pause(self) -> None:
        """Sleep until a line waits, and then for as long as lines are gathered."""
        if not self._waiting:
            self._is_asleep = True
            # Again: a line that came before that was set has rung no bell.
            if not self._waiting:
                self._bell.acquire()
            self._is_asleep = False
        if not self._is_ending:
            self._bell.acquire(timeout=_DELAY_S)
