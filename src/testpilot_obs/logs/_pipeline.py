"""The one way for every line: through the processors, then to each sink."""

import sys
import threading
from collections.abc import Callable
from typing import Any

from testpilot_obs._core import diagnostics
from testpilot_obs.logs._console import Console
from testpilot_obs.logs._levels import INFO
from testpilot_obs.logs._line import FACTS, Line, Origin, Processor, Sink, Written
from testpilot_obs.logs._processors import begin, compose
from testpilot_obs.logs._readable import Readable

OWN = "testpilot_obs"
"""Loggers and threads of this name, and below, are ours: what they say never becomes a line."""

_MAX_DEPTH = 3
"""Lines that are written while a line is made, by a ``__repr__``, say, are kept to this depth."""


class _Here(threading.local):
    """What is known of the current thread."""

    depth = 0
    is_own: bool | None = None


_here = _Here()


class State:
    """What ``init()`` decides about logs; one object, `state`."""

    def __init__(self) -> None:
        self.followers: list[Callable[[int], None]] = []
        """Told of each new level."""
        self.reset()

    def reset(self) -> None:
        """Do as before ``init()``: plain readable lines on stderr, from info on."""
        self.set(level=INFO, sinks=(Console(Readable()),))

    def set(self, *, level: int, sinks: tuple[Sink, ...]) -> None:
        """Let lines of *level* and above go to *sinks*, from all loggers, old ones included."""
        before = getattr(self, "sinks", ())
        self.level = level
        self.sinks = sinks
        for sink in before:
            close = getattr(sink, "close", None)
            if close is not None:
                close()
        for follow in self.followers:
            follow(level)


state = State()


def emit(
    logger: Origin, method: str, written: Written, *, processors: list[Processor] | None = None
) -> None:
    """Make a line of what was *written* and bring it to the sinks; never raises.

    What delivery's own threads write is dropped.
    """
    here = _here
    is_own = here.is_own
    if is_own is None:
        is_own = here.is_own = threading.current_thread().name.startswith(OWN)
    depth = here.depth
    if is_own or depth >= _MAX_DEPTH:
        return
    here.depth = depth + 1
    try:
        line = begin(*written)
        for processor in PROCESSORS if processors is None else processors:
            line = processor(logger, method, line)
    except Exception:
        diagnostics.swallow("write a log line")
    except BaseException as error:
        if not _is_meant(error):
            raise
    finally:
        here.depth = depth


def fan_out(_logger: Any, _method: str, line: Line) -> Line:
    """Hand the line to each sink; one that fails does not keep it from the others."""
    facts = line.pop(FACTS)
    for sink in state.sinks:
        try:
            sink(line, facts)
        except Exception:
            diagnostics.swallow("write a log line to one of its places")
    return line


PROCESSORS: list[Processor] = [compose, fan_out]
"""A list, and always the same one: ``structlog.testing.capture_logs`` changes it in place."""


def _is_meant(error: BaseException) -> bool:
    """Tell whether a processor of the user's dropped the line, in structlog's way."""
    structlog: Any = sys.modules.get("structlog")
    return structlog is not None and isinstance(error, structlog.DropEvent)
