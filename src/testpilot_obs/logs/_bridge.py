"""The handler on the root logger that brings records of ``logging`` into the pipeline."""

import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

from testpilot_obs._core import diagnostics
from testpilot_obs._core.values import text
from testpilot_obs.logs import _levels, _pipeline
from testpilot_obs.logs._frames import place
from testpilot_obs.logs._line import Origin, Written
from testpilot_obs.logs._pipeline import OWN, emit

_NS = 1_000_000_000

_TAKEN = "_testpilot_obs"

_NOT_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {
    _TAKEN,
    "asctime",
    "message",
    "taskName",
    # uvicorn: the message again, with colours.
    "color_message",
    # OpenTelemetry's logging instrumentation: what every line of ours has anyway.
    "otelServiceName",
    "otelSpanID",
    "otelTraceID",
    "otelTraceSampled",
}


class Bridge(logging.Handler):
    """Turns each record into a line, once.

    * Records of our own loggers, and all that is logged on delivery's threads, stay outside, so
      that a report about delivery cannot need delivery. Warnings among them that nobody else
      handles are printed on stderr, as ``logging`` itself does it.
    * A record that another handler on its way already prints on stdout or stderr
      (``logging.basicConfig``) is not printed again; it still goes to OTLP.
    * No lock is taken: a signal handler that logs while its thread is logging cannot hang.
    """

    def handle(self, record: logging.LogRecord) -> bool:
        """Take *record*; never raises."""
        try:
            # With a handler on a named logger as well a record may come twice.
            if _TAKEN in record.__dict__ or not self.filter(record):
                return False
            record.__dict__[_TAKEN] = True
            if is_own(record):
                self._put_aside(record)
            else:
                self.emit(record)
        except Exception:
            diagnostics.swallow("take a record of logging")
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Bring *record* into the pipeline."""
        level_name = text(record.levelname).lower()
        method = level_name if level_name in _levels.BY_METHOD else _levels.name_of(record.levelno)
        origin = Origin(
            text(record.name),
            level=record.levelno,
            level_name=level_name,
            time_ns=int(record.created * _NS),
            is_printed=any(_prints(handler, record) for handler in self._others(record)),
            is_exported=any(_exports(handler, record) for handler in self._others(record)),
            is_bridged=True,
            caller=place(record.funcName, record.pathname, record.lineno),
        )
        emit(origin, method, _written(record))

    def _put_aside(self, record: logging.LogRecord) -> None:
        last = logging.lastResort
        if last is not None and record.levelno >= last.level and not any(self._others(record)):
            last.handle(record)

    def _others(self, record: logging.LogRecord) -> Iterator[logging.Handler]:
        """Yield all other handlers that *record* passes."""
        root = logging.getLogger()
        known: Any = root.manager.loggerDict.get(record.name)
        logger: logging.Logger | None = known if isinstance(known, logging.Logger) else root
        while logger is not None:
            yield from (handler for handler in logger.handlers if handler is not self)
            logger = logger.parent if logger.propagate else None


def is_own(record: logging.LogRecord) -> bool:
    """Return whether the record is about delivery itself."""
    thread = record.threadName or threading.current_thread().name
    return record.name == OWN or record.name.startswith(f"{OWN}.") or _pipeline.is_own(thread)


def _prints(handler: logging.Handler, record: logging.LogRecord) -> bool:
    # rich's handler has a console with a file.
    stream = getattr(handler, "stream", None) or getattr(
        getattr(handler, "console", None), "file", None
    )
    consoles = (sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__)
    return (
        stream is not None
        and record.levelno >= handler.level
        and any(stream is console for console in consoles)
    )


def _exports(handler: logging.Handler, record: logging.LogRecord) -> bool:
    """Return whether *handler* is OpenTelemetry's, and sends *record* on."""
    if not (type(handler).__module__ or "").startswith("opentelemetry."):
        return False
    provider = getattr(handler, "_logger_provider", None)
    api: Any = sys.modules.get("opentelemetry._logs")
    if provider is not None and not hasattr(provider, "_multi_log_record_processor") and api:
        # A handler that is older than the provider has one that leads to it.
        provider = api.get_logger_provider()
    processor = getattr(provider, "_multi_log_record_processor", None)
    return record.levelno >= handler.level and bool(
        getattr(processor, "_log_record_processors", ())
    )


def _written(record: logging.LogRecord) -> Written:
    fields = {key: value for key, value in record.__dict__.items() if key not in _NOT_FIELDS}
    if record.exc_info:
        fields["exc_info"] = record.exc_info
    if record.stack_info:
        fields["stack_info"] = record.stack_info
    return record.msg, _arguments(record), fields


def _arguments(record: logging.LogRecord) -> tuple[Any, ...]:
    # ``logging`` itself unpacks a single mapping; someone else's record may hold anything.
    arguments: Any = record.args
    if isinstance(arguments, tuple):
        return arguments
    return (arguments,) if arguments else ()
