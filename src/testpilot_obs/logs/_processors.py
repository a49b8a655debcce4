"""The steps every line goes through, in order; each is ``(logger, method, line) -> line``."""

import sys
import traceback
from collections.abc import Mapping
from typing import Any, TypeGuard

from testpilot_obs._core import clock, current
from testpilot_obs._core.exceptions import stacktrace
from testpilot_obs._core.values import freeze, text
from testpilot_obs.logs._levels import BY_METHOD, INFO
from testpilot_obs.logs._line import FACTS, Facts, Line, Origin, Processor
from testpilot_obs.logs._timestamp import rfc3339

RESERVED = frozenset(
    {
        "exception",
        "level",
        "logger",
        "service",
        "span_id",
        "stack",
        "timestamp",
        "trace_id",
        "transaction",
    }
)
"""Keys that are ours; a user's field of that name gets an underscore: ``level_``."""

_MAX_KEY = 256
_PLAIN = frozenset({bool, float, type(None)})
_SHORT_TEXT = 1_024
_INT64 = 1 << 63
_NOT_FIELDS = frozenset({"exc_info", "stack_info"})


def message(event: object, arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Return ``event % arguments``, and the arguments if they do not fit."""
    if not arguments:
        return event if _is_plain_text(event) else text(event), ()
    named = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], Mapping) else None
    try:
        return text(str(event) % (named or arguments)), ()
    except Exception as error:
        return text(event), (*arguments, error)[: len(arguments)]


def begin(event: object, arguments: tuple[Any, ...], fields: Line) -> Line:
    """Return the line as it enters the pipeline: the event, then the user's fields.

    Args:
        event: What happened; any object.
        arguments: For the ``%`` signs in *event*.
        fields: Anything; the dictionary becomes the line.
    """
    if "event" in fields:
        fields = _renamed(fields, frozenset({"event"}))
    fields["event"], left_over = message(event, arguments)
    if left_over:
        fields["arguments"] = left_over
    return fields


def merge_context(_logger: Origin, _method: str, line: Line) -> Line:
    """Add what was bound to the context, with `bind` or with structlog's contextvars."""
    for fields in (current.bound_fields(), _structlog_context()):
        if fields:
            for key, value in fields.items():
                line.setdefault(f"{key}_" if key == "event" else key, value)
    return line


def rename_reserved(_logger: Origin, _method: str, line: Line) -> Line:
    """Keep fields that are called like ours, under another name."""
    return line if RESERVED.isdisjoint(line) else _renamed(line, RESERVED)


def clean(_logger: Origin, _method: str, line: Line) -> Line:
    """Make keys and values exportable: copied, bounded, without lone surrogates."""
    cleaned: Line = {}
    for key, value in line.items():
        kind = type(value)
        if kind is str:
            kept: Any = value if value.isascii() and len(value) <= _SHORT_TEXT else text(value)
        elif kind is int:
            kept = value if -_INT64 <= value < _INT64 else freeze(value)
        else:
            kept = value if kind in _PLAIN or key in _NOT_FIELDS else freeze(value)
        is_short = type(key) is str and key.isascii() and len(key) <= _MAX_KEY
        cleaned[key if is_short else text(key, _MAX_KEY)] = kept
    return cleaned


def add_origin(logger: Origin, method: str, line: Line) -> Line:
    """Put in front when, how severe and from which logger."""
    time_ns = logger.time_ns or clock.time_ns()
    level = logger.level or BY_METHOD.get(method, INFO)
    return {
        "timestamp": rfc3339(time_ns),
        "level": logger.level_name or method,
        "event": "",
        "logger": logger.name,
        **line,
        FACTS: Facts(time_ns, level, logger.is_printed),
    }


def add_trace(logger: Origin, _method: str, line: Line) -> Line:
    """Add the current transaction, trace and span; nothing where there is none."""
    if logger.where is None:
        name = current.transaction_name()
        trace_id, span_id, flags = current.current_ids()
    else:
        name, trace_id, span_id, flags = logger.where
    if name:
        line["transaction"] = name
    if trace_id:
        facts = line[FACTS]
        facts.trace_id, facts.span_id, facts.flags = trace_id, span_id, flags
        line["trace_id"] = f"{trace_id:032x}"
        line["span_id"] = f"{span_id:016x}"
    return line


def add_exception(_logger: Origin, _method: str, line: Line) -> Line:
    """Turn ``exc_info`` of any kind, and ``stack_info``, into text."""
    exc_info, stack_info = line.pop("exc_info", None), line.pop("stack_info", None)
    if exc_info:
        error = error_of(exc_info)
        if error is not None:
            line[FACTS].error = error
            line["exception"] = stacktrace(error).rstrip("\n")
    if stack_info:
        is_text = isinstance(stack_info, str)
        line["stack"] = text(stack_info if is_text else "".join(traceback.format_stack()))
    return line


STEPS: tuple[Processor, ...] = (
    merge_context,
    rename_reserved,
    clean,
    add_origin,
    add_trace,
    add_exception,
)
"""All of them; what comes out is handed to the sinks."""


def error_of(exc_info: object) -> BaseException | None:
    """Return the exception that ``exc_info`` means: itself, a tuple's, or the one being handled."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return next((part for part in exc_info if isinstance(part, BaseException)), None)
    return sys.exc_info()[1]


def _is_plain_text(value: object) -> TypeGuard[str]:
    return type(value) is str and value.isascii() and len(value) <= _SHORT_TEXT


def _renamed(fields: Mapping[str, Any], taken: frozenset[str]) -> Line:
    renamed: Line = {}
    for key, value in fields.items():
        free = key
        while free in taken or (free != key and free in fields):
            free = f"{free}_"
        renamed[free] = value
    return renamed


def _structlog_context() -> Mapping[str, Any]:
    module: Any = sys.modules.get("structlog.contextvars")
    # Reading all context variables takes a microsecond; hardly anyone has bound one.
    if module is None or not getattr(module, "_CONTEXT_VARS", True):
        return {}
    found: Mapping[str, Any] = module.get_contextvars()
    return found
