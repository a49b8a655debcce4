"""What makes a line of what was written: a structlog processor, ``(logger, method, line) -> line``.

One function goes over the fields once. The usual field, of a known name and with a plain or known
value, costs two look-ups; everything else takes the slow way beside it.
"""

import sys
import traceback
from collections import deque
from collections.abc import Mapping
from typing import Any

from testpilot_obs._core import clock, current, redaction
from testpilot_obs._core.exceptions import MAX_MESSAGE, stacktrace
from testpilot_obs._core.redaction import LEAST_CARD, Redactor
from testpilot_obs._core.values import MAX_ITEMS, MAX_TEXT, freeze, is_a, text
from testpilot_obs.logs import _frames
from testpilot_obs.logs._levels import BY_METHOD, INFO
from testpilot_obs.logs._line import FACTS, Facts, Line, Origin
from testpilot_obs.logs._timestamp import rfc3339

RESERVED = frozenset(
    {
        "environment",
        "event",
        "exception",
        "exception_chain",
        "level",
        "logger",
        "service",
        "span_id",
        "stack",
        "timestamp",
        "trace_id",
        "transaction",
        "version",
    }
)
"""Keys that are ours; a user's field of that name gets an underscore: ``level_``."""

_MAX_KEY = 256
_PLAIN = frozenset({bool, float, type(None)})
SHORT_TEXT = 1_024
FEW = 16
_INT64 = 1 << 63
_MOST_KEYS = 4_096
_CONTAINERS = (dict, list, tuple, set, frozenset, deque, bytes, bytearray)
NUMBERS = frozenset({int, float, bool, type(None)})
_NOT_FIELDS = frozenset({"event", "exc_info", "stack_info"})


Moment = tuple[int, Any, tuple[int, ...], Redactor | None]
"""(nanoseconds since the epoch, name of the transaction or "", (trace id, span id, flags), who
redacts)."""


class Wanted:
    """What settings decide about the making of lines; one object, `wanted`."""

    def __init__(self) -> None:
        self.caller = False
        """Whether lines say where they were written."""
        self.locals = False
        """Whether frames of exceptions have their local variables."""


wanted = Wanted()
_keys_unredacted: set[str] = set()
"""What `Redactor.line_keys` is where nothing is redacted."""
_NOTHING: frozenset[str] = frozenset()
_last_ids: tuple[tuple[int, ...], str, str] = ((), "", "")


def message(event: object, arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Return ``event % arguments``, and the arguments if they do not fit.

    Secrets in mappings among the arguments are redacted before they are lost in the text, and what
    is long is cut before Python writes all of it: it needs 190 ms for a million numbers.
    """
    if not arguments:
        return text(event), ()
    redactor = redaction.active()
    arguments = tuple(_argument(redactor, one) for one in arguments)
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
        fields[_key(None, "event", fields)] = fields["event"]
    if not arguments and type(event) is str and len(event) <= SHORT_TEXT:
        fields["event"] = event
        return fields
    fields["event"], left_over = message(event, arguments)
    if left_over:
        fields["arguments"] = left_over
    return fields


def moment_of(logger: Origin) -> Moment:
    """Return when and where a line of *logger* is written, and under which redaction."""
    time_ns = logger.time_ns or clock.time_ns()
    where = logger.where
    if where is not None:
        return time_ns, where[0], where[1:], redaction.active()
    now = current.transaction()
    name = "" if now is None else now.name
    return time_ns, name, current.current_ids(), redaction.active()


def compose(logger: Origin, method: str, line: Line, *, moment: Moment | None = None) -> Line:
    """Return the finished line: when, how severe, what, from where, and the fields, redacted.

    Args:
        logger: Who wrote it.
        method: What was called.
        line: What `begin` returned.
        moment: When and where it was written, if not now and here; then *line* has what was bound.
    """
    if moment is None:
        add_context(line)
        moment = moment_of(logger)
    time_ns, transaction, ids, redactor = moment
    clean: Any = _NOTHING if redactor is None else redactor.clean
    level = logger.level or BY_METHOD.get(method, INFO)
    # By position: half the price.
    facts = Facts(time_ns, level, logger.is_printed, logger.is_exported, logger.is_audit)
    event = line.get("event", "")
    if event not in clean:
        event = _field(redactor, "", event)
    made: Line = {
        "timestamp": rfc3339(time_ns),
        "level": logger.level_name or method,
        "event": event,
        "logger": logger.name,
    }
    facts.is_light = _add_fields(made, line, redactor, clean=clean) and len(event) <= SHORT_TEXT
    if transaction:
        name = text(transaction)
        made["transaction"] = name if name in clean else _field(redactor, "", name)
    if ids[0]:
        _add_trace(made, facts, ids)
    if wanted.caller:
        made.update(logger.caller or _frames.caller())
    if "exc_info" in line or "stack_info" in line:
        _add_exception(made, facts, line, redactor=redactor)
    made[FACTS] = facts
    return made


def _add_fields(made: Line, line: Line, redactor: Redactor | None, *, clean: Any) -> bool:
    """Add the user's fields; return whether they are few, and all numbers or short texts."""
    plain_keys = _plain_keys(redactor)
    # One of them is the event.
    is_light = len(line) <= FEW + 1
    for key, value in line.items():
        if key in plain_keys:
            known = key
            kind = type(value)
            if kind is str:
                if value in clean:
                    made[key] = value
                    continue
            elif kind in _PLAIN or (kind is int and -_INT64 <= value < LEAST_CARD):
                made[key] = value
                continue
        elif key in _NOT_FIELDS:
            continue
        else:
            known = _key(redactor, key, line)
        field = made[known] = _field(redactor, known, value)
        if is_light:
            kind = type(field)
            is_light = len(field) <= SHORT_TEXT if kind is str else kind in NUMBERS
    return is_light


def _plain_keys(redactor: Redactor | None) -> set[str]:
    return _keys_unredacted if redactor is None else redactor.line_keys


def _key(redactor: Redactor | None, key: Any, line: Line) -> str:
    """Return *key* as text that is not one of ours; remember it if its values need no care."""
    if key in RESERVED:
        while key in RESERVED or key in line:
            key = f"{key}_"
        return str(key)
    if type(key) is not str or not key.isascii() or len(key) > _MAX_KEY:
        return text(key, _MAX_KEY)
    if redactor is None or not redactor.rule_of(key):
        plain_keys = _plain_keys(redactor)
        if len(plain_keys) >= _MOST_KEYS:
            plain_keys.clear()
        plain_keys.add(key)
    return key


def _field(redactor: Redactor | None, key: str, value: Any) -> Any:
    """Return *value* exportable and without secrets."""
    if type(value) is not str or not value.isascii() or len(value) > SHORT_TEXT:
        value = freeze(value)
    return value if redactor is None else redactor.value(key, value)


def add_context(line: Line) -> None:
    """Add what is bound to the context, with `bind` or with structlog's contextvars."""
    bound = current.bound_fields()
    if not bound and not has_structlog_context():
        return
    for fields in (bound, _structlog_context()):
        for key, value in fields.items():
            line.setdefault(f"{key}_" if key == "event" else key, value)


def _add_trace(line: Line, facts: Facts, ids: tuple[int, ...]) -> None:
    facts.trace_id, facts.span_id, facts.flags = ids
    global _last_ids  # noqa: PLW0603  # a cache of one tuple, replaced at once
    last = _last_ids
    if last[0] != ids:
        _last_ids = last = (ids, f"{ids[0]:032x}", f"{ids[1]:016x}")
    line["trace_id"], line["span_id"] = last[1], last[2]


def _add_exception(made: Line, facts: Facts, line: Line, *, redactor: Redactor | None) -> None:
    """Turn ``exc_info`` of any kind, and ``stack_info``, into text and frames."""
    facts.is_light = False
    exc_info, stack_info = line.get("exc_info"), line.get("stack_info")
    error = error_of(exc_info) if exc_info else None
    if error is not None:
        facts.error = error
        facts.message = _field(redactor, "", text(error, MAX_MESSAGE))
        words = stacktrace(error).rstrip("\n")
        made["exception"] = words if redactor is None else redactor.text(words)
        chain = _frames.chain(error, with_locals=wanted.locals)
        made["exception_chain"] = chain if redactor is None else redactor.value("", chain)
    if stack_info:
        is_text = isinstance(stack_info, str)
        words = text(stack_info if is_text else "".join(traceback.format_stack()))
        made["stack"] = words if redactor is None else redactor.text(words)


def error_of(exc_info: object) -> BaseException | None:
    """Return the exception that ``exc_info`` means: itself, a tuple's, or the one being handled."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return next((part for part in exc_info if isinstance(part, BaseException)), None)
    return sys.exc_info()[1]


def _argument(redactor: Redactor | None, argument: Any) -> Any:
    """Return an argument for a ``%`` sign, without secrets and not too long; or as it is."""
    if type(argument) in NUMBERS:
        return argument
    if is_a(argument, str):
        return argument if len(argument) <= MAX_TEXT else text(argument)
    if not is_a(argument, _CONTAINERS):
        return argument
    frozen = freeze(argument)
    redacted = frozen if redactor is None else redactor.value("", frozen)
    return argument if redacted is frozen and _is_modest(argument) else redacted


def _is_modest(value: Any) -> bool:
    """Return whether Python may write all that is in a container: 1,000 items, 64 kB of text."""
    items, length = MAX_ITEMS, MAX_TEXT
    inside = [value]
    while inside and items > 0 < length:
        one = inside.pop()
        if is_a(one, (str, bytes, bytearray)):
            length -= len(one)
        elif is_a(one, _CONTAINERS):
            items -= len(one)
            if items > 0:
                inside += one
                inside += one.values() if is_a(one, dict) else ()
    return items > 0 < length


def has_structlog_context() -> bool:
    """Return whether structlog's contextvars may hold anything; reading all takes a microsecond."""
    module: Any = sys.modules.get("structlog.contextvars")
    return module is not None and bool(getattr(module, "_CONTEXT_VARS", True))


def _structlog_context() -> Mapping[str, Any]:
    if not has_structlog_context():
        return {}
    found: Mapping[str, Any] = sys.modules["structlog.contextvars"].get_contextvars()
    return found
