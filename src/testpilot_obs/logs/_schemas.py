"""What the fields of a JSON line are called where it is read.

Each schema is a function from our line to theirs, and one for what is the same in every line.
Fields of the user keep their names.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from testpilot_obs import names
from testpilot_obs._core.exceptions import type_name
from testpilot_obs.logs._line import Facts, Line

_LOW_64_BITS = (1 << 64) - 1
_CODE = (names.CODE_FUNCTION, names.CODE_FILE, names.CODE_LINE)


class Schema(NamedTuple):
    """How a reader wants a line."""

    rename: Callable[[Line, Facts], Line] | None
    constant: Callable[[Mapping[str, str]], dict[str, Any]]
    """``service``, ``version`` and ``environment`` → the fields that carry them."""


def _ecs(line: Line, facts: Facts) -> Line:
    rest = dict(line)
    named: Line = {
        "@timestamp": rest.pop("timestamp"),
        "log.level": rest.pop("level"),
        "message": rest.pop("event"),
        "ecs.version": "8.11.0",
        "log.logger": rest.pop("logger"),
    }
    _move(rest, named, transaction="transaction.name", trace_id="trace.id", span_id="span.id")
    error = _error(rest, facts)
    if error:
        named["error.type"], named["error.message"], named["error.stack_trace"] = error
    places = ("log.origin.function", "log.origin.file.name", "log.origin.file.line")
    _move(rest, named, **dict(zip(_CODE, places, strict=True)))
    return {**named, **rest}


def _gcp(line: Line, facts: Facts) -> Line:
    rest = dict(line)
    level = rest.pop("level").upper()
    named: Line = {
        "time": rest.pop("timestamp"),
        "severity": level if level in _SEVERITIES else "DEFAULT",
        "message": rest.pop("event"),
        "logger": rest.pop("logger"),
    }
    _move(rest, named, trace_id="logging.googleapis.com/trace")
    _move(rest, named, span_id="logging.googleapis.com/spanId")
    if facts.trace_id:
        named["logging.googleapis.com/trace_sampled"] = bool(facts.flags & 1)
    error = _error(rest, facts)
    if error:
        named["exception.type"], named["exception.message"], named["stack_trace"] = error
    if names.CODE_FILE in rest:
        function, path, number = (rest.pop(key) for key in _CODE)
        named["logging.googleapis.com/sourceLocation"] = {
            "function": function,
            "file": path,
            "line": str(number),
        }
    return {**named, **rest}


def _datadog(line: Line, facts: Facts) -> Line:
    rest = dict(line)
    named: Line = {
        "timestamp": rest.pop("timestamp"),
        "status": rest.pop("level"),
        "message": rest.pop("event"),
        "logger": {"name": rest.pop("logger")},
    }
    if facts.trace_id:
        # Its traces are known by the lower half, in decimal.
        named["dd.trace_id"] = str(facts.trace_id & _LOW_64_BITS)
        named["dd.span_id"] = str(facts.span_id)
        del rest["trace_id"], rest["span_id"]
    error = _error(rest, facts)
    if error:
        named["error"] = dict(zip(("kind", "message", "stack"), error, strict=True))
    return {**named, **rest}


def _error(rest: Line, facts: Facts) -> tuple[str, str, str] | None:
    """Take the exception out of *rest*: its type, message and stack trace."""
    if facts.error is None:
        return None
    return type_name(facts.error), facts.message, rest.pop("exception")


def _move(rest: Line, named: Line, **new_names: str) -> None:
    for old, new in new_names.items():
        if old in rest:
            named[new] = rest.pop(old)


def _plain(of_process: Mapping[str, str]) -> dict[str, Any]:
    return dict(of_process)


def _ecs_constant(of_process: Mapping[str, str]) -> dict[str, Any]:
    return {_ECS_NAMES[key]: value for key, value in of_process.items()}


def _gcp_constant(of_process: Mapping[str, str]) -> dict[str, Any]:
    known = {key: of_process[key] for key in ("service", "version") if key in of_process}
    rest = {key: value for key, value in of_process.items() if key not in known}
    return {"serviceContext": known, **rest}


def _datadog_constant(of_process: Mapping[str, str]) -> dict[str, Any]:
    return {_DATADOG_NAMES[key]: value for key, value in of_process.items()}


_SEVERITIES = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_ECS_NAMES = {
    "service": "service.name",
    "version": "service.version",
    "environment": "service.environment",
}
_DATADOG_NAMES = {"service": "service", "version": "dd.version", "environment": "dd.env"}

SCHEMAS: Mapping[str, Schema] = {
    "default": Schema(None, _plain),
    "ecs": Schema(_ecs, _ecs_constant),
    "gcp": Schema(_gcp, _gcp_constant),
    "datadog": Schema(_datadog, _datadog_constant),
}
"""By the name in ``TESTPILOT_OBS_LOG_SCHEMA``.

Source: Elastic Common Schema 8.11 and its logging specification; Google Cloud, "Structured
logging", special fields; Datadog, "Attributes and Aliasing", reserved attributes.
"""
