"""Who is put to the test: this library, the OpenTelemetry SDK, or nobody.

Each sets itself up from the same standard environment variables, and records what has a number.
"""

import logging
import os

from tests.faults.journal import LINE, SERIES


class Nobody:
    """No telemetry at all: what a program costs without."""

    def start(self):
        """Set up."""

    def span(self, number):
        """Record one span."""

    def log(self, number):
        """Record one log line."""

    def count(self, number):
        """Record into one series."""

    def flush(self, timeout_s):
        """Deliver what waits; return whether that succeeded."""
        return True

    def shutdown(self):
        """Deliver what waits and stop."""

    def stats(self):
        """Return the books of each signal, if there are any."""
        return {}


class Ours(Nobody):
    """testpilot_obs, through its front door."""

    def start(self):
        """Call init()."""
        import testpilot_obs as obs

        self._obs = obs
        self._handle = obs.init()
        self._log = obs.get_logger("faults")
        self._counter = obs.metrics.counter(f"{SERIES}_total", "What was done.", ["n"])

    def span(self, number):
        """Record one span."""
        with self._obs.span("work", n=number):
            pass

    def log(self, number):
        """Record one log line."""
        self._log.info(f"{LINE} {number}")

    def count(self, number):
        """Record into one series."""
        self._counter.labels(str(number)).inc()

    def flush(self, timeout_s):
        """Call Handle.flush()."""
        return self._handle.flush(timeout_s)

    def shutdown(self):
        """End by the front door's function of that name."""
        self._obs.shutdown()

    def stats(self):
        """Return the books of each signal."""
        return {signal: _books(stats) for signal, stats in self._handle.stats().items()}


class Stock(Nobody):
    """The OpenTelemetry SDK, as its documentation sets it up."""

    def start(self):
        """Make three providers with batch processors and OTLP exporters."""
        from opentelemetry import metrics, trace
        from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        spans, logs, points = _stock_exporters()
        tracers = TracerProvider()
        tracers.add_span_processor(BatchSpanProcessor(spans))
        trace.set_tracer_provider(tracers)
        loggers = LoggerProvider()
        loggers.add_log_record_processor(BatchLogRecordProcessor(logs))
        meters = MeterProvider([PeriodicExportingMetricReader(points)])
        metrics.set_meter_provider(meters)
        self._providers = (tracers, loggers, meters)
        self._tracer = trace.get_tracer("faults")
        self._counter = metrics.get_meter("faults").create_counter(SERIES)
        self._log = logging.getLogger("faults")
        self._log.setLevel(logging.INFO)
        self._log.propagate = False
        self._log.addHandler(LoggingHandler(logger_provider=loggers))

    def span(self, number):
        """Record one span."""
        with self._tracer.start_as_current_span("work", attributes={"n": number}):
            pass

    def log(self, number):
        """Record one log line."""
        self._log.info("%s %d", LINE, number)

    def count(self, number):
        """Record into one series."""
        self._counter.add(1, {"n": str(number)})

    def flush(self, timeout_s):
        """Flush the three providers, one after the other."""
        return all([one.force_flush(int(timeout_s * 1000)) for one in self._providers])  # noqa: C419

    def shutdown(self):
        """Shut the three providers down, one after the other."""
        for provider in self._providers:
            provider.shutdown()


SUBJECTS = {"ours": Ours, "stock": Stock, "nobody": Nobody}


def _books(stats):
    return {
        "recorded": stats.recorded,
        "delivered": stats.delivered,
        "spooled": getattr(stats, "spooled", 0),
        "queued": stats.queued,
        "dropped": dict(stats.dropped),
    }


def _stock_exporters():
    if os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    else:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    return OTLPSpanExporter(), OTLPLogExporter(), OTLPMetricExporter()
