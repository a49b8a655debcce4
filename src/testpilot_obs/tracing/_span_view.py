"""The read-only side of a span, in the words of the SDK's ``ReadableSpan``.

Processors, exporters and tests read it; nothing here runs on the hot path, and the SDK is
imported when it is first asked for.
"""

from types import MappingProxyType
from typing import Any

from opentelemetry.trace import SpanContext, Status, StatusCode

from testpilot_obs._core.values import repair, text

_UNSET = Status(StatusCode.UNSET)


class SpanView:
    """Properties as ``opentelemetry.sdk.trace.ReadableSpan`` has them."""

    __slots__ = ()

    local: Any
    extra: Any
    attrs: Any
    tracer: Any
    parent_id: int | None
    start_ns: int
    end_ns: int | None
    name: Any
    kind: Any

    def get_span_context(self) -> SpanContext:
        """Return the ids that name this span."""
        raise NotImplementedError

    @property
    def scope(self) -> Any:
        """Who made the span: the instrumentation scope of its tracer."""
        return self.tracer.scope

    @property
    def context(self) -> SpanContext:
        """The ids that name this span."""
        return self.get_span_context()

    @property
    def parent(self) -> SpanContext | None:
        """The ids of the parent; ``None`` for a root."""
        if self.parent_id is None:
            return None
        local = self.local
        above: SpanContext | None = getattr(local, "above", None)
        if above is not None and above.span_id == self.parent_id:
            return above
        return SpanContext(
            local.trace_id,
            self.parent_id,
            is_remote=False,
            trace_flags=local.flags,
            trace_state=local.trace_state,
        )

    @property
    def attributes(self) -> MappingProxyType[str, Any]:
        """A read-only view of the attributes, as they are now."""
        return MappingProxyType(self.attrs or {})

    @property
    def events(self) -> tuple[Any, ...]:
        """The events as ``opentelemetry.sdk.trace.Event``."""
        return tuple(_sdk_event(*event) for event in self._of_extra("events") or ())

    @property
    def links(self) -> tuple[Any, ...]:
        """The links as ``opentelemetry.trace.Link``."""
        return tuple(_sdk_link(*link) for link in self._of_extra("links") or ())

    @property
    def status(self) -> Status:
        """The status; unset unless something was set."""
        return self._of_extra("status") or _UNSET

    @property
    def start_time(self) -> int:
        """When it began, nanoseconds since the epoch."""
        return self.start_ns

    @property
    def end_time(self) -> int | None:
        """When it ended, nanoseconds since the epoch."""
        return self.end_ns

    @property
    def resource(self) -> Any:
        """The ``opentelemetry.sdk.resources.Resource`` of the provider."""
        return self.tracer.provider.resource

    @property
    def instrumentation_scope(self) -> Any:
        """Who made the span."""
        return self.tracer.scope

    @property
    def instrumentation_info(self) -> Any:
        """Who made the span, in the words of old SDKs."""
        from opentelemetry.sdk.util.instrumentation import InstrumentationInfo

        scope = self.tracer.scope
        return InstrumentationInfo(scope.name, scope.version, scope.schema_url)

    @property
    def dropped_attributes(self) -> int:
        """How many attributes the limit cost."""
        return self._of_extra("dropped_attributes") or 0

    @property
    def dropped_events(self) -> int:
        """How many events the limit cost."""
        return self._of_extra("dropped_events") or 0

    @property
    def dropped_links(self) -> int:
        """How many links the limit cost."""
        return self._of_extra("dropped_links") or 0

    def to_json(self, indent: int | None = 4) -> str:
        """Return the span as the SDK's JSON."""
        return str(self.readable().to_json(indent))

    def readable(self) -> Any:
        """Return an ``opentelemetry.sdk.trace.ReadableSpan`` that no later change reaches."""
        from opentelemetry.sdk.trace import ReadableSpan  # 60 ms

        return ReadableSpan(
            name=text(self.name),
            context=self.get_span_context(),
            parent=self.parent,
            resource=self.resource,
            attributes=_bounded(self.attrs, self.dropped_attributes),
            events=_bounded_list(self.events, self.dropped_events),
            links=_bounded_list(self.links, self.dropped_links),
            kind=self.kind,
            status=_readable_status(self.status),
            start_time=self.start_ns,
            end_time=self.end_ns,
            instrumentation_scope=self.tracer.scope,
        )

    def _readable_span(self) -> Any:
        """Return `readable`, under the name that some processors call."""
        return self.readable()

    def _of_extra(self, name: str) -> Any:
        return None if self.extra is None else getattr(self.extra, name)


def _sdk_event(name: Any, timestamp: int, attributes: Any) -> Any:
    from opentelemetry.sdk.trace import Event

    kept = _bounded(attributes, getattr(attributes, "dropped", 0))
    return Event(text(name), kept, timestamp)


def _sdk_link(context: SpanContext, attributes: Any) -> Any:
    from opentelemetry.trace import Link

    return Link(context, _bounded(attributes, getattr(attributes, "dropped", 0)))


def _bounded(attributes: Any, dropped: int) -> Any:
    from opentelemetry.attributes import BoundedAttributes

    cleaned = {text(key): _readable_value(value) for key, value in (attributes or {}).items()}
    if "" in cleaned:
        del cleaned[""]
        dropped += 1
    bounded = BoundedAttributes(None, cleaned, immutable=True)
    bounded.dropped += dropped
    return bounded


def _readable_value(value: Any) -> Any:
    """Repair what was kept as it came: a lone surrogate would cost an SDK exporter its batch."""
    return repair(value) if type(value) is str else value


def _readable_status(status: Status) -> Status:
    if status.description is None:
        return status
    return Status(status.status_code, text(status.description))


def _bounded_list(items: tuple[Any, ...], dropped: int) -> Any:
    from opentelemetry.sdk.util import BoundedList

    bounded: Any = BoundedList.from_seq(len(items), items)
    bounded.dropped = dropped
    return bounded
