"""structlog's documented fast setup, and OpenTelemetry's handler beside it.

Source:
    https://www.structlog.org/en/stable/performance.html; the processor for trace ids is the one
    under "OpenTelemetry" in https://www.structlog.org/en/stable/frameworks.html.
"""

import logging
from pathlib import Path
from typing import Any

from opentelemetry import trace


def add_ids(_logger: Any, _method: str, line: dict[str, Any]) -> dict[str, Any]:
    """Add the ids of the current span."""
    context = trace.get_current_span().get_span_context()
    line["span_id"] = format(context.span_id, "016x")
    line["trace_id"] = format(context.trace_id, "032x")
    return line


def configure(folder: str, *, to_otlp: bool, exporter: Any = None) -> Any:
    """Configure structlog to write JSON lines into a file; return a logger."""
    import orjson
    import structlog

    handlers = [_hand_to(_handler(exporter))] if to_otlp else []
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            add_ids,
            *handlers,
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(
            file=Path(folder, "combined.log").open("wb")  # noqa: SIM115  # to the end
        ),
    )
    return structlog.get_logger(service="bench")


def _handler(exporter: Any) -> logging.Handler:
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter or _counting()))
    return LoggingHandler(logging.INFO, provider)


def _counting() -> Any:
    from opentelemetry.sdk._logs import export

    # Its name lost a word in 1.39.
    base: Any = getattr(export, "LogRecordExporter", None) or export.LogExporter
    result: Any = getattr(export, "LogRecordExportResult", None) or export.LogExportResult

    class Count(base):  # type: ignore[misc]
        def export(self, batch: Any) -> Any:
            return result.SUCCESS

        def shutdown(self) -> None:
            """Do nothing."""

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return True

    return Count()


def _hand_to(handler: logging.Handler) -> Any:
    def hand_over(_logger: Any, _method: str, line: dict[str, Any]) -> dict[str, Any]:
        record = logging.LogRecord("shop", logging.INFO, "shop.py", 1, line["event"], None, None)
        record.__dict__.update({key: line[key] for key in line if key != "event"})
        handler.emit(record)
        return line

    return hand_over
