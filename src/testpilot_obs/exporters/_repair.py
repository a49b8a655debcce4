"""Second try for a record whose fast encoding raised: copy it, mend what is wrong, lose no more.

Encoders assume that names are text and times fit 64 bits, because nearly all do. The record that
proves them wrong pays for it, and no other.
"""

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from opentelemetry.trace import SpanKind

from testpilot_obs._core import diagnostics
from testpilot_obs._core.values import freeze, text
from testpilot_obs.exporters._wire import MAX_UINT32, MAX_UINT64
from testpilot_obs.protocols import LogRecord

_MAX_UINT128 = (1 << 128) - 1


class Attributes(dict[str, Any]):
    """Attributes of an event or link that remember how many were dropped."""

    __slots__ = ("dropped",)
    dropped: int


def span(record: Any) -> Any:
    """Return a copy of a span that can be encoded."""
    start = uint(record.start_ns, MAX_UINT64)
    local = record.local
    return SimpleNamespace(
        name=text(record.name),
        kind=record.kind if isinstance(record.kind, SpanKind) else SpanKind.INTERNAL,
        local=SimpleNamespace(
            trace_id=uint(local.trace_id, _MAX_UINT128),
            flags=uint(local.flags, 255),
            trace_state=_readable(lambda: local.trace_state),
            remote_parent_id=uint(local.remote_parent_id, MAX_UINT64),
        ),
        span_id=uint(record.span_id, MAX_UINT64),
        parent_id=None if record.parent_id is None else uint(record.parent_id, MAX_UINT64),
        start_ns=start,
        end_ns=max(start, uint(record.end_ns, MAX_UINT64)),
        attrs=attributes(record.attrs),
        extra=None if record.extra is None else _extra(record.extra),
        scope=record.scope,
    )


def log(record: LogRecord) -> LogRecord:
    """Return a copy of a log record that can be encoded."""
    return LogRecord(
        time_ns=uint(record.time_ns, MAX_UINT64),
        severity_number=uint(record.severity_number, 24),
        severity_text=text(record.severity_text),
        body=freeze(record.body),
        attributes=attributes(record.attributes) or {},
        logger=text(record.logger),
        trace_id=uint(record.trace_id, _MAX_UINT128),
        span_id=uint(record.span_id, MAX_UINT64),
        flags=uint(record.flags, MAX_UINT32),
    )


def attributes(source: Mapping[Any, Any] | None) -> Attributes | None:
    """Return a copy with text keys and exportable values; a bad pair loses only itself."""
    if not source:
        return None
    mended = Attributes()
    mended.dropped = uint(getattr(source, "dropped", 0), MAX_UINT32)
    for key, value in _listed(source.items):
        mended[text(key, 1024)] = freeze(value)
    return mended


def uint(value: object, most: int) -> int:
    """Return *value* as an integer from 0 to *most*; 0 if it is no number."""
    try:
        return min(max(int(value), 0), most)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        return 0


def _extra(extra: Any) -> Any:
    return SimpleNamespace(
        events=[_event(event) for event in _listed(lambda: extra.events)],
        links=[link for entry in _listed(lambda: extra.links) if (link := _link(entry))],
        status=_readable(lambda: _status(extra.status)),
        dropped_attributes=uint(extra.dropped_attributes, MAX_UINT32),
        dropped_events=uint(extra.dropped_events, MAX_UINT32),
        dropped_links=uint(extra.dropped_links, MAX_UINT32),
    )


def _event(entry: Any) -> tuple[str, int, Attributes | None]:
    name, time_ns, attrs = entry
    return text(name), uint(time_ns, MAX_UINT64), attributes(attrs)


def _link(entry: Any) -> tuple[Any, Attributes | None] | None:
    context, attrs = entry
    mended = _readable(
        lambda: SimpleNamespace(
            trace_id=uint(context.trace_id, _MAX_UINT128),
            span_id=uint(context.span_id, MAX_UINT64),
            trace_flags=uint(context.trace_flags, 255),
            trace_state=_readable(lambda: context.trace_state),
            is_remote=bool(context.is_remote),
        )
    )
    return None if mended is None else (mended, attributes(attrs))


def _status(status: Any) -> Any:
    if status is None:
        return None
    description = status.description
    return SimpleNamespace(
        status_code=status.status_code,
        description=None if description is None else text(description),
    )


def _listed(read: Callable[[], Iterable[Any] | None]) -> list[Any]:
    return _readable(lambda: list(read() or ())) or []


def _readable(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception:
        diagnostics.warn_once("unreadable", "part of a span cannot be read and is left out")
        return None
