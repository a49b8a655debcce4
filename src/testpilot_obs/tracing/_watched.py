"""Spans that others watch: with span processors, a sampler of one's own, or an id generator.

This is the specification's order of events to the letter, and costs what it costs; without any
of the three a span never comes here.
"""

from collections.abc import Sequence
from typing import Any

from opentelemetry.trace import SpanContext, TraceFlags
from opentelemetry.trace.span import DEFAULT_TRACE_STATE

from testpilot_obs._core import clock, current, diagnostics, ids
from testpilot_obs.tracing._off import OffSpan
from testpilot_obs.tracing._span import (
    CurrentSpan,
    LocalTrace,
    Span,
    add_bound,
)
from testpilot_obs.tracing._times import nanoseconds
from testpilot_obs.tracing._tracer import above_of


class WatchedSpan(CurrentSpan):
    """A span whose end is told to processors, and which is queued only if it is sampled."""

    __slots__ = ()

    def end(self, end_time: int | None = None) -> None:
        """End the span, tell the processors, and queue it if it is sampled."""
        now = clock.time_ns() if end_time is None else nanoseconds(end_time)
        if self.end_ns is not None:
            return self._too_late("end")
        processor = self.tracer.provider.processor
        ending = getattr(processor, "_on_ending", None)
        if ending is not None:
            with diagnostics.guard("tell a span processor that a span is ending"):
                ending(self)
        if self.end_ns is not None:
            return None
        self.end_ns = now
        if processor is not None:
            with diagnostics.guard("tell a span processor that a span has ended"):
                processor.on_end(self.readable())
        if self.local.flags & 1:
            queue = self.tracer.provider.queue
            queue.append(self)
            if len(queue.items) > queue.high:
                queue.pressure()
        return None

    def __enter__(self) -> Any:
        """Return the span, which has begun already."""
        return self

    __exit__ = Span.__exit__


class Watcher:
    """Begins watched spans for one provider."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def begin(
        self,
        tracer: Any,
        arguments: tuple[Any, ...],
        options: tuple[bool, bool, bool],
    ) -> Any:
        """Return a `WatchedSpan` that has begun, or an `OffSpan`."""
        name, context, kind, attributes, links, start_time = arguments
        span = object.__new__(WatchedSpan)
        span.name, span.kind, span.tracer = name, kind, tracer
        span.end_ns = span.extra = span.token = None
        is_recording, attributes = self._place(span, arguments)
        if not is_recording:
            return OffSpan(span.local, span.span_id)
        tracer.fill(span, attributes, links, options=options)
        if current.any_bound:
            add_bound(span)
        span.start_ns = clock.time_ns() if start_time is None else nanoseconds(start_time)
        if self._provider.processor is not None:
            with diagnostics.guard("tell a span processor that a span has started"):
                self._provider.processor.on_start(span, parent_context=context)
        return span

    def _place(self, span: Any, arguments: tuple[Any, ...]) -> tuple[bool, Any]:
        """Give *span* its ids below its parent; return whether to record, and its attributes."""
        name, context, kind, attributes, links, _ = arguments
        tracer = span.tracer
        base, above = above_of(tracer.here() if context is None else context)
        parent = None if above is None else above.get_span_context()
        if parent is not None and not parent.is_valid:
            parent = None
        local = span.local = object.__new__(LocalTrace)
        local.base = base
        if parent is not None:
            local.above = parent
        local.trace_id = self._new_trace_id() if parent is None else parent.trace_id
        local.remote_parent_id = parent.span_id if parent is not None and parent.is_remote else 0
        span.parent_id = None if parent is None else parent.span_id
        span.span_id = self._new_span_id()
        asked = (context, local.trace_id, name, kind, attributes, links)
        is_recording, sampled, attributes, state = self._ask(parent, asked)
        local.trace_state = state or DEFAULT_TRACE_STATE
        local.flags = self._flags(parent, sampled=sampled)
        if isinstance(above, Span) and _is_same(above.local, local):
            span.local = above.local
        return is_recording, attributes

    def _ask(self, parent: SpanContext | None, asked: Sequence[Any]) -> tuple[bool, bool, Any, Any]:
        """Return (record, sampled, attributes, trace state) as the sampler decides.

        A sampler that raises is reported, and the span recorded.
        """
        state = None if parent is None else parent.trace_state
        attributes = asked[4]
        decide = self._provider.decide
        if decide is not None:
            sampled = decide(asked[1], parent)
            return sampled, sampled, attributes, state
        try:
            result = self._provider.sampler.should_sample(*asked)
            decision = result.decision
            return (
                decision.is_recording(),
                decision.is_sampled(),
                result.attributes,
                result.trace_state,
            )
        except Exception:
            diagnostics.swallow("ask the sampler")
            return True, True, attributes, state

    def _flags(self, parent: SpanContext | None, *, sampled: bool) -> TraceFlags:
        if parent is not None:
            random = parent.trace_flags & ids.RANDOM
        else:
            generator = self._provider.id_generator
            is_random = getattr(generator, "is_trace_id_random", None)
            random = ids.RANDOM if generator is None else 0
            if is_random is not None and is_random():
                random = ids.RANDOM
        return TraceFlags(random | (TraceFlags.SAMPLED if sampled else 0))

    def _new_trace_id(self) -> int:
        with diagnostics.guard("ask the id generator"):
            if self._provider.id_generator is not None:
                return int(self._provider.id_generator.generate_trace_id())
        return ids.getrandbits(128) or 1

    def _new_span_id(self) -> int:
        with diagnostics.guard("ask the id generator"):
            if self._provider.id_generator is not None:
                return int(self._provider.id_generator.generate_span_id())
        return ids.getrandbits(64) or 1


def _is_same(one: LocalTrace, other: LocalTrace) -> bool:
    """Return whether two spans can share one `LocalTrace`, as nearly all parents and children."""
    return (
        one.base is other.base
        and one.flags == other.flags
        and one.trace_state is other.trace_state
        and one.trace_id == other.trace_id
    )
