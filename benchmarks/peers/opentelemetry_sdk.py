"""The OpenTelemetry SDK as its documentation sets it up: provider, batch processor, exporter."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from opentelemetry import trace

from benchmarks.peers._base import WAIT_S, Peer

PAGE_BYTES = 4096


class Library(Peer):
    """OpenTelemetry SDK."""

    def __init__(self) -> None:
        self.tracer = trace.get_tracer("benchmarks")
        self._provider: Any = None
        self._seen = [0]
        self._instruments: Any = None
        self._reader: Any = None
        self._meters: Any = None

    def start(self) -> None:
        """Install a provider with a batch processor before an exporter that only counts."""
        from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

        seen = self._seen

        class Count(SpanExporter):
            def export(self, spans: Any) -> SpanExportResult:
                seen[0] += len(spans)
                return SpanExportResult.SUCCESS

        self._install(Count())

    def start_otlp(self) -> None:
        """Install a provider with a batch processor before the OTLP/HTTP exporter."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        self._install(OTLPSpanExporter())

    def _install(self, exporter: Any) -> None:
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._provider = TracerProvider()
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        trace.set_tracer_provider(self._provider)
        self.tracer = trace.get_tracer("benchmarks")

    def drain(self) -> None:
        """Flush the batch processor."""
        if self._provider is not None:
            self._provider.force_flush()

    def exported(self) -> int | None:
        """Return what the counting exporter counted."""
        return self._seen[0]

    def root(self, count: int) -> None:
        """Make root spans."""
        start = self.tracer.start_as_current_span
        for i in range(count):
            with start("work", attributes={"route": "/orders", "order": i, "cached": True}):
                pass

    def parent(self) -> AbstractContextManager[Any]:
        """Return a current root span."""
        return self.tracer.start_as_current_span("parent")

    def child(self, count: int) -> None:
        """Make child spans."""
        start = self.tracer.start_as_current_span
        with start("parent"):
            for i in range(count):
                with start("work", attributes={"route": "/orders", "order": i, "cached": True}):
                    pass

    def transaction(self, count: int) -> None:
        """Make root spans with five children."""
        start = self.tracer.start_as_current_span
        for i in range(count):
            with start("work", attributes={"route": "/orders", "order": i, "cached": True}):
                for n in range(5):
                    with start("step", attributes={"table": "orders", "row": n, "cached": True}):
                        pass

    def eventful(self, count: int) -> None:
        """Make child spans with an event."""
        start = self.tracer.start_as_current_span
        with start("parent"):
            for i in range(count):
                attributes = {"route": "/orders", "order": i, "cached": True}
                with start("work", attributes=attributes) as span:
                    span.add_event("row", {"table": "orders"})

    def measured_burst(self, count: int) -> None:
        """Make root spans: what our transaction is held against, measured in the same seconds."""
        self.root(count)

    def measured(self, count: int) -> None:
        """Do by hand what a transaction of ours does: SDK span, SDK instruments, clocks, statm."""
        start = self.tracer.start_as_current_span
        duration, in_flight = self._instruments or self._make_instruments()
        labels = {"transaction": "work"}
        done = {"transaction": "work", "status": "success"}
        statm = Path("/proc/self/statm")
        for i in range(count):
            began, cpu = time.perf_counter(), time.thread_time_ns()
            memory = int(statm.read_bytes().split()[1])
            in_flight.add(1, labels)
            attributes = {"route": "/orders", "order": i, "cached": True}
            with start("work", attributes=attributes) as span:
                pass
            more = int(statm.read_bytes().split()[1]) - memory
            span.set_attribute("memory", more * PAGE_BYTES)
            span.set_attribute("cpu", time.thread_time_ns() - cpu)
            in_flight.add(-1, labels)
            duration.record(time.perf_counter() - began, done)

    def _make_instruments(self) -> Any:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader

        meter = MeterProvider([InMemoryMetricReader()]).get_meter("benchmarks")
        self._instruments = (
            meter.create_histogram("transaction_duration_seconds"),
            meter.create_up_down_counter("transactions_in_flight"),
        )
        return self._instruments

    def _meter(self) -> Any:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader

        if self._reader is None:
            self._reader = InMemoryMetricReader()
            self._meters = MeterProvider([self._reader]).get_meter("benchmarks")
        return self._meters

    def counter(self, count: int) -> None:
        """Give the attributes each time; there are no bound instruments."""
        add = self._meter().create_counter("jobs").add
        attributes = {"kind": "a", "status": "b"}
        for _ in range(count):
            add(1, attributes)

    def histogram(self, count: int) -> None:
        """Give the attributes each time."""
        record = self._meter().create_histogram("wait").record
        attributes = {"kind": "a", "status": "b"}
        for _ in range(count):
            record(0.3, attributes)

    def counter_labels(self, count: int) -> None:
        """Make the attributes each time."""
        add = self._meter().create_counter("jobs").add
        for _ in range(count):
            add(1, {"kind": "a", "status": "b"})

    def histogram_labels(self, count: int) -> None:
        """Make the attributes each time."""
        record = self._meter().create_histogram("wait").record
        for _ in range(count):
            record(0.3, {"kind": "a", "status": "b"})

    def fill(self, what: str) -> Callable[[], object]:
        """Make the series; collect and encode with the exporter's own encoder."""
        from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

        meter = self._meter()
        for n in range(5):
            counter = meter.create_counter(f"jobs{n}")
            for i in range(1999):
                counter.add(i, {"kind": f"kind-{i}", "status": "success"})
        return lambda: encode_metrics(self._reader.get_metrics_data()).SerializeToString()

    def offer(self, count: int) -> None:
        """Offer attribute sets."""
        counter = self._meter().create_counter("offered")
        for i in range(count):
            counter.add(1, {"id": f"customer-{i}"})
        self._reader.get_metrics_data()

    def request(self) -> None:
        """Serve one request: the span of the request and those of four steps, a wait in each."""
        start = self.tracer.start_as_current_span
        with start("request", attributes={"route": "/orders", "order": 17, "cached": True}):
            time.sleep(WAIT_S)
            for n in range(4):
                with start("step", attributes={"table": "orders", "row": n, "cached": True}):
                    time.sleep(WAIT_S)

    def decorate(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Use the tracer's decorator; it has none for generators: there a ``with`` inside."""
        tracer = self.tracer
        if kind != "generator":
            return tracer.start_as_current_span("work")(function)

        def generator(value: int) -> Any:
            with tracer.start_as_current_span("work"):
                yield from function(value)

        return generator

    def start_logs(self, row: str, folder: str) -> None:
        """Set up structlog as its page "Performance" does, with a processor for trace ids.

        With OTLP, OpenTelemetry's handler for ``logging`` gets each line as well.
        """
        from benchmarks.peers import _structlog_setup

        self._install_nowhere()
        to_otlp = row in {"log_line_otlp", "log_latency"}
        exporter = None
        if row == "log_latency":
            from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

            exporter = OTLPLogExporter()
        self._log = _structlog_setup.configure(folder, to_otlp=to_otlp, exporter=exporter)

    def _install_nowhere(self) -> None:
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())
        self.tracer = trace.get_tracer("benchmarks")

    def log_line(self, count: int) -> None:
        """Write lines."""
        info = self._log.info
        for i in range(count):
            info("placed", order=i, user="u-1234", amount=12.5, paid=True, route="/orders")

    def log_disabled(self, count: int) -> None:
        """Write lines that are not wanted."""
        debug = self._log.debug
        for i in range(count):
            debug("placed", order=i, user="u-1234", amount=12.5, paid=True, route="/orders")

    def spans(self, count: int) -> list[Any]:
        """Collect the `ReadableSpan` of each."""
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        memory = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(memory))
        self.tracer = provider.get_tracer("benchmarks")
        self.eventful(count)
        return list(memory.get_finished_spans())[:count]

    def encode(self, spans: list[Any]) -> bytes:
        """Encode with the exporter's own encoder."""
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        return encode_spans(spans).SerializeToString()
