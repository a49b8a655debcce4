"""Switching tracing on and off: the third step of `init`."""

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry import trace as otel_trace

from testpilot_obs.tracing import _forked, _memory, _propagation, _threads, _trust
from testpilot_obs.tracing import _live as live
from testpilot_obs.tracing._join import JoinedTracer, QueueProcessor
from testpilot_obs.tracing._limits import Limits
from testpilot_obs.tracing._provider import TracerProvider
from testpilot_obs.tracing._sampling import by_name

_SCOPE = "testpilot_obs"
_ours: list[TracerProvider] = []
_joined: list[QueueProcessor] = []


def connect(
    config: Any,
    queue: Any,
    resource: Mapping[str, Any],
    *,
    sampler: Any = None,
    id_generator: Any = None,
    span_processors: Sequence[Any] = (),
) -> Any:
    """Make spans, transactions and decorators record into *queue*, and OpenTelemetry's API too.

    A provider that the application has set already is joined, unless ``config.providers`` is
    ``"own"``; otherwise ours becomes the global one. Called again, everything made before goes
    on with the new settings.

    Returns:
        The tracer provider in use: a `TracerProvider`, or the application's own.
    """
    _propagation.use_propagators(config.propagators)
    _trust.use(config.trust_inbound)
    _threads.carry()
    _forked.watch()
    foreign = _foreign_provider()
    if foreign is not None and config.providers != "own":
        return _join(config, queue, foreign, span_processors=span_processors)
    provider = _provider()
    provider.reconnect(
        queue=queue,
        resource=dict(resource),
        limits=Limits.of_config(config),
        sampler=sampler or by_name(config.traces_sampler, config.traces_sampler_arg),
        id_generator=id_generator,
        span_processors=span_processors,
    )
    if foreign is None and otel_trace.get_tracer_provider() is not provider:
        otel_trace.set_tracer_provider(provider)
    live.use(
        provider.get_tracer(_SCOPE),
        _memory.reader(config.memory),
        fresh=_memory.fresh_s(config.memory),
    )
    return provider


def disconnect() -> None:
    """Stop recording; everything made goes on working, and records nothing."""
    live.use(None)
    live.use_hooks()
    _trust.use(("all",))
    _threads.stop_carrying()
    for provider in _ours:
        provider.reconnect()
    for processor in _joined:
        processor.queue = None


def update_resource(resource: Mapping[str, Any]) -> None:
    """Describe the process anew, in a forked child."""
    for provider in _ours:
        provider.describe(dict(resource))


def _join(config: Any, queue: Any, provider: Any, *, span_processors: Sequence[Any]) -> Any:
    if not _joined:
        processor = QueueProcessor(queue)
        provider.add_span_processor(processor)
        _joined.append(processor)
    _joined[0].queue = queue
    for processor in span_processors:
        provider.add_span_processor(processor)
    live.use(
        JoinedTracer(provider.get_tracer(_SCOPE)),
        _memory.reader(config.memory),
        fresh=_memory.fresh_s(config.memory),
    )
    return provider


def _foreign_provider() -> Any:
    """Return the global provider if the application has set one that spans can be had from."""
    provider = otel_trace.get_tracer_provider()
    if provider in _ours or isinstance(provider, otel_trace.ProxyTracerProvider):
        return None
    return provider if hasattr(provider, "add_span_processor") else None


def _provider() -> TracerProvider:
    if not _ours:
        _ours.append(TracerProvider(span_limits=Limits(), shutdown_on_exit=False))
    return _ours[0]
