"""The spans of a trace as a tree, for a person at a terminal.

12:03:04.123  trace 4bf92f3577b34da6a3ce929d0e0e4736
POST /generate      132 ms  http.route=/generate
├─ load project    1.20 ms  db.system=sqlite
└─ call model       120 ms  ERROR bad prompt
   ! ValueError: bad prompt
"""

import datetime
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TextIO

from testpilot_obs import names
from testpilot_obs._core import clock
from testpilot_obs._core.terminal import wants_colour, width_of
from testpilot_obs.exporters import _repair
from testpilot_obs.exporters._console_text import cells, cut, paint, visible

HOLD_S = 2.0
"""How long spans wait for the root of their trace before they are printed without it."""
MAX_WAITING = 10_000
"""Most spans that wait; then those that wait longest are printed."""
MAX_LINES = 200
"""Most spans of one tree that are printed."""

_MAX_ATTRIBUTE = 60
_MIN_NAME = 12
_MIN_STATUS = 5
_MIN_DETAIL = 10
_DURATION_WIDTH = 8
# From here on a number of three digits would read 1000.
_ROUNDS_UP = 0.9995
_MS, _S, _MINUTE = 1_000_000, 1_000_000_000, 60_000_000_000
_EXCEPTION_KEYS = frozenset(
    {
        names.EXCEPTION_TYPE,
        names.EXCEPTION_MESSAGE,
        names.EXCEPTION_STACKTRACE,
        names.EXCEPTION_ESCAPED,
    }
)
_QUIET_KEYS = frozenset(
    {
        names.CODE_FUNCTION,
        names.CODE_FILE,
        names.CODE_LINE,
        names.TRANSACTION,
        names.TRANSACTION_STATUS,
    }
)


class _Row(NamedTuple):
    prefix: str
    """Branches before the span's name."""
    below: str
    """Branches before what hangs below it."""
    span: Any


class _Page(NamedTuple):
    width: int
    column: int
    """Width of branches and names; durations stand behind."""
    tint: Callable[[str, str], str]


class Grove:
    """Spans on their way to a tree: kept until the root of their local trace has arrived."""

    def __init__(self) -> None:
        # trace id -> (when the first span came, spans); a dict keeps the order of arrival.
        self._waiting: dict[int, tuple[float, list[Any]]] = {}
        self._count = 0

    def add(self, spans: Iterable[Any]) -> Iterator[list[Any]]:
        """Take *spans* in; yield each trace that can be printed now."""
        now = clock.monotonic()
        complete: dict[int, None] = {}
        for record in spans:
            span = _repair.span(record)
            trace_id = span.local.trace_id
            self._waiting.setdefault(trace_id, (now, []))[1].append(span)
            self._count += 1
            if is_root(span):
                complete[trace_id] = None
        for trace_id in complete:
            yield self._take(trace_id)
        while self._waiting and (self._count > MAX_WAITING or self._oldest() < now - HOLD_S):
            yield self._take(next(iter(self._waiting)))

    def rest(self) -> Iterator[list[Any]]:
        """Yield what still waits."""
        while self._waiting:
            yield self._take(next(iter(self._waiting)))

    def _oldest(self) -> float:
        return next(iter(self._waiting.values()))[0]

    def _take(self, trace_id: int) -> list[Any]:
        spans = self._waiting.pop(trace_id)[1]
        self._count -= len(spans)
        return spans


def is_root(span: Any) -> bool:
    """Return whether *span* is where its trace entered this process."""
    return span.parent_id is None or span.parent_id == span.local.remote_parent_id


def draw(spans: list[Any], stream: TextIO) -> str:
    """Return the lines of one trace as they fit *stream*."""
    return tree(spans, width=width_of(stream), colour=wants_colour(stream))


def tree(spans: list[Any], *, width: int, colour: bool) -> str:
    """Return the lines of one trace, at most *width* columns wide."""
    rows = list(_rows(spans, max_indent=max(width // 10, 1)))
    shown = rows[:MAX_LINES]
    widest = max(cells(row.prefix) + cells(visible(row.span.name)) for row in shown)
    column = min(widest, max(min(_MIN_NAME, width - _DURATION_WIDTH - 2), width * 9 // 20))
    tint = paint if colour else _no_paint
    page = _Page(width, column, tint)
    lines = [tint(_heading(spans), "dim")]
    for row in shown:
        lines.extend(_span_lines(row, page))
    if len(rows) > len(shown):
        lines.append(tint(f"… {len(rows) - len(shown)} more spans", "dim"))
    return "\n".join(lines) + "\n"


def duration(duration_ns: int) -> str:
    """Return a duration for people.

    >>> [duration(ns) for ns in (850, 1_234_000, 56_700_000, 3_210_000_000, 125_000_000_000)]
    ['1 µs', '1.23 ms', '56.7 ms', '3.21 s', '2 m 05 s']
    """
    if duration_ns < _ROUNDS_UP * _MS:
        return f"{duration_ns / 1000:.0f} µs"
    if duration_ns < _MINUTE:
        unit, size = ("ms", _MS) if duration_ns < _ROUNDS_UP * _S else ("s", _S)
        return f"{duration_ns / size:#.3g} {unit}".replace(". ", " ")
    minutes, rest = divmod(duration_ns // _S, 60)
    return f"{minutes} m {rest:02d} s"


def attributes_text(attributes: dict[str, Any] | None, hidden: frozenset[str]) -> str:
    """Return ``key=value`` pairs for people, long values shortened."""
    shown = (
        cut(f"{visible(key)}={visible(value)}", _MAX_ATTRIBUTE)
        for key, value in (attributes or {}).items()
        if key not in hidden
    )
    return " ".join(shown)


def clock_time(time_ns: int) -> str:
    """Return the local time of day, ``12:03:04.123``."""
    try:
        moment = datetime.datetime.fromtimestamp(time_ns / 1e9).astimezone()
    except (ValueError, OverflowError, OSError):
        return str(time_ns)
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"


def _no_paint(line: str, _colour: str) -> str:
    return line


def _heading(spans: list[Any]) -> str:
    first = min(spans, key=lambda span: span.start_ns)
    heading = f"{clock_time(first.start_ns)}  trace {first.local.trace_id:032x}"
    return heading if any(is_root(span) for span in spans) else f"{heading} (part of it)"


def _rows(spans: list[Any], *, max_indent: int) -> Iterator[_Row]:
    """Yield the spans, parents before children, with the branches of their lines."""
    known = {span.span_id for span in spans}
    children: dict[int | None, list[Any]] = {}
    for span in sorted(spans, key=lambda span: span.start_ns):
        is_top = is_root(span) or span.parent_id not in known or span.parent_id == span.span_id
        children.setdefault(None if is_top else span.parent_id, []).append(span)
    stack = [("", "", 0, span) for span in reversed(children.pop(None, []))]
    while stack:
        prefix, below, depth, span = stack.pop()
        yield _Row(prefix, below, span)
        own = children.pop(span.span_id, [])
        # Very deep traces stay at one indent, or nothing else would fit.
        base = below if depth < max_indent else below[:-3]
        for child in reversed(own):
            is_last = child is own[-1]
            entry = (base + ("└─ " if is_last else "├─ "), base + ("   " if is_last else "│  "))
            stack.append((*entry, depth + 1, child))
    # Spans that are each other's parents hang on no root.
    for circle in children.values():
        yield from (_Row("", "", span) for span in circle)


def _span_lines(row: _Row, page: _Page) -> Iterator[str]:
    prefix, below, span = row
    width, column, tint = page
    name = cut(visible(span.name), max(column - cells(prefix), 4))
    padding = " " * (column - cells(prefix) - cells(name))
    took = duration(span.end_ns - span.start_ns).rjust(_DURATION_WIDTH)
    room = width - column - 2 * 2 - _DURATION_WIDTH
    status, colour = _status(span)
    status = cut(status, room) if room >= _MIN_STATUS else ""
    details = attributes_text(span.attrs, _QUIET_KEYS)
    left = room - cells(status) - (1 if status else 0)
    details = cut(details, left) if left >= _MIN_DETAIL else ""
    line = f"{tint(prefix, 'dim')}{tint(name, 'bold')}{padding}  {took}"
    marks = " ".join(filter(None, (tint(status, colour), tint(details, "dim"))))
    yield f"{line}  {marks}".rstrip()
    for event in (span.extra.events or ()) if span.extra is not None else ():
        text, colour = _event(event, span.start_ns)
        yield tint(below, "dim") + tint(cut(text, width - cells(below)), colour)


def _status(span: Any) -> tuple[str, str]:
    status = span.extra.status if span.extra is not None else None
    if status is None:
        return "", "dim"
    code = status.status_code.name
    if code == "ERROR":
        return f"ERROR {visible(status.description or '')}".rstrip(), "red"
    return ("ok", "green") if code == "OK" else ("", "dim")


def _event(event: tuple[str, int, dict[str, Any] | None], start_ns: int) -> tuple[str, str]:
    name, time_ns, attributes = event
    attributes = attributes or {}
    if name == names.EXCEPTION_EVENT:
        kind = visible(attributes.get(names.EXCEPTION_TYPE, "exception"))
        message = visible(attributes.get(names.EXCEPTION_MESSAGE, ""))
        return f"! {kind}: {message}", "red"
    after = duration(max(time_ns - start_ns, 0))
    pairs = attributes_text(attributes, _EXCEPTION_KEYS)
    return f"· {visible(name)} +{after} {pairs}".rstrip(), "dim"
