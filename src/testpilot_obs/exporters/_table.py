"""Which exporters there are: the name that people set, and how it is opened."""

import sys
from collections.abc import Callable

from testpilot_obs.config import Config, origin
from testpilot_obs.errors import ConfigError, Problem
from testpilot_obs.exporters._console import ConsoleExporter
from testpilot_obs.exporters._otlp_file import OtlpFileExporter
from testpilot_obs.exporters._otlp_grpc import OtlpGrpcExporter
from testpilot_obs.exporters._otlp_http import OtlpHttpExporter
from testpilot_obs.protocols import Exporter, Signal


def open(name: str, config: Config, signal: Signal) -> Exporter:  # noqa: A001
    """Return the exporter that *name* stands for in ``OTEL_TRACES_EXPORTER`` and its like.

    Raises:
        ConfigError: If its settings cannot be used.
        KeyError: If there is none of that name.
    """
    return _TABLE[name](config, signal)


def _otlp(config: Config, signal: Signal) -> Exporter:
    settings = config.otlp(signal)
    make = OtlpGrpcExporter if settings.protocol == "grpc" else OtlpHttpExporter
    try:
        return make(settings, signal)
    except ConfigError as error:
        raise as_it_was_set(error, config, signal) from None


def as_it_was_set(error: ConfigError, config: Config, signal: Signal) -> ConfigError:
    """Return *error* with the names and sources of the settings: exporters know neither."""
    problems = []
    for problem in error.problems:
        option = problem.setting.removeprefix("OTEL_EXPORTER_OTLP_").lower()
        name, source = origin(config, signal, option)
        problems.append(Problem(name, problem.value, source, problem.expected))
    return ConfigError(problems)


def _otlp_file(config: Config, _signal: Signal) -> Exporter:
    return OtlpFileExporter(config.otlp_file)


def _console(_config: Config, _signal: Signal) -> Exporter:
    return ConsoleExporter(sys.stdout)


_TABLE: dict[str, Callable[[Config, Signal], Exporter]] = {
    "console": _console,
    "otlp": _otlp,
    "otlp_file": _otlp_file,
}
