"""How a span begins: who its parent is, whether its trace is recorded, and what it starts with."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.context.context import Context
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.propagation import _SPAN_KEY
from opentelemetry.trace.span import DEFAULT_TRACE_STATE

from testpilot_obs._core import clock, context, current, diagnostics, ids
from testpilot_obs._core.context import EMPTY, get, put
from testpilot_obs._core.values import is_a
from testpilot_obs._core.wrapping import Around, decorate
from testpilot_obs.tracing._limits import PLAIN, keep, weight
from testpilot_obs.tracing._off import OFF, OFF_CHILD, OffSpan
from testpilot_obs.tracing._sampling import always_on
from testpilot_obs.tracing._span import (
    CurrentSpan,
    LocalTrace,
    Span,
    add_bound,
    leave,
)
from testpilot_obs.tracing._times import nanoseconds

INTERNAL = SpanKind.INTERNAL
NO_LINKS: tuple[Any, ...] = ()
"""Told by identity: not every object that a user may pass for links has a truth value."""
_MOST_LINKS = 10_000
_new = object.__new__
_NOT_RECORDED = TraceFlags(0)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_RANDOM = TraceFlags(ids.RANDOM)
_SAMPLED_RANDOM = TraceFlags(TraceFlags.SAMPLED | ids.RANDOM)


class Tracer(otel_trace.Tracer):
    """Makes spans for one instrumentation scope; what it needs of its provider is copied here."""

    def __init__(self, provider: Any, scope: Any) -> None:
        self.provider = provider
        self.scope = scope
        self.refresh()

    def refresh(self) -> None:
        """Copy from the provider what the hot path reads; called when the provider changes."""
        provider = self.provider
        self.queue = provider.tracers_queue()
        self.limits = provider.limits
        self.large_text = provider.limits.large_text
        self.decide = provider.decide
        self.all_roots = getattr(provider.decide, "all_roots", False)
        self.outer = context.outer_reader()
        self.fast = provider.is_fast
        self.shares_off = provider.decide not in {None, always_on}

    def start_as_current_span(  # noqa: PLR0913, PLR0917  # OpenTelemetry's signature
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = INTERNAL,
        attributes: Any = None,
        links: Sequence[Any] | None = NO_LINKS,
        start_time: int | None = None,
        record_exception: bool = True,  # OpenTelemetry's signature
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Any:
        """Return a context manager whose span begins on entering and is current inside."""
        if (
            context is not None
            or (links is not NO_LINKS and links is not None)
            or start_time is not None
            or not (record_exception and set_status_on_exception and end_on_exit)
        ):
            flags = (record_exception, set_status_on_exception, end_on_exit)
            return Entry(self, (name, context, kind, attributes, links, start_time), flags)
        return self.open(name, kind, attributes)

    def open(self, name: Any, kind: Any, attributes: Any) -> Any:  # noqa: PLR0911  # hot path
        """Return the context manager of a span without rare options."""
        if type(get()) is OffSpan and self.shares_off:
            return OFF_CHILD
        if not self.fast:
            return Entry(self, (name, None, kind, attributes, (), None), (True, True, True))
        span = _new(CurrentSpan)
        span.name = name
        span.kind = kind
        span.tracer = self
        span.end_ns = span.extra = span.token = None
        try:
            # The same as `keep`, without a call: 350 ns less for three attributes.
            if attributes:
                if len(attributes) > self.limits.attributes:
                    return self._with_many(span, attributes)
                large = self.large_text
                for value in attributes.values():
                    type_ = type(value)
                    if type_ is str:
                        if len(value) > large:
                            return self._with_many(span, attributes)
                    elif type_ not in PLAIN:
                        return self._with_many(span, attributes)
                span.attrs = attributes.copy()
            else:
                span.attrs = None
        except Exception:
            # Not a mapping, or one without copy(): `keep` knows what to do and never raises.
            return self._with_many(span, attributes)
        return span

    def start_span(  # noqa: PLR0917  # OpenTelemetry's signature
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = INTERNAL,
        attributes: Any = None,
        links: Sequence[Any] | None = NO_LINKS,
        start_time: int | None = None,
        record_exception: bool = True,  # OpenTelemetry's signature
        set_status_on_exception: bool = True,
    ) -> Any:
        """Return a span that has begun, and is not current."""
        options = (record_exception, set_status_on_exception, True)
        return self.begin_new(Span, (name, context, kind, attributes, links, start_time), options)

    def begin_new(
        self, cls: Any, arguments: tuple[Any, ...], options: tuple[bool, bool, bool]
    ) -> Any:
        """Return a new span of class *cls* that has begun, or an `OffSpan`."""
        name, context, kind, attributes, links, start_time = arguments
        if self.provider.is_watched:
            return self.provider.watcher.begin(self, arguments, options)
        span = _new(cls)
        span.name = name
        span.kind = kind
        span.tracer = self
        span.end_ns = span.extra = span.token = None
        self.fill(span, attributes, links, options=options)
        other = self.begin(span, self.here() if context is None else context)
        if other is not None:
            return other
        span.start_ns = clock.time_ns() if start_time is None else nanoseconds(start_time)
        return span

    def fill(
        self, span: Span, attributes: Any, links: Any, *, options: tuple[bool, bool, bool]
    ) -> None:
        """Give *span* its first attributes and links, within the limits, and its options."""
        span.attrs, dropped = keep(attributes, self.limits.attributes, self.limits.text_length)
        if dropped:
            span.more().dropped_attributes = dropped
        if span.attrs:
            self.queue.weigh(weight(span.attrs))
        if not (options[0] and options[1] and options[2]):
            extra = span.more()
            extra.record_exception, extra.set_status, extra.end_on_exit = options
        for link in usable_links(links):
            span.add_link(link.context, link.attributes)

    def enter(self, span: Any, base: Context | None) -> Any:
        """Make *span* current, within the context *base*; returns what `leave` needs."""
        if base is not None and span.local.base is not base:
            span.local = rebased(span.local, base)
        if self.provider.is_installed:
            return put(span)
        return otel_context.attach(span.as_context())

    def leave(self, span: Any, token: Any) -> None:
        """Make current again what was before `enter`."""
        if self.provider.is_installed:
            leave(span, token)
        else:
            otel_context.detach(token)

    def failed(self, span: Any, error: BaseException, token: Any) -> None:
        """Note on *span* that *error* left it."""
        if isinstance(span, Span):
            span.failed(error, getattr(token, "old_value", None))

    def end(self, span: Any) -> None:
        """End *span*."""
        span.end()

    def here(self) -> Any:
        """Return what is current: a span of ours, or a context."""
        return get() if self.provider.is_installed else otel_context.get_current()

    def begin(self, span: Span, parent: Any) -> Any:
        """Give *span* its place below *parent* (a span of ours, or a context).

        Returns:
            ``None``; or, if the trace is not recorded, the `OffSpan` to use instead.
        """
        if parent is EMPTY and not self.outer():
            return self._begin_root(span)
        base, above = above_of(parent)
        if isinstance(above, Span) and above.tracer.provider is self.provider:
            local = above.local
            span.local = local if base is local.base else rebased(local, base)
            span.parent_id = above.span_id
        else:
            local = span.local = _new(LocalTrace)
            span.parent_id = self._begin_trace(local, base, above)
            if not local.flags & 1:
                return self._off(span)
        span.span_id = ids.getrandbits(64) or 1
        if current.any_bound:
            add_bound(span)
        return None

    def _begin_root(self, span: Span) -> OffSpan | None:
        """Begin a trace where nothing is current: as `_begin_trace`, without its questions."""
        local = span.local = _new(LocalTrace)
        local.base = EMPTY
        trace_id = local.trace_id = ids.getrandbits(128) or 1
        local.trace_state = DEFAULT_TRACE_STATE
        local.remote_parent_id = 0
        span.parent_id = None
        if self.all_roots or self.decide(trace_id, None):
            local.flags = _SAMPLED_RANDOM
            span.span_id = ids.getrandbits(64) or 1
            if current.any_bound:
                add_bound(span)
            return None
        local.flags = _RANDOM
        return self._off(span)

    def _begin_trace(self, local: LocalTrace, base: Context, above: Any) -> int | None:
        """Fill in *local* for the first span of a trace in this process; return its parent."""
        local.base = base
        parent = None if above is None else above.get_span_context()
        if parent is None or not parent.is_valid:
            local.trace_id = ids.getrandbits(128) or 1
            local.trace_state = DEFAULT_TRACE_STATE
            local.remote_parent_id = 0
            local.flags = _SAMPLED_RANDOM if self.decide(local.trace_id, None) else _RANDOM
            return None
        local.above = parent
        local.trace_id = parent.trace_id
        local.trace_state = parent.trace_state
        local.remote_parent_id = parent.span_id if parent.is_remote else 0
        random = TraceFlags(parent.trace_flags & ids.RANDOM)
        sampled = self.decide(parent.trace_id, parent)
        local.flags = TraceFlags(random | _SAMPLED) if sampled else random
        return int(parent.span_id)

    def _off(self, span: Span) -> OffSpan:
        off = OffSpan(span.local, ids.getrandbits(64) or 1)
        span.end_ns = OFF
        return off

    def _with_many(self, span: CurrentSpan, attributes: Any) -> CurrentSpan:
        span.attrs, dropped = keep(attributes, self.limits.attributes, self.limits.text_length)
        if dropped:
            span.more().dropped_attributes = dropped
        self.queue.weigh(weight(span.attrs))
        return span

    def decorate(self, function: Callable[..., Any], like: CurrentSpan) -> Callable[..., Any]:
        """Return *function* with each call in a span that has the name and attributes of *like*."""
        name, kind, attributes = like.name, like.kind, like.attrs
        decorated: Callable[..., Any] = decorate(
            function, None, Around(lambda _name: self.open(name, kind, attributes))
        )
        return decorated


class Entry:
    """Context manager of a span with rare options: parent, links, start time, not ending."""

    __slots__ = ("_arguments", "_entered", "_options", "_takes_context", "_tracer")

    def __init__(
        self,
        tracer: Any,
        arguments: tuple[Any, ...],
        options: tuple[bool, bool, bool],
        *,
        takes_context: bool = False,
    ) -> None:
        self._tracer = tracer
        self._arguments = arguments
        self._options = options
        self._takes_context = takes_context
        self._entered: list[tuple[Any, Any]] = []

    def __enter__(self) -> Any:
        """Begin the span and make it current."""
        base = self._arguments[1]
        if base is not None and not self._takes_context:
            # As OpenTelemetry's `use_span`: an explicit context gives the parent, not the baggage.
            base = here_as_context()
        span = self._tracer.begin_new(CurrentSpan, self._arguments, self._options)
        token = self._tracer.enter(span, base)
        self._entered.append((span, token))
        if isinstance(span, Span):
            # Leads from span to span to what was current outside (``_forked``).
            span.token = token
        return span

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Make the outer span current again, note what went wrong, and end if asked to."""
        span, token = self._entered.pop()
        self._tracer.leave(span, token)
        if isinstance(error, Exception):
            self._tracer.failed(span, error, token)
        if self._options[2]:
            self._tracer.end(span)

    async def __aenter__(self) -> Any:
        """Do as ``with`` does."""
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Do as ``with`` does."""
        self.__exit__(kind, error, trace)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate *function*: each call is a span with these options."""
        tracer, arguments, options = self._tracer, self._arguments, self._options
        decorated: Callable[..., Any] = decorate(
            function, None, Around(lambda _name: Entry(tracer, arguments, options))
        )
        return decorated


def rebased(local: LocalTrace, base: Context) -> LocalTrace:
    """Return *local* for spans below another OpenTelemetry context (baggage was set, say)."""
    copy = _new(LocalTrace)
    copy.trace_id = local.trace_id
    copy.flags = local.flags
    copy.trace_state = local.trace_state
    copy.remote_parent_id = local.remote_parent_id
    copy.base = base
    for name in ("above", "recorded"):
        if hasattr(local, name):
            setattr(copy, name, getattr(local, name))
    return copy


def here_as_context() -> Context:
    """Return what is current as an OpenTelemetry context."""
    return otel_context.get_current()


def usable_links(links: Any) -> list[Any]:
    """Return those of *links* that are links, as a list."""
    try:
        if links is None or links is NO_LINKS:
            return []
        return [link for link in islice(links, _MOST_LINKS) if is_a(link, otel_trace.Link)]
    except Exception:
        diagnostics.warn_once("links", "links must be a sequence, got %s: ignored", type(links))
        return []


def above_of(parent: Any) -> tuple[Context, Any]:
    """Return the context and the span (or ``None``) that *parent* stands for."""
    if parent is EMPTY:
        parent = context.outer()
    if is_a(parent, dict):
        if not is_a(parent, Context):
            parent = Context(parent)
        above = parent.get(_SPAN_KEY)
        return parent, above if is_a(above, otel_trace.Span) else None
    if not is_a(parent, (Span, OffSpan)):
        diagnostics.warn_once("context", "not an OpenTelemetry context: %s", type(parent))
        return EMPTY, None
    return parent.local.base, parent


def parent_context(parent: Any) -> Context | None:
    """Return *parent* as an OpenTelemetry context, added to what is current.

    A context, a span, a transaction, a span context, or ``None``.
    """
    if parent is None:
        return None
    here = here_as_context()
    if is_a(parent, dict):
        return Context({**here, _SPAN_KEY: otel_trace.INVALID_SPAN, **parent})
    if is_a(parent, SpanContext):
        parent = otel_trace.NonRecordingSpan(parent)
    if hasattr(type(parent), "memory_delta_bytes"):
        parent = parent.span  # a transaction, which this module does not know
    if not is_a(parent, otel_trace.Span):
        diagnostics.warn_once("parent", "%s cannot be the parent of a span", type(parent))
        return None
    return otel_trace.set_span_in_context(parent, here)
