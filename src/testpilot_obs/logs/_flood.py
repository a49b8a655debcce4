"""A flood of lines: callers leave what they wrote, and one thread makes the lines of it.

Where lines are many, what each costs its caller is not the time that it needs alone, but the time
for which all other threads wait for the interpreter. So while a flood lasts a caller only notes
what it wrote, and a thread makes the line, its JSON and its OTLP record, a few lines at a time, and
sleeps a little after them. Between two floods nothing of this happens.

A line that must not wait, or that holds what may change until later, goes its usual way, after what
waits; if only its making cannot wait, it is left when it is made.
"""

import atexit
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from testpilot_obs._core import clock, current, diagnostics, fork, redaction
from testpilot_obs._core.redaction import Redactor
from testpilot_obs.logs._levels import ERROR
from testpilot_obs.logs._line import FACTS, Facts, Line, Lines, Origin, Written, each_removed
from testpilot_obs.logs._own_thread import OwnThread
from testpilot_obs.logs._processors import (
    FEW,
    NUMBERS,
    SHORT_TEXT,
    add_context,
    compose,
    moment_of,
    wanted,
)

_SLICE, _PAUSE_S = 4, 0.0002
"""Lines made in one go, in some 80 µs, and then others have the interpreter. With eight lines the
p99 of requests beside a flood is half as high again."""
_REST_S = 0.0005
"""How long the thread sleeps when nothing waits."""
_LOOK_S, _TURNS, _FEW_LINES, _LOOKS = 0.02, 200, 10, 5
"""The flood is over after so many looks that found fewer lines than that."""
_CROWDED = 512
_HURRY_S = 0.0001
"""When more lines wait, the thread sleeps half as long."""
_MANY, _HELP = 1_024, 8
"""When more lines wait, callers make some of them."""
_PATIENCE_S = 1.0
_MOST = 8_192
_MILD = frozenset({"debug", "info", "warning"})
_NOT_PLAIN = frozenset({"event", "exc_info", "stack_info"})
_UNKNOWN = ("structlog is not loaded",)


class FloodSink(Protocol):
    """A place that takes several finished lines at once, from the thread that made them."""

    def take(self, lines: Lines) -> bool:
        """Do for each line what a call does for one, and remove it from *lines*.

        ``flush``, if there is one, follows soon.

        Returns:
            Whether it should follow at once.
        """


class Flood:
    """Makes lines beside those who write them, from `begin` until they are few again.

    Args:
        sinks: Where lines go; none, and no flood ever begins.
    """

    def __init__(self, sinks: Sequence[FloodSink] = ()) -> None:
        self._sinks = tuple(sinks)
        self._ready: tuple[Lines, ...] = tuple(deque() for _ in self._sinks)
        """Finished lines that are on their way to each of them."""
        self._waiting: deque[Any] = deque()
        self._thread = OwnThread("testpilot_obs logs", self._run)
        self._is_ending = False
        self.lost = 0
        """Lines that were given up as nobody could write."""
        self._forget()
        if sinks:
            fork.before(self._write)
            fork.after_in_child(self._forget)
            atexit.register(self.end)

    def _forget(self) -> None:
        """Begin with nothing that waits, as a forked child does: the parent makes that."""
        self.is_on = False
        self.is_busy = False
        """Whether lines may wait: from the begin of a flood until all are made after its end."""
        self._redactor: Redactor | None = None
        self._may_be_made_later = False
        self._bound_by_structlog: Any = _UNKNOWN
        """What was ever bound with structlog's contextvars; lines are not left if there is any."""
        self._is_urgent = False
        for waiting in (self._waiting, *self._ready):
            waiting.clear()
        # Reentrant: a signal handler may log while its thread makes lines.
        self._lock = threading.RLock()
        self._thread.forget()

    def begin(self) -> None:
        """Let lines be left from now on; nothing happens if that is so already."""
        if self.is_on or not self._sinks:
            return
        redactor = self._redactor = redaction.active()
        structlog: Any = sys.modules.get("structlog.contextvars")
        self._bound_by_structlog = getattr(structlog, "_CONTEXT_VARS", _UNKNOWN)
        # A user's callback is asked, and a caller looked for, where the line is written.
        self._may_be_made_later = not wanted.caller and (redactor is None or not redactor.asks)
        self.is_busy = self.is_on = True
        # Only now: another thread may end all floods at any moment.
        if self._is_ending or not self._thread.wake():
            self._stop()

    def leave(self, logger: Origin, method: str, written: Written) -> bool:
        """Note what was *written* while a flood lasts; return False if the line is to be made now.

        Left are events without arguments, whose fields are numbers and short texts.
        """
        event, arguments, fields = written
        if (
            arguments
            or type(event) is not str
            or method not in _MILD
            or not self._may_be_made_later
            or logger.is_audit
            or logger.level >= ERROR
            or self._bound_by_structlog
            or len(event) > SHORT_TEXT
            or not _is_plain(fields)
        ):
            return False
        bound = current.bound_fields()
        if bound and not _is_plain(bound):
            return False
        moment = moment_of(logger)
        if moment[3] is not self._redactor:
            return False
        if bound:
            add_context(fields)
        fields["event"] = event
        waiting = self._waiting
        waiting.append((logger, method, fields, moment))
        if len(waiting) > _MANY or not self.is_on:
            self._look_after()
        return True

    def leave_made(self, line: Line, facts: Facts) -> bool:
        """Note a finished *line* while a flood lasts; return False if it is to be written now.

        Then all that was left before it is written first.
        """
        if self.is_on and facts.is_light and facts.level < ERROR and not facts.is_audit:
            facts.line = line
            self._waiting.append(facts)
            if len(self._waiting) > _MANY or not self.is_on:
                self._look_after()
            return True
        # Even if nothing waits: another thread may have taken lines, and not yet made them.
        self.settle()
        return False

    def settle(self) -> None:
        """Make all that waits at this moment; the sinks have it when this returns."""
        left = len(self._waiting)
        while True:
            made = self._make(min(left, _HELP), patience_s=_PATIENCE_S)
            left -= made
            if not made or left <= 0:
                break
        self._flush_if_urgent()

    def end(self) -> None:
        """Make all that waits; no flood begins any more, as the process ends."""
        self._is_ending = True
        self._stop()

    def close(self) -> None:
        """Do as `end`, and let the thread end."""
        atexit.unregister(self.end)
        self.end()
        self._thread.ring()

    def _look_after(self) -> None:
        """Make what was left, as the thread lags behind or has stopped since."""
        if self.is_on:
            # Whoever has the lock is making lines; only if far too many wait, this waits for them.
            is_patient = len(self._waiting) > 2 * _MANY
            self._make(_HELP, patience_s=_PATIENCE_S if is_patient else 0)
            self._flush_if_urgent()
            while len(self._waiting) > _MOST:
                self._give_up()
        # Again: it may have ended meanwhile.
        if not self.is_on:
            self._write()

    def _stop(self) -> None:
        """End the flood; in this order: who leaves a line and sees that it is off makes it."""
        self.is_on = False
        self._write()
        self.is_busy = self.is_on

    def _give_up(self) -> None:
        try:
            self._waiting.popleft()
        except IndexError:
            return
        self.lost += 1

    def _write(self) -> None:
        self.settle()
        self._flush()

    def _flush_if_urgent(self) -> None:
        # Never while lines are made: a disk that hangs costs a second each time.
        if self._is_urgent:
            self._flush()

    def _flush(self) -> None:
        self._is_urgent = False
        for sink in self._sinks:
            flush = getattr(sink, "flush", None)
            if flush is not None:
                flush()

    def _run(self) -> None:
        while not self._is_ending:
            self._thread.sleep()
            with diagnostics.guard("make the lines of a flood"):
                self._watch()

    def _watch(self) -> None:
        """Make lines until they are few, or the process ends."""
        lulls = 0
        try:
            while self.is_on and lulls < _LOOKS:
                # Where callers make most lines themselves, the thread may find few, and many wait.
                is_lull = self._work() < _FEW_LINES and len(self._waiting) < _FEW_LINES
                lulls = lulls + 1 if is_lull else 0
        finally:
            self._stop()

    def _work(self) -> int:
        """Make lines for a look, and write them; return how many."""
        made = 0
        ends = clock.monotonic() + _LOOK_S
        # By turns too, for a clock that stands still.
        for _ in range(_TURNS):
            if not self.is_on or clock.monotonic() >= ends:
                break
            made += self._make(_SLICE, patience_s=_PATIENCE_S)
            self._flush_if_urgent()
            waiting = len(self._waiting)
            time.sleep(_HURRY_S if waiting > _CROWDED else _PAUSE_S if waiting else _REST_S)
        self._flush()
        return made

    def _make(self, most: int, *, patience_s: float) -> int:
        """Make up to *most* lines; return how many were taken, 0 if others are making some."""
        lock = self._lock
        if not lock.acquire(timeout=patience_s):
            return 0
        try:
            try:
                return self._finish(most)
            finally:
                self._hand_out()
        finally:
            lock.release()

    def _finish(self, most: int) -> int:
        """Make up to *most* lines; return how many were taken."""
        taken = 0
        for made in islice(each_removed(self._waiting, _finished), most):
            taken += 1
            if made is not None:
                for ready in self._ready:
                    ready.append(made)
        return taken

    def _hand_out(self) -> None:
        for sink, ready in zip(self._sinks, self._ready, strict=True):
            try:
                self._is_urgent = sink.take(ready) or self._is_urgent
            except Exception:
                diagnostics.swallow("write log lines to one of their places")
                ready.clear()


def _finished(left: Any) -> tuple[Line, Facts] | None:
    """Return the line of what was left, or nothing if it cannot be made."""
    if type(left) is Facts:
        return left.line or {}, left
    logger, method, line, moment = left
    try:
        made = compose(logger, method, line, moment=moment)
    except Exception:
        diagnostics.swallow("write a log line")
        return None
    return made, made.pop(FACTS)


def _is_plain(fields: Mapping[str, Any]) -> bool:
    """Return whether fields are few, numbers and short texts, and none asks for an exception."""
    if len(fields) > FEW or not _NOT_PLAIN.isdisjoint(fields):
        return False
    for value in fields.values():
        kind = type(value)
        if kind is str:
            if len(value) > SHORT_TEXT:
                return False
        elif kind not in NUMBERS:
            return False
    return True
