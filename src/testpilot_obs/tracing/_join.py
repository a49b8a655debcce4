"""Living with a tracer provider that the application has already: it is joined, not replaced.

Our spans are made by its tracers, and a processor that we add to it hands every span, theirs
too, to our queue.
"""

from typing import Any
from weakref import WeakKeyDictionary

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.trace import StatusCode

from testpilot_obs import names
from testpilot_obs._core import diagnostics
from testpilot_obs._core.values import freeze, text
from testpilot_obs.tracing import _exceptions
from testpilot_obs.tracing._limits import pairs
from testpilot_obs.tracing._span import Extra, Kept, LocalTrace
from testpilot_obs.tracing._tracer import Entry, usable_links


class JoinedTracer:
    """One tracer of a foreign provider, with the methods that our front door calls."""

    fast = False
    shares_off = False

    def __init__(self, tracer: Any) -> None:
        self._tracer = tracer
        self._traces: WeakKeyDictionary[Any, LocalTrace] = WeakKeyDictionary()

    def open(self, name: Any, kind: Any, attributes: Any) -> Entry:
        """Return the context manager of a span."""
        return Entry(self, (name, None, kind, attributes, (), None), (True, True, True))

    def begin_new(self, _cls: Any, arguments: Any, options: Any) -> Any:
        """Return a span of the foreign provider that has begun."""
        name, context, kind, attributes, links, start_time = arguments
        kept = {text(key): freeze(value) for key, value in pairs(attributes)}
        with diagnostics.guard("begin a span of the application's own tracer provider"):
            return self._tracer.start_span(
                name if type(name) is str else text(name),
                context,
                kind,
                {key: value for key, value in kept.items() if key},
                usable_links(links),
                start_time,
                options[0],
                options[1],
            )
        return otel_trace.INVALID_SPAN

    def enter(self, span: Any, base: Any) -> Any:
        """Make *span* current, within the context *base*; returns what `leave` needs."""
        return otel_context.attach(otel_trace.set_span_in_context(span, base))

    def leave(self, _span: Any, token: Any) -> None:
        """Make current again what was before `enter`."""
        otel_context.detach(token)

    def failed(self, span: Any, error: BaseException, _token: Any) -> None:
        """Note on *span* that *error* left it, unless that was done on its way up to here."""
        with diagnostics.guard("record an exception"):
            if not _exceptions.is_recorded(error, self._trace_of(span)):
                described = _exceptions.describe(error, escaped=True)
                span.add_event(names.EXCEPTION_EVENT, described)
                outer = otel_trace.get_current_span()
                _exceptions.remember(error, self._trace_of(span), self._trace_of(outer))
            span.set_status(StatusCode.ERROR, _exceptions.status_text(error))

    def end(self, span: Any) -> None:
        """End *span*; what the processors of its provider raise is reported."""
        with diagnostics.guard("end a span of the application's own tracer provider"):
            span.end()

    def _trace_of(self, span: Any) -> LocalTrace:
        """Return where the exceptions recorded below *span* are remembered."""
        return self._traces.setdefault(span, LocalTrace())


class JoinedSpan:
    """A finished foreign span in the shape of ours (`protocols.SpanRecord`)."""

    __slots__ = (
        "attrs",
        "end_ns",
        "extra",
        "kind",
        "local",
        "name",
        "parent_id",
        "scope",
        "span_id",
        "start_ns",
        "tracer",
    )

    def __init__(self, span: Any) -> None:
        ids, parent = span.context, span.parent
        local = self.local = LocalTrace()
        local.trace_id, local.flags = ids.trace_id, ids.trace_flags
        local.trace_state = ids.trace_state
        local.remote_parent_id = parent.span_id if parent is not None and parent.is_remote else 0
        self.name, self.kind = span.name, span.kind
        self.span_id = ids.span_id
        self.parent_id = None if parent is None else parent.span_id
        self.start_ns, self.end_ns = span.start_time, span.end_time
        self.attrs = dict(span.attributes or {})
        self.scope = self.tracer = span.instrumentation_scope
        extra = self.extra = Extra()
        extra.status = span.status
        extra.events = [(e.name, e.timestamp, _kept(e)) for e in span.events] or None
        extra.links = [(link.context, _kept(link)) for link in span.links] or None
        extra.dropped_attributes = span.dropped_attributes
        extra.dropped_events = span.dropped_events
        extra.dropped_links = span.dropped_links


class QueueProcessor:
    """An SDK span processor that hands finished, sampled spans to our queue."""

    def __init__(self, queue: Any) -> None:
        self.queue = queue

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Do nothing."""

    def _on_ending(self, span: Any) -> None:
        """Do nothing."""

    def on_end(self, span: Any) -> None:
        """Queue *span* if it is sampled."""
        queue = self.queue
        if queue is not None and span.context.trace_flags & 1:
            queue.append(JoinedSpan(span))
            if len(queue.items) > queue.high:
                queue.pressure()

    def shutdown(self) -> None:
        """Queue nothing more."""
        self.queue = None

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Return True: nothing is held back here."""
        return True


def _kept(item: Any) -> dict[Any, Any]:
    kept = Kept(item.attributes or {})
    kept.dropped = item.dropped_attributes
    return kept
