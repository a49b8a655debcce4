"""The tracer provider: a drop-in for the SDK's, and what `init` installs as the global one."""

import atexit
from collections.abc import Sequence
from typing import Any

from opentelemetry import trace as otel_trace

from testpilot_obs._core import context, diagnostics
from testpilot_obs._core.values import text
from testpilot_obs.tracing._limits import NO_LIMIT, Limits, keep
from testpilot_obs.tracing._sampling import always_off, always_on, by_name, by_parent, of_sdk
from testpilot_obs.tracing._tracer import Tracer


class NoQueue:
    """Where spans go while nobody delivers them: nowhere."""

    items: tuple[Any, ...] = ()
    high = 1

    def append(self, span: Any) -> None:
        """Forget *span*."""

    def pressure(self) -> None:
        """Do nothing."""

    def weigh(self, size_bytes: int) -> None:
        """Do nothing."""


NO_QUEUE = NoQueue()


class TracerProvider(otel_trace.TracerProvider):
    """Makes tracers; takes the constructor words of the SDK's class of the same name.

    By itself it is the SDK's provider with cheaper spans::

        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))

    Args:
        sampler: Any ``opentelemetry.sdk.trace.sampling.Sampler``. The standard ones are asked
            once per local trace, others for each span. Default: what the environment says
            (``OTEL_TRACES_SAMPLER``).
        resource: ``opentelemetry.sdk.resources.Resource``; default: what the SDK detects.
        id_generator: ``opentelemetry.sdk.trace.id_generator.IdGenerator``; default: random ids.
        span_limits: ``opentelemetry.sdk.trace.SpanLimits``; default: what the environment says
            (``OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`` and so on).
        active_span_processor: A processor that fans out to those added later; default: one
            after the other.
        shutdown_on_exit: Shut down when the interpreter exits.
    """

    def __init__(
        self,
        sampler: Any = None,
        resource: Any = None,
        *,
        id_generator: Any = None,
        span_limits: Any = None,
        active_span_processor: Any = None,
        shutdown_on_exit: bool = True,
    ) -> None:
        self.queue: Any = NO_QUEUE
        self.is_disabled: bool = False
        if not isinstance(span_limits, Limits):
            sampler, span_limits = self._read_settings(sampler, span_limits)
        self.limits: Limits = span_limits
        self.id_generator: Any = id_generator
        self.processor: Any = active_span_processor
        self._added: list[Any] = []
        self.is_installed: bool = context.install()
        self.watcher: Any = None
        self._resource = resource
        self._tracers: dict[Any, Tracer] = {}
        self._use_sampler(sampler)
        self._shutdown_at_exit = shutdown_on_exit
        if shutdown_on_exit:
            atexit.register(self.shutdown)

    @property
    def resource(self) -> Any:
        """The ``opentelemetry.sdk.resources.Resource``; made by the SDK when first asked for."""
        if self._resource is None or isinstance(self._resource, dict):
            from opentelemetry.sdk.resources import Resource  # 40 ms

            self._resource = (
                Resource.create({}) if self._resource is None else Resource(self._resource)
            )
        return self._resource

    @property
    def is_watched(self) -> bool:
        """Whether spans must go the long way (``_watched``)."""
        return not (self.processor is None and self.id_generator is None and self.decide)

    @property
    def is_fast(self) -> bool:
        """Whether a child may follow its parent without asking anybody."""
        return self.is_installed and not self.is_watched and self.decide is not always_off

    def get_tracer(  # noqa: PLR0917  # OpenTelemetry's signature
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
    ) -> otel_trace.Tracer:
        """Return the tracer of an instrumentation scope; the same scope gives the same one."""
        if self.is_disabled:
            return otel_trace.NoOpTracer()
        scope = _scope(
            instrumenting_module_name,
            instrumenting_library_version,
            schema_url,
            attributes=attributes,
        )
        tracer = self._tracers.get(scope)
        if tracer is None:
            tracer = self._tracers.setdefault(scope, Tracer(self, scope))
        return tracer

    def add_span_processor(self, span_processor: Any) -> None:
        """Tell *span_processor* of every span that starts or ends from now on."""
        self._added.append(span_processor)
        self._tell(span_processor)
        self._changed()

    def reconnect(
        self,
        *,
        queue: Any = NO_QUEUE,
        resource: Any = None,
        limits: Limits | None = None,
        sampler: Any = None,
        id_generator: Any = None,
        span_processors: Sequence[Any] = (),
    ) -> None:
        """Send the spans of all tracers, those made before too, another way from now on.

        *span_processors* are told until the next time; those that were added are told on.
        """
        self.queue = queue
        self._resource = resource
        self.limits = limits or Limits()
        self.id_generator = id_generator
        self.is_installed = context.install()
        self.processor = None
        for processor in (*self._added, *span_processors):
            self._tell(processor)
        self._use_sampler(sampler)

    def tracers_queue(self) -> Any:
        """Return what tracers give ended spans to."""
        if self.processor is None:
            return self.queue
        from testpilot_obs.tracing._processors import LateQueue  # rarely needed

        return LateQueue(self)

    def describe(self, resource: dict[str, Any]) -> None:
        """Replace the resource, in a forked child."""
        self._resource = resource

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Let the processors hand on what they hold; True if they did so in time."""
        if self.processor is None:
            return True
        try:
            return bool(self.processor.force_flush(timeout_millis))
        except Exception:
            diagnostics.swallow("flush the span processors")
            return False

    def shutdown(self) -> None:
        """Shut the processors down; spans that end later reach nobody."""
        if self._shutdown_at_exit:
            atexit.unregister(self.shutdown)
            self._shutdown_at_exit = False
        if self.processor is not None:
            with diagnostics.guard("shut the span processors down"):
                self.processor.shutdown()

    def _tell(self, span_processor: Any) -> None:
        if self.processor is None:
            # What makes spans readable for processors: if a signal handler were the first to end
            # a span while a thread does too, the two would wait for each other's import.
            import opentelemetry.sdk.trace  # noqa: F401  # 60 ms

            from testpilot_obs.tracing._processors import Processors  # rarely needed

            self.processor = Processors()
        self.processor.add_span_processor(span_processor)

    def _read_settings(self, sampler: Any, span_limits: Any) -> tuple[Any, Limits]:
        """Return sampler and limits: those given, else what the environment says."""
        from testpilot_obs.config import load  # `connect` brings its settings along

        config = load({})
        self.is_disabled = config.disabled
        if sampler is None:
            sampler = by_name(config.traces_sampler, config.traces_sampler_arg)
        is_given = span_limits is not None
        return sampler, Limits.of_sdk(span_limits) if is_given else Limits.of_config(config)

    def _use_sampler(self, sampler: Any) -> None:
        """Use *sampler*: an SDK ``Sampler``, one of ``_sampling``, or ``None`` for the default."""
        self.sampler = sampler
        self.decide: Any = by_parent(always_on)
        if sampler is not None:
            self.decide = of_sdk(sampler) if hasattr(sampler, "should_sample") else sampler
        self._changed()

    def _changed(self) -> None:
        if self.is_watched and self.watcher is None:
            from testpilot_obs.tracing._watched import Watcher  # rarely needed

            self.watcher = Watcher(self)
        for tracer in list(self._tracers.values()):
            tracer.refresh()


def _scope(name: Any, version: Any, schema_url: Any, *, attributes: Any) -> Any:
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # 4 ms

    if not name:
        diagnostics.warn_once("scope", "get_tracer() needs the name of a module")
    texts = [text(word) if word else word for word in (name or "", version or "", schema_url)]
    kept, _ = keep(attributes, NO_LIMIT, NO_LIMIT)
    return InstrumentationScope(texts[0], texts[1], texts[2], kept)
