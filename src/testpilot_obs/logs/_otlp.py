"""The sink that hands lines to delivery."""

from contextlib import suppress
from typing import Any

from testpilot_obs import exporters, names
from testpilot_obs._core.exceptions import type_name
from testpilot_obs._core.values import shorten
from testpilot_obs.logs._levels import BY_METHOD, severity
from testpilot_obs.logs._line import Facts, Line, Lines, each_removed
from testpilot_obs.protocols import LogEntry, LogRecord

_HEAVY = 1_024
_LIGHT = frozenset({int, float, bool, type(None)})
_severities = {level: severity(level) for level in BY_METHOD.values()}
_capitals = {name: name.upper() for name in ("debug", "info", "warning", "error", "critical")}


class OtlpQueue:
    """Appends lines to the queue; of light ones the worker makes the record (`Facts.made`).

    Args:
        queue: Delivery's queue for logs.
        most: How many attributes a record may have; the last ones are left out.
        length: Longest text of an attribute, in characters; ``None`` if there is no limit.
    """

    def __init__(self, queue: Any, *, most: int, length: int | None) -> None:
        self._queue = queue
        self._weigh = getattr(queue, "weigh", None)
        self._most = most
        self._length = length
        self._make = self._record
        self._takes_entries = getattr(queue, "takes_entries", False)

    def __call__(self, line: Line, facts: Facts) -> None:
        """Append one record, unless another handler of ``logging`` exports it."""
        if facts.is_exported:
            return
        queue = self._queue
        if facts.is_light:
            # A third of the price for the caller.
            facts.line, facts.maker = line, self._make
            queue.append(facts)
        else:
            facts.line = line
            record = self._record(facts)
            weight = _weight(record)
            if weight and self._weigh is not None:
                self._weigh(weight)
            queue.append(record)
        if len(queue.items) > queue.high:
            queue.pressure()

    def take(self, lines: Lines) -> bool:
        """Append *lines* of a flood, encoded; return False, as there is nothing to flush."""
        queue = self._queue
        for record in each_removed(lines, self._encoded):
            if type(record) is tuple and len(record[0]) > _HEAVY:
                queue.weigh(len(record[0]))
            if record is not None:
                queue.append(record)
                if len(queue.items) > queue.high:
                    # It gives up one record at a time.
                    queue.pressure()
        return False

    def _encoded(self, line_and_facts: tuple[Line, Facts]) -> LogEntry | LogRecord | Facts | None:
        """Return the line as the queue takes it; nothing if another handler exports it."""
        line, facts = line_and_facts
        if facts.is_exported:
            return None
        if self._takes_entries:
            with suppress(Exception):
                return self._entry(line, facts), exporters.named_scope_key(line["logger"])
        # The worker makes it; what cannot be encoded it mends, or counts as lost.
        facts.line, facts.maker = line, self._make
        return facts

    def _entry(self, line: Line, facts: Facts) -> bytes:
        return exporters.encode_line(
            time_ns=facts.time_ns,
            severity=_severity_of(line, facts),
            body=line["event"],
            attributes=self._attributes(line, facts),
            ids=(facts.trace_id, facts.span_id, facts.flags),
        )

    def _attributes(self, line: Line, facts: Facts) -> dict[str, Any]:
        attributes = _attributes(line, facts)
        if len(attributes) > self._most or self._length is not None:
            attributes = self._limited(attributes)
        return attributes

    def _record(self, facts: Facts) -> LogRecord:
        line = facts.line or {}
        number, words = _severity_of(line, facts)
        # By position: half a microsecond less than by name.
        return LogRecord(
            facts.time_ns,
            number,
            words,
            line["event"],
            self._attributes(line, facts),
            line["logger"],
            facts.trace_id,
            facts.span_id,
            facts.flags,
        )

    def _limited(self, attributes: dict[str, Any]) -> dict[str, Any]:
        attributes = dict(list(attributes.items())[: self._most])
        if self._length is None:
            return attributes
        return {key: shorten(value, self._length) for key, value in attributes.items()}


def _severity_of(line: Line, facts: Facts) -> tuple[int, str]:
    level = line["level"]
    number = _severities.get(facts.level) or severity(facts.level)
    return number, _capitals.get(level) or level.upper()


def _attributes(line: Line, facts: Facts) -> dict[str, Any]:
    """Return ours, then the user's fields, as attributes."""
    # A copy less what stands elsewhere in the record: a third of the price of choosing the others.
    fields = line.copy()
    del fields["level"], fields["event"], fields["logger"]
    fields.pop("timestamp", None)
    if facts.trace_id:
        fields.pop("trace_id", None)
        fields.pop("span_id", None)
    if "transaction" in fields or facts.error is not None:
        return _with_ours(fields, facts)
    return fields


def _weight(record: LogRecord) -> int:
    """Return the size of what is heavy in a record, in bytes."""
    weight = _size(record.body)
    for value in record.attributes.values():
        if type(value) not in _LIGHT:
            weight += _size(value)
    return weight


def _with_ours(fields: Line, facts: Facts) -> Line:
    """Return *fields* by their names in OpenTelemetry, those first that are ours."""
    ours: Line = {}
    if "transaction" in fields:
        ours[names.TRANSACTION] = fields.pop("transaction")
    if facts.error is not None:
        ours[names.EXCEPTION_TYPE] = type_name(facts.error)
        ours[names.EXCEPTION_MESSAGE] = facts.message
        ours[names.EXCEPTION_STACKTRACE] = fields.pop("exception")
        ours[names.EXCEPTION_CHAIN] = fields.pop("exception_chain")
    return {**ours, **fields}


def _size(value: Any) -> int:
    if isinstance(value, (str, bytes)):
        return len(value) if len(value) > _HEAVY else 0
    if isinstance(value, (tuple, dict)):
        inside = value.values() if isinstance(value, dict) else value
        return sum(_size(item) for item in inside)
    return 0
