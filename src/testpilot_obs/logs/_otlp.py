"""The sink that hands lines to delivery."""

from typing import Any

from testpilot_obs import names
from testpilot_obs._core.exceptions import type_name
from testpilot_obs._core.values import shorten
from testpilot_obs.logs._levels import severity
from testpilot_obs.logs._line import Facts, Line
from testpilot_obs.protocols import LogRecord

_NOT_ATTRIBUTES = frozenset(
    {
        "event",
        "exception",
        "exception_chain",
        "level",
        "logger",
        "span_id",
        "timestamp",
        "trace_id",
        "transaction",
    }
)
_HEAVY = 1_024
_LIGHT = frozenset({int, float, bool, type(None)})
_capitals = {name: name.upper() for name in ("debug", "info", "warning", "error", "critical")}


class OtlpQueue:
    """Turns a line into a `LogRecord` and appends it to the queue.

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

    def __call__(self, line: Line, facts: Facts) -> None:
        """Append one record, unless another handler of ``logging`` exports it."""
        if facts.is_exported:
            return
        queue = self._queue
        attributes, weight = _attributes(line, facts)
        event, level = line["event"], line["level"]
        if len(event) > _HEAVY:
            weight += len(event)
        # By position: half a microsecond less than by name.
        record = LogRecord(
            facts.time_ns,
            severity(facts.level),
            _capitals.get(level) or level.upper(),
            event,
            self._limited(attributes),
            line["logger"],
            facts.trace_id,
            facts.span_id,
            facts.flags,
        )
        if weight and self._weigh is not None:
            self._weigh(weight)
        queue.append(record)
        if len(queue.items) > queue.high:
            queue.pressure()

    def _limited(self, attributes: dict[str, Any]) -> dict[str, Any]:
        if len(attributes) > self._most:
            attributes = dict(list(attributes.items())[: self._most])
        if self._length is None:
            return attributes
        return {key: shorten(value, self._length) for key, value in attributes.items()}


def _attributes(line: Line, facts: Facts) -> tuple[dict[str, Any], int]:
    """Return our attributes, then the user's fields; and the weight of what is heavy in them."""
    ours: dict[str, Any] = {}
    weight = 0
    if "transaction" in line:
        ours[names.TRANSACTION] = line["transaction"]
    if facts.error is not None:
        ours[names.EXCEPTION_TYPE] = type_name(facts.error)
        ours[names.EXCEPTION_MESSAGE] = facts.message
        ours[names.EXCEPTION_STACKTRACE] = line["exception"]
        ours[names.EXCEPTION_CHAIN] = line["exception_chain"]
        weight = sum(_size(value) for value in ours.values())
    for key, value in line.items():
        if key not in _NOT_ATTRIBUTES:
            ours[key] = value
            if type(value) not in _LIGHT:
                weight += _size(value)
    return ours, weight


def _size(value: Any) -> int:
    if isinstance(value, (str, bytes)):
        return len(value) if len(value) > _HEAVY else 0
    if isinstance(value, (tuple, dict)):
        inside = value.values() if isinstance(value, dict) else value
        return sum(_size(item) for item in inside)
    return 0
