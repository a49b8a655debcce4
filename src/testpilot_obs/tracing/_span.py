"""The span: what is written down while the application's own thread waits.

One object is the span, its context manager and the record in the queue. It takes no lock: each
field is set by one bytecode, and CPython switches threads only at calls and backward jumps. What
few spans have (events, links, status, options) is made when first asked for.
"""

from collections.abc import Callable
from contextvars import Token
from types import TracebackType
from typing import Any

from opentelemetry import trace as otel_trace
from opentelemetry.context.context import Context
from opentelemetry.trace import SpanContext, Status, StatusCode
from opentelemetry.trace.propagation import _SPAN_KEY

from testpilot_obs import names
from testpilot_obs._core import clock, current, diagnostics, ids
from testpilot_obs._core.context import EMPTY, NOT_RESET, get, put, reset
from testpilot_obs._core.values import is_a, text
from testpilot_obs.tracing import _exceptions
from testpilot_obs.tracing._limits import (
    LARGE_TEXT,
    NO_LIMIT,
    PLAIN,
    exportable,
    keep,
    pairs,
    weight,
)
from testpilot_obs.tracing._off import OFF, OffSpan
from testpilot_obs.tracing._span_view import SpanView
from testpilot_obs.tracing._times import nanoseconds

is_out_of_order = False
"""True once a span was left while a later one of the same context was still current."""


class LocalTrace:
    """What all spans of one trace in this process share."""

    __slots__ = (
        "above",
        "base",
        "flags",
        "recorded",
        "remote_parent_id",
        "trace_id",
        "trace_state",
    )

    trace_id: int
    flags: Any
    trace_state: Any
    base: Context
    remote_parent_id: int
    above: SpanContext
    """What the first of them has as parent, if that is not one of them; else not set."""
    recorded: tuple[Any, ...]
    """Which exceptions were recorded (`_exceptions.remember`); not set before the first."""


class Extra:
    """What few spans have; made on first use."""

    __slots__ = (
        "again",
        "context",
        "dropped_attributes",
        "dropped_events",
        "dropped_links",
        "end_on_exit",
        "events",
        "links",
        "otel_context",
        "outer",
        "record_exception",
        "set_status",
        "status",
    )

    again: list[Any]
    """What entering the span again has begun (`CurrentSpan._again`); not set before."""

    def __init__(self) -> None:
        self.context: Any = None
        self.otel_context: Any = None
        self.events: Any = None
        self.links: Any = None
        self.status: Any = None
        self.outer: Any = None
        self.dropped_attributes = self.dropped_events = self.dropped_links = 0
        self.record_exception = self.set_status = self.end_on_exit = True


class Kept(dict[Any, Any]):
    """Attributes of an event or link of which some were dropped by a limit."""

    __slots__ = ("dropped",)
    dropped: int


class Span(SpanView):
    """A span that records; as a context manager it ends itself, and does not become current."""

    __slots__ = (
        "__weakref__",
        "attrs",
        "end_ns",
        "extra",
        "kind",
        "local",
        "name",
        "parent_id",
        "span_id",
        "start_ns",
        "token",
        "tracer",
    )

    name: Any
    kind: Any
    tracer: Any
    local: Any
    span_id: int
    parent_id: int | None
    start_ns: int
    end_ns: int | None
    attrs: dict[Any, Any] | None
    extra: Any
    token: Any

    def get_span_context(self) -> SpanContext:
        """Return the ids, flags and state that name this span to others."""
        extra = self.extra or self.more()
        context: SpanContext | None = extra.context
        if context is None:
            local = self.local
            context = extra.context = SpanContext(
                trace_id=local.trace_id,
                span_id=self.span_id,
                is_remote=False,
                trace_flags=local.flags,
                trace_state=local.trace_state,
            )
        return context

    def is_recording(self) -> bool:
        """Return True until the span has ended."""
        return self.end_ns is None

    def set_attribute(self, key: str, value: Any) -> None:
        """Set one attribute; after the end, nothing happens."""
        if self.end_ns is not None:
            return self._too_late("set_attribute")
        kind = type(value)
        if kind is str:
            if len(value) > self.tracer.large_text:
                value = self._closer(value)
        elif kind not in PLAIN:
            value = self._closer(value)
        attrs = self.attrs
        if attrs is None:
            attrs = self.attrs = {}
        try:
            if len(attrs) >= self.tracer.limits.attributes and key not in attrs:
                (self.extra or self.more()).dropped_attributes += 1
            else:
                attrs[key] = value
        except Exception:
            diagnostics.warn_once("key", "an attribute key must be text, got %s", type(key))
            self.set_attribute(text(key, 256), value)
        return None

    def set_attributes(self, attributes: Any) -> None:
        """Set each attribute of a mapping."""
        if self.end_ns is not None:
            return self._too_late("set_attributes")
        for key, value in pairs(attributes):
            self.set_attribute(key, value)
        return None

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """Note that something happened, now or at *timestamp* (nanoseconds since the epoch)."""
        if self.end_ns is not None:
            return self._too_late("add_event")
        extra = self.extra or self.more()
        if extra.events is None:
            extra.events = []
        limits = self.tracer.limits
        if len(extra.events) >= limits.events:
            extra.dropped_events += 1
            return None
        if type(name) is not str or len(name) > LARGE_TEXT:
            name = text(name)
        kept = self._keep(attributes, limits.event_attributes)
        extra.events.append((name, nanoseconds(timestamp), kept))
        return None

    def add_link(self, context: Any, attributes: Any = None) -> None:
        """Point to another span; a context that is invalid and says nothing is ignored."""
        if self.end_ns is not None:
            return self._too_late("add_link")
        limits = self.tracer.limits
        kept = self._keep(attributes, limits.link_attributes)
        if not is_a(context, SpanContext) or not (
            context.is_valid or kept is not None or context.trace_state
        ):
            return None
        extra = self.extra or self.more()
        if extra.links is None:
            extra.links = []
        if len(extra.links) >= limits.links:
            extra.dropped_links += 1
            return None
        extra.links.append((context, kept))
        return None

    def update_name(self, name: str) -> None:
        """Rename the span."""
        if self.end_ns is not None:
            return self._too_late("update_name")
        self.name = name if type(name) is str and len(name) <= LARGE_TEXT else text(name)
        return None

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Set the status; OK is final, UNSET is ignored.

        Source: OpenTelemetry specification, "Set Status".
        """
        if self.end_ns is not None:
            return self._too_late("set_status")
        if is_a(status, StatusCode):
            status = Status(status, None if description is None else text(description))
        elif not is_a(status, Status):
            diagnostics.warn_once(
                "status", "set_status needs a Status or StatusCode, got %s: ignored", type(status)
            )
            return None
        elif description is not None:
            diagnostics.warn_once("description", "a Status brings its own description along")
        now = self.extra and self.extra.status
        if status.status_code is StatusCode.UNSET or (now and now.status_code is StatusCode.OK):
            return None
        (self.extra or self.more()).status = status
        return None

    def record_exception(  # noqa: PLR0917  # OpenTelemetry's signature
        self,
        exception: BaseException,
        attributes: Any = None,
        timestamp: int | None = None,
        escaped: bool = False,  # OpenTelemetry's signature
    ) -> None:
        """Add an ``exception`` event; *attributes* win over what is read from the exception."""
        if self.end_ns is not None:
            return self._too_late("record_exception")
        described = _exceptions.describe(exception, escaped=escaped)
        described.update(pairs(attributes))
        self.add_event(names.EXCEPTION_EVENT, described, timestamp)
        if is_a(exception, BaseException):
            _exceptions.remember(exception, self.local)
        return None

    def end(self, end_time: int | None = None) -> None:
        """End the span, now or at *end_time* (nanoseconds since the epoch); once."""
        now = clock.time_ns() if end_time is None else nanoseconds(end_time)
        if self.end_ns is not None:
            return self._too_late("end")
        self.end_ns = now
        queue = self.tracer.queue
        queue.append(self)
        if len(queue.items) > queue.high:
            queue.pressure()
        return None

    def __enter__(self) -> "Span":
        """Return the span, which has begun already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Note what went wrong, and end."""
        if error is not None:
            self.failed(error, get())
        self.end()

    async def __aenter__(self) -> Any:
        """Do as ``with`` does."""
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do as ``with`` does."""
        self.__exit__(kind, error, trace)

    def more(self) -> Extra:
        """Return the extra part, made on first use."""
        extra: Extra | None = self.extra
        if extra is None:
            extra = self.extra = Extra()
        return extra

    def as_context(self) -> Context:
        """Return the OpenTelemetry context in which this span is current."""
        extra = self.extra or self.more()
        context: Context | None = extra.otel_context
        if context is None:
            context = extra.otel_context = Context({**self.local.base, _SPAN_KEY: self})
        return context

    def failed(self, error: BaseException, outer: Any, at: int | None = None) -> None:
        """Record *error*, unless that was done on its way up to here, and set the status.

        Args:
            error: What left the span.
            outer: What was current before the span was: where *error* goes next.
            at: When, nanoseconds since the epoch; making the stack trace takes its time.
        """
        if self.end_ns is not None:
            return
        extra = self.extra or self.more()
        if extra.record_exception and not _exceptions.is_recorded(error, self.local):
            self.record_exception(error, timestamp=at, escaped=True)
            if isinstance(outer, dict):
                outer = outer.get(_SPAN_KEY)
            if isinstance(outer, Span) and outer.local is not self.local:
                _exceptions.remember(error, outer.local)
        if extra.set_status:
            self.set_status(StatusCode.ERROR, _exceptions.status_text(error))

    def _keep(self, attributes: Any, most: int) -> dict[Any, Any] | None:
        """Return the attributes of an event or link, within the limits, and weigh them."""
        kept, dropped = keep(attributes, most, self.tracer.limits.other_text_length)
        if kept:
            self.tracer.queue.weigh(weight(kept))
        if not dropped:
            return kept
        counted = Kept(kept or {})
        counted.dropped = dropped
        return counted

    def _closer(self, value: Any) -> Any:
        """Make a value exportable that is not plain, and weigh it against the queue's bytes."""
        value = exportable(value, self.tracer.limits.text_length)
        if isinstance(value, (str, bytes, tuple, dict)):
            self.tracer.queue.weigh(len(value) * (64 if isinstance(value, (tuple, dict)) else 1))
        return value

    def _too_late(self, doing: str) -> None:
        # One that the process has ended may be in use for a moment longer.
        if names.SPAN_UNFINISHED not in (self.attrs or {}):
            what = "%s() was called on a span that has ended"
            diagnostics.warn_once(f"ended:{doing}", what, doing)

    def __repr__(self) -> str:
        local = getattr(self, "local", None)
        ids = "not begun" if local is None else f"{local.trace_id:032x}-{self.span_id:016x}"
        return f"{type(self).__name__}(name={text(self.name, 256)!r}, {ids})"


class CurrentSpan(Span):
    """A span that begins and becomes current on entering, as nearly all do."""

    __slots__ = ()

    def __enter__(self) -> Any:
        """Begin as a child of what is current; the fast path is a parent of our own."""
        if self.token is not None or self.end_ns is not None:
            return self._again()
        parent = get()
        if type(parent) is CurrentSpan:
            self.local = parent.local
            self.parent_id = parent.span_id
            self.span_id = ids.getrandbits(64) or 1
            if current.any_bound:
                add_bound(self)
        else:
            off = self.tracer.begin(self, parent)
            if off is not None:
                self.token = put(off)
                return off
        self.token = put(self)
        self.start_ns = clock.time_ns()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Make the outer span current again, note what went wrong, end and queue."""
        token = self.token
        if token is not None:
            self.token = None
            if is_out_of_order or get() is not self:
                leave(self, token)
            else:
                try:
                    reset(token)
                except NOT_RESET:
                    leave(self, token)
        elif hasattr(self.extra, "again"):
            return self._left_again(kind, error, trace)
        now = clock.time_ns()
        if error is not None and isinstance(error, Exception):
            self.failed(error, None if token is None else token.old_value, now)
        if self.end_ns is None:
            self.end_ns = now
            queue = self.tracer.queue
            queue.append(self)
            if len(queue.items) > queue.high:
                queue.pressure()
        return None

    def _again(self) -> Any:
        """Begin another span like this one, which is open or has ended; its end is the next."""
        extra = self.extra or self.more()
        if not hasattr(extra, "again"):
            extra.again = []
        like = self.tracer.open(self.name, self.kind, self.attrs)
        extra.again.append((like, self.token))
        self.token = None
        return like.__enter__()

    def _left_again(self, *error: Any) -> None:
        if self.extra.again:
            like, self.token = self.extra.again.pop()
            like.__exit__(*error)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate *function*: each call is a span like this one."""
        return self.tracer.decorate(function, self)  # type: ignore[no-any-return]


def leave(span: Any, token: Token[Any]) -> None:
    """Make current again what was before *span*, however it is being left.

    Three ways but the usual one: in another context than it was entered in (a generator closed
    by another task; nothing is to be undone there unless that context is a copy), before a
    later span of the same context (interleaved generators; the later one stays current and goes
    past this one when it ends), or after such a one.
    """
    here = get()
    old = token.old_value
    if type(here) is OffSpan and span.end_ns == OFF:
        span = here
    try:
        reset(token)
    except NOT_RESET:
        if here is span:
            put(EMPTY if old is Token.MISSING else old)
        return
    if here is not span:
        if isinstance(span, Span):
            span.more().outer = _still_entered(get())
            globals()["is_out_of_order"] = True
        put(here)
        return
    now = get()
    entered = _still_entered(now)
    if entered is not now:
        put(entered)


def _still_entered(now: Any) -> Any:
    """Return *now*, or what is current outside of it if it was left before a later span was."""
    while isinstance(now, Span) and now.extra is not None and now.extra.outer is not None:
        now = now.extra.outer
    return now


def add_bound(span: Span) -> None:
    """Give *span* the fields bound in this context; its own attributes win."""
    fields = current.bound_fields()
    if not fields:
        return
    own = span.attrs or {}
    limits = span.tracer.limits
    span.attrs = {**fields, **own}
    if limits.text_length != NO_LIMIT or len(span.attrs) > limits.attributes:
        mine = {key: value for key, value in fields.items() if key not in own}
        kept, dropped = keep(mine, limits.attributes - len(own), limits.text_length)
        span.attrs = {**own, **(kept or {})}
        if dropped:
            span.more().dropped_attributes += dropped


# Not a base class: ABC without __slots__ would give each span a __dict__ (some 100 bytes).
otel_trace.Span.register(Span)
