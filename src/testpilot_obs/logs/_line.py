"""A log line on its way: an event dictionary as structlog has it, and what only we know of it."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

Waiting = TypeVar("Waiting")
Made = TypeVar("Made")

Line = dict[str, Any]
"""``{"event": "order placed", "order": 17}`` and, further down the pipeline, our own keys."""

Written = tuple[object, tuple[Any, ...], Line]
"""What a caller wrote: the event, the arguments for its ``%`` signs, and the fields."""

FACTS = "_testpilot_obs"
"""Key under which a line carries its `Facts` from processor to processor."""


class Origin:
    """Who wrote a line; the *logger* of the processors.

    Attributes:
        name: Name of the logger.
        is_audit: True for the audit log: kept whatever the level is.
        is_bridged: True if it came through ``logging``.
        is_exported: True if another handler sends it to where we send lines.
        level: Python's number of the level; 0: that of the method.
        level_name: What the level is called; empty: like the method.
        time_ns: When it was written, nanoseconds since the epoch; 0: now.
        is_printed: True if another handler prints the line on the console.
        caller: Where it was written, by its OpenTelemetry names; ``None``: to be looked up.
        where: (transaction, trace id, span id, flags) of a line about the past; ``None``: current.
    """

    __slots__ = (
        "caller",
        "is_audit",
        "is_bridged",
        "is_exported",
        "is_printed",
        "level",
        "level_name",
        "name",
        "time_ns",
        "where",
    )

    def __init__(  # noqa: PLR0913  # one for each thing that is known of a line
        self,
        name: str,
        *,
        level: int = 0,
        level_name: str = "",
        time_ns: int = 0,
        is_printed: bool = False,
        where: tuple[str, int, int, int] | None = None,
        caller: dict[str, Any] | None = None,
        is_audit: bool = False,
        is_bridged: bool = False,
        is_exported: bool = False,
    ) -> None:
        self.name = name
        self.level = level
        self.level_name = level_name
        self.time_ns = time_ns
        self.is_printed = is_printed
        self.where = where
        self.caller = caller
        self.is_audit = is_audit
        self.is_bridged = is_bridged
        self.is_exported = is_exported

    def __repr__(self) -> str:
        return f"<logger {self.name}>"


@dataclass(slots=True)
class Facts:
    """What sinks need of a line besides its text."""

    time_ns: int
    level: int
    is_printed: bool
    is_exported: bool = False
    is_audit: bool = False
    is_light: bool = False
    """Whether the user's fields are numbers and short texts, so that nobody need weigh them."""
    trace_id: int = 0
    span_id: int = 0
    flags: int = 0
    error: BaseException | None = None
    message: str = ""
    """What ``str()`` of the error says, without secrets."""
    json: bytes | None = None
    """The line as JSON in UTF-8, once a sink has needed it."""
    line: Line | None = None
    """The line itself, for sinks that keep it for a while: one object that waits, not three.

    Python's garbage collector counts them, and with 10,000 lines a second begins to look around.
    """
    maker: "Callable[[Facts], Any] | None" = None
    """Of the sink that lets the line wait for delivery: makes the record."""

    def made(self) -> Any:
        """Return the record, for delivery's worker."""
        return None if self.maker is None else self.maker(self)


Processor = Callable[[Any, str, Any], Any]
"""``(logger, method, line) -> line``: one decision about a line, as structlog defines it."""

Lines = deque[tuple[Line, Facts]]
"""Finished lines on their way to a sink."""


def each_removed(waiting: "deque[Waiting]", make: "Callable[[Waiting], Made]") -> "Iterator[Made]":
    """Yield what *make* returns of each that waits, oldest first, and remove it only then.

    So whoever is interrupted in between, by a signal that ends the process or by Ctrl-C, loses
    nothing; and others may remove some meanwhile, a signal handler or a finaliser that logs.
    """
    with suppress(IndexError):
        while True:
            first = waiting[0]
            made = make(first)
            taken = waiting.popleft()
            yield made if taken is first else make(taken)


Sink = Callable[[Line, Facts], None]
"""Where a finished line goes; must not change it."""
