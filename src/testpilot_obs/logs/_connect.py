"""Wiring: where lines go from `init()` on, and the way back."""

import logging
import sys
from pathlib import Path
from typing import Any, TextIO

from testpilot_obs._core import diagnostics
from testpilot_obs._core.import_hook import AfterImport
from testpilot_obs._core.terminal import allow_colours, is_terminal, wants_colour, width_of
from testpilot_obs.config import Config
from testpilot_obs.logs import _levels
from testpilot_obs.logs._audit import AuditFile
from testpilot_obs.logs._bridge import Bridge
from testpilot_obs.logs._choice import Levels, StandardLevels
from testpilot_obs.logs._console import Console
from testpilot_obs.logs._files import Files
from testpilot_obs.logs._flood import Flood
from testpilot_obs.logs._json_line import JsonLine
from testpilot_obs.logs._line import Sink
from testpilot_obs.logs._logfmt import Logfmt
from testpilot_obs.logs._old_files import Policy
from testpilot_obs.logs._otlp import OtlpQueue
from testpilot_obs.logs._outside import LevelSignal, header
from testpilot_obs.logs._pipeline import settle, standard_followers, state
from testpilot_obs.logs._processors import wanted
from testpilot_obs.logs._readable import Readable
from testpilot_obs.logs._schemas import SCHEMAS
from testpilot_obs.logs._uncaught import Uncaught


class _Connection:
    """What `connect` changed outside this package, and how it was before."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._bridge = Bridge()
        self._level = _levels.number(config.log_level)
        self._standard = StandardLevels()
        self._hook = AfterImport("structlog", _adopt_structlog)
        self._uncaught = Uncaught()
        self._signal = LevelSignal(config.log_level_signal)
        self._loggers = [logging.getLogger(name) for name in config.log_loggers]
        if config.source_of("log_level") != "default" and not config.log_levels:
            self._bridge.setLevel(self._level)

    def open(self) -> None:
        root = logging.getLogger()
        for logger in (root, *self._loggers):
            logger.addHandler(self._bridge)
        if root.level == logging.WARNING:
            self._standard.set("", self._level)
        for name, level in self._config.log_levels.items():
            self._standard.set(name, _levels.number(level))
        standard_followers.append(self._follow)
        self._uncaught.open()
        self._signal.open()
        self._hook.install()

    def close(self) -> None:
        self._hook.remove()
        self._signal.close()
        self._uncaught.close()
        standard_followers.clear()
        self._standard.give_back()
        for logger in (logging.getLogger(), *self._loggers):
            logger.removeHandler(self._bridge)
        _give_structlog_back()

    def _follow(self, name: str, level: int) -> None:
        self._bridge.setLevel(logging.NOTSET)
        self._standard.set(name, level)


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
    sinks = _sinks(config, queue, stream)
    wanted.caller, wanted.locals = config.log_caller, config.log_locals
    state.set(
        levels=_levels_of(config),
        sinks=sinks,
        rate_limit=config.log_rate_limit,
        held_back=config.log_debug_buffer,
        flood=_flood(sinks),
    )
    header.name = config.log_level_header.lower()
    connection = _Connection(config)
    _connections.append(connection)
    connection.open()


def disconnect() -> None:
    """Do again as before `connect`: plain lines on stderr, and nothing of ``logging``."""
    settle()
    while _connections:
        with diagnostics.guard("restore logging"):
            _connections.pop().close()
    state.reset()
    header.name = ""
    wanted.caller = wanted.locals = False


def _levels_of(config: Config) -> Levels:
    base = _levels.number(config.log_level)
    rules = {name: _levels.number(level) for name, level in config.log_levels.items()}
    # A level that is only our default says nothing about records that an application wants.
    is_chosen = config.source_of("log_level") != "default"
    return Levels(base, rules, bridged=base if is_chosen else 0)


def lost() -> dict[str, int]:
    """Return how many lines each log file's disk did not take; empty without ``log_dir``."""
    found: dict[str, int] = {}
    for sink in state.sinks:
        if isinstance(sink, Files):
            found.update(sink.lost)
        elif isinstance(sink, AuditFile):
            found["audit.log"] = sink.lost
    if state.flood.lost:
        found["combined.log"] = found.get("combined.log", 0) + state.flood.lost
    return found


def _sinks(config: Config, queue: Any, stream: TextIO | None) -> tuple[Sink, ...]:
    as_json = _json_line(config)
    return (
        *_console(config, stream, as_json),
        *_files(config, as_json),
        *_audit(config),
        *_otlp(config, queue),
    )


def _flood(sinks: tuple[Sink, ...]) -> Flood:
    """Return what makes lines in a flood, if each of *sinks* takes them from a thread of ours."""
    usual: list[Any] = [sink for sink in sinks if not isinstance(sink, AuditFile)]
    files = [sink for sink in usual if isinstance(sink, Files)]
    if not files or not all(hasattr(sink, "take") for sink in usual):
        return Flood()
    flood = Flood(usual)
    files[0].tell_of_floods(flood.begin)
    return flood


def _json_line(config: Config) -> JsonLine:
    schema = SCHEMAS[config.log_schema]
    of_process = {
        "service": config.service_name,
        "version": config.service_version,
        "environment": config.environment,
    }
    known = {key: value for key, value in of_process.items() if value}
    return JsonLine(schema.constant(known), schema.rename)


def _console(config: Config, stream: TextIO | None, as_json: JsonLine) -> tuple[Sink, ...]:
    if config.log_format == "none":
        return ()
    if stream is None and "console" in config.logs_exporter:
        stream = sys.stdout
    seen = stream or sys.stderr
    if config.log_format == "json" or (config.log_format == "auto" and not is_terminal(seen)):
        return (Console(as_json, stream),)
    if config.log_format == "logfmt":
        return (Console(Logfmt(config.service_name), stream),)
    is_coloured = wants_colour(seen)
    if is_coloured:
        allow_colours()
    return (Console(Readable(is_coloured=is_coloured, width=width_of(seen)), stream),)


def _files(config: Config, as_json: JsonLine) -> tuple[Sink, ...]:
    if not config.log_dir:
        return ()
    policy = Policy(
        size=config.log_file_size,
        interval_s=config.log_file_interval_s,
        count=config.log_file_count,
        age_s=config.log_file_age_s,
        gzip=config.log_file_gzip,
    )
    return (Files(config.log_dir, as_json.encoded, policy),)


def _audit(config: Config) -> tuple[Sink, ...]:
    if not (config.audit_file or config.log_dir):
        return ()
    return (AuditFile(config.audit_file or Path(config.log_dir, "audit.log")),)


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
