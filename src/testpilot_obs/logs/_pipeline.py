"""The one way for every line: through the processors, then to each sink."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from testpilot_obs._core import current, diagnostics
from testpilot_obs.logs import _choice
from testpilot_obs.logs._choice import HeldBack, Levels, RateLimit
from testpilot_obs.logs._console import Console
from testpilot_obs.logs._flood import Flood
from testpilot_obs.logs._levels import BY_METHOD, DEBUG, INFO
from testpilot_obs.logs._line import FACTS, Line, Origin, Processor, Sink, Written
from testpilot_obs.logs._processors import begin, compose
from testpilot_obs.logs._readable import Readable

OWN = "testpilot_obs"
"""Loggers and threads of this name, and below, are ours: what they say never becomes a line."""

_OF_LINES = frozenset({"testpilot_obs files", "testpilot_obs logs"})
"""But not these threads: what is heard there a finaliser of the application says."""
_MAX_DEPTH = 3
"""Lines that are written while a line is made, by a ``__repr__``, say, are kept to this depth."""


def is_own(thread: str) -> bool:
    """Return whether what the thread of that name says is about delivery itself."""
    return thread.startswith(OWN) and thread not in _OF_LINES


class _Thread:
    """What is known of a thread; reading it from a thread's own storage costs 50 ns each time."""

    __slots__ = ("depth", "is_held", "is_own")

    def __init__(self) -> None:
        self.depth = 0
        self.is_held = False
        self.is_own = is_own(threading.current_thread().name)


class _Here(threading.local):
    """The current thread."""

    def __init__(self) -> None:
        self.thread = _Thread()


_here = _Here()


class State:
    """What ``init()`` decides about logs; one object, `state`."""

    def __init__(self) -> None:
        self.followers: list[Callable[[int], None]] = []
        """Told of each new level."""
        self.sinks: tuple[Sink, ...] = ()
        """Where lines go."""
        self.usual: tuple[Sink, ...] = ()
        """Those of them that are not for audit lines alone."""
        self.flood = Flood()
        """Makes lines beside their callers while they are many."""
        self.reset()

    def reset(self) -> None:
        """Do as before ``init()``: plain readable lines on stderr, from info on."""
        self.set(levels=Levels(INFO), sinks=(Console(Readable()),))

    def set(
        self,
        *,
        levels: Levels,
        sinks: tuple[Sink, ...],
        rate_limit: int = 0,
        held_back: int = 0,
        flood: Flood | None = None,
    ) -> None:
        """Let lines go to *sinks*, from all loggers, old ones included.

        Args:
            levels: Which are kept.
            sinks: Where they go.
            rate_limit: Most lines of a kind in a second, 0 for no limit.
            held_back: Lines below the level that are kept of a trace in case it fails.
            flood: Makes lines beside their callers while they are many.
        """
        before, self.sinks = self.sinks, sinks
        self.usual = tuple(sink for sink in sinks if not getattr(sink, "is_for_audit", False))
        old_flood, self.flood = self.flood, flood or Flood()
        old_flood.close()
        self.levels = levels
        self.limit = RateLimit(rate_limit, _tell_suppressed) if rate_limit else None
        self.held_back = HeldBack(held_back) if held_back else None
        self.refresh()
        for sink in before:
            close = getattr(sink, "close", None)
            if close is not None:
                close()

    def refresh(self) -> None:
        """Follow a change of the levels."""
        levels = self.levels
        self.level = levels.lowest if self.held_back is None else min(levels.lowest, DEBUG)
        self.is_selective = levels.is_selective or self.held_back is not None
        self.has_questions = self.is_selective or self.limit is not None
        for follow in self.followers:
            follow(self.level)


state: State


def emit(
    logger: Origin, method: str, written: Written, *, processors: list[Processor] | None = None
) -> None:
    """Make a line of what was *written* and bring it to the sinks; never raises.

    What delivery's own threads write is dropped.
    """
    here = _here.thread
    depth = here.depth
    if here.is_own or depth >= _MAX_DEPTH:
        return
    here.depth = depth + 1
    was_held = here.is_held
    try:
        if state.has_questions and not _passes(logger, method, written[0], here=here):
            return
        is_usual = processors is None or processors is PROCESSORS
        flood = state.flood
        if (
            flood.is_on
            and is_usual
            and PROCESSORS == _USUAL
            and not here.is_held
            and flood.leave(logger, method, written)
        ):
            return
        event, arguments, fields = written
        line = begin(event, arguments, fields)
        for processor in PROCESSORS if processors is None else processors:
            line = processor(logger, method, line)
    except Exception:
        diagnostics.swallow("write a log line")
    except BaseException as error:
        if not _is_meant(error):
            raise
    finally:
        here.depth = depth
        here.is_held = was_held


def fan_out(_logger: Any, _method: str, line: Line) -> Line:
    """Hand the line to each sink; one that fails does not keep it from the others."""
    facts = line.pop(FACTS)
    held_back = state.held_back
    if held_back is not None and _here.thread.is_held:
        held_back.hold(line, facts)
    elif not (state.flood.is_busy and state.flood.leave_made(line, facts)):
        _to_sinks(line, facts)
    return line


def _to_sinks(line: Line, facts: Any) -> None:
    for sink in state.sinks if facts.is_audit else state.usual:
        try:
            sink(line, facts)
        except Exception:
            diagnostics.swallow("write a log line to one of its places")


_USUAL: list[Processor] = [compose, fan_out]
PROCESSORS: list[Processor] = _USUAL.copy()
"""A list, and always the same one: ``structlog.testing.capture_logs`` changes it in place."""


def set_log_level(name: str | None, level: str | int) -> None:
    """Change the level of loggers while the program runs.

    Args:
        name: Of a logger, or a pattern such as ``"app.*"``; ``None`` or ``""`` for all loggers
            that have no level of their own.
        level: Name or number.
    """
    number = _number(level)
    state.levels.set(name or "", number)
    state.refresh()
    for follow in standard_followers:
        follow(name or "", number)


@contextmanager
def log_level(level: str | int) -> Iterator[None]:
    """Keep lines from *level* on, of every logger, while the block runs; in this context only.

    >>> with log_level("debug"):
    ...     pass
    """
    with _choice.temporarily(state.levels, _number(level), on_change=state.refresh):
        yield


standard_followers: list[Callable[[str, int], None]] = []
"""Told (name, level) of each `set_log_level`, for the loggers of ``logging``."""


def transaction_ended(trace_id: int, *, has_failed: bool) -> None:
    """Write what was held back of a trace if its transaction failed; forget it at its end."""
    held_back = state.held_back
    if held_back is None:
        return
    if has_failed:
        # What was left before them.
        catch_up()
        for line, facts in held_back.take(trace_id):
            _to_sinks(line, facts)
    elif current.transaction() is None:
        held_back.take(trace_id)


def catch_up() -> None:
    """Make the lines that a flood has left for later; their places have them then."""
    with diagnostics.guard("make the lines of a flood"):
        state.flood.settle()


def settle(*, is_last: bool = False) -> None:
    """Write the lines that tell what was suppressed, and what files still gather.

    Args:
        is_last: Whether the process ends: no line is gathered any more.
    """
    if state.limit is not None:
        with diagnostics.guard("tell of suppressed log lines"):
            state.limit.settle()
    if is_last:
        with diagnostics.guard("make the lines of a flood"):
            state.flood.end()
    catch_up()
    for sink in state.sinks:
        write = getattr(sink, "end" if is_last else "flush", None)
        if write is not None:
            with diagnostics.guard("write log lines to a file"):
                write()


def _passes(logger: Origin, method: str, event: object, *, here: _Thread) -> bool:
    """Return whether a line is made at all; it may be held back still."""
    if logger.is_audit:
        return True
    if state.is_selective:
        level = logger.level or BY_METHOD.get(method, INFO)
        least = state.levels.of(logger.name, is_bridged=logger.is_bridged)
        here.is_held = level < least
        if here.is_held:
            return state.held_back is not None
    return state.limit is None or state.limit.admits(logger.name, method, event)


def _tell_suppressed(kind: tuple[str, str, Any], count: int) -> None:
    logger, method, event = kind
    line = begin(f"suppressed {count:,} like this", (), {"suppressed": count, "like": event})
    origin = Origin(logger, where=("", 0, 0, 0))
    for processor in PROCESSORS:
        line = processor(origin, method, line)


def _number(level: str | int) -> int:
    if isinstance(level, int) and not isinstance(level, bool):
        return level
    known = BY_METHOD.get(level.strip().lower()) if isinstance(level, str) else None
    if known is None:
        message = f"a log level is debug, info, warning, error, critical or a number: {level!r}"
        raise ValueError(message)
    return known


def _is_meant(error: BaseException) -> bool:
    """Tell whether a processor of the user's dropped the line, in structlog's way."""
    structlog: Any = sys.modules.get("structlog")
    return structlog is not None and isinstance(error, structlog.DropEvent)


state = State()
