"""The finished spans of a local trace that wait until it is decided whether they are kept."""

from typing import Any

from opentelemetry.trace import StatusCode

_SPAN_BYTES = 600
_EVENT_BYTES = 300
_HUGE_NS = 1 << 63


class Held:
    """What is known of one local trace so far."""

    __slots__ = (
        "ended_ns",
        "has_error",
        "priority",
        "randomness",
        "root",
        "since",
        "size",
        "spans",
        "started_ns",
        "threshold",
    )

    def __init__(self, since: float) -> None:
        self.since = since
        """When the first span came, monotonic seconds."""
        self.spans: list[Any] = []
        self.size = 0
        """How many bytes they take, about."""
        self.root: Any = None
        """The local root, once it has ended."""
        self.has_error = False
        self.started_ns, self.ended_ns = _HUGE_NS, 0
        self.threshold = self.randomness = 0
        self.priority = False

    def add(self, span: Any) -> None:
        """Add a finished *span*."""
        size, has_error, is_root = size_of(span), is_error(span), is_local_root(span)
        self.started_ns = min(self.started_ns, span.start_ns)
        self.ended_ns = max(self.ended_ns, span.end_ns)
        # From here on nothing can fail, whatever the span is made of.
        self.size += size
        self.has_error = self.has_error or has_error
        self.spans.append(span)
        if is_root:
            self.root = span

    def lasted_s(self, until_ns: int) -> float:
        """Return how long the trace took here, in seconds; if it goes on, until *until_ns*."""
        end_ns = self.ended_ns if self.root is not None else max(self.ended_ns, until_ns)
        return (end_ns - self.started_ns) / 1e9


def is_local_root(span: Any) -> bool:
    """Return whether *span* is the first of its trace in this process."""
    return span.parent_id is None or span.parent_id == span.local.remote_parent_id


def key_of(span: Any) -> tuple[int, int]:
    """Return what the spans of one local trace have in common: trace and remote parent."""
    local = span.local
    # Spans of the application's own provider do not say below which remote parent they are.
    is_ours = hasattr(local, "base")
    return local.trace_id, local.remote_parent_id if is_ours else 0


def is_error(span: Any) -> bool:
    """Return whether *span* ended with the status ERROR."""
    status = None if span.extra is None else span.extra.status
    return status is not None and status.status_code is StatusCode.ERROR


def size_of(span: Any) -> int:
    """Return how many bytes of memory *span* takes, about."""
    size = _SPAN_BYTES
    for value in (span.attrs or {}).values():
        if type(value) in {str, bytes, tuple}:
            size += len(value)
    if span.extra is not None and span.extra.events:
        for _, _, attributes in span.extra.events:
            size += _EVENT_BYTES
            size += sum(len(one) for one in (attributes or {}).values() if type(one) is str)
    return size
