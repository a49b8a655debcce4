"""Wiring: where lines go from `init()` on, and the way back."""

import logging
import sys
from typing import Any, TextIO

from testpilot_obs._core import diagnostics
from testpilot_obs._core.import_hook import AfterImport
from testpilot_obs.config import Config
from testpilot_obs.logs import _levels
from testpilot_obs.logs._bridge import Bridge
from testpilot_obs.logs._console import Console, is_terminal, wants_colour
from testpilot_obs.logs._json_line import JsonLine
from testpilot_obs.logs._line import Sink
from testpilot_obs.logs._otlp import OtlpQueue
from testpilot_obs.logs._pipeline import state
from testpilot_obs.logs._readable import Readable


class _Connection:
    """What `connect` changed outside this package, and how it was before."""

    def __init__(self, config: Config) -> None:
        self._bridge = Bridge()
        self._level = _levels.number(config.log_level)
        self._level_before: int | None = None
        self._hook = AfterImport("structlog", _adopt_structlog)
        if config.source_of("log_level") != "default":
            self._bridge.setLevel(self._level)

    def open(self) -> None:
        root = logging.getLogger()
        root.addHandler(self._bridge)
        if root.level == logging.WARNING:
            self._level_before = root.level
            root.setLevel(self._level)
        self._hook.install()

    def close(self) -> None:
        root = logging.getLogger()
        root.removeHandler(self._bridge)
        if self._level_before is not None and root.level == self._level:
            root.setLevel(self._level_before)
        self._hook.remove()
        _give_structlog_back()


_connections: list[_Connection] = []


def connect(config: Config, queue: Any = None, *, stream: TextIO | None = None) -> None:
    """Bring all lines, structlog's and the standard library's, to the console and to *queue*.

    Records of ``logging`` come through a handler on the root logger. Levels: the root logger's,
    if it is at Python's default of WARNING, becomes ``log_level``, and is restored by
    `disconnect`; any other level was chosen by the application and stays. So the levels of the
    standard loggers decide what comes; a ``log_level`` that is set, not defaulted, is a lower
    bound for records of ``logging`` too.

    Once on the console: a record that another handler on its way prints on stdout or stderr, as
    after ``logging.basicConfig()``, is not printed by us again; to *queue* it goes in any case.

    ``structlog.get_logger()`` leads here too, unless the application has configured structlog;
    then its configuration is left alone.

    Args:
        config: ``log_level``, ``log_format``, ``logs_exporter``, ``service_name`` and the limits
            of log records are used. ``logs_exporter`` with ``console`` prints on stdout.
        queue: Delivery's queue; ``None`` to export nothing.
        stream: Where to print; ``None`` is whatever ``sys.stderr`` is at the moment of a line.
    """
    disconnect()
    sinks = (*_console(config, stream), *_otlp(config, queue))
    state.set(level=_levels.number(config.log_level), sinks=sinks)
    connection = _Connection(config)
    _connections.append(connection)
    connection.open()


def disconnect() -> None:
    """Do again as before `connect`: plain lines on stderr, and nothing of ``logging``."""
    while _connections:
        with diagnostics.guard("restore logging"):
            _connections.pop().close()
    state.reset()


def _console(config: Config, stream: TextIO | None) -> tuple[Sink, ...]:
    if config.log_format == "none":
        return ()
    if stream is None and "console" in config.logs_exporter:
        stream = sys.stdout
    seen = stream or sys.stderr
    if config.log_format == "json" or (config.log_format == "auto" and not is_terminal(seen)):
        return (Console(JsonLine(config.service_name), stream),)
    return (Console(Readable(is_coloured=wants_colour(seen)), stream),)


def _otlp(config: Config, queue: Any) -> tuple[Sink, ...]:
    if queue is None:
        return ()
    length = config.logrecord_attribute_value_length_limit
    if length is None:
        length = config.attribute_value_length_limit
    return (OtlpQueue(queue, most=config.logrecord_attribute_count_limit, length=length),)


def _adopt_structlog() -> None:
    from testpilot_obs.logs import _structlog

    _structlog.adopt()


def _give_structlog_back() -> None:
    if "structlog" in sys.modules:
        from testpilot_obs.logs import _structlog

        _structlog.give_back()
