"""Which destinations the settings ask for, opened."""

from collections.abc import Iterator, Sequence
from typing import Literal, TextIO

from testpilot_obs import exporters
from testpilot_obs._core import diagnostics
from testpilot_obs.config import Config
from testpilot_obs.delivery._build import Destination
from testpilot_obs.errors import ConfigError, Problem
from testpilot_obs.protocols import SIGNALS, Exporter, Signal

_ARGUMENT = "argument"
_PRINTED_ELSEWHERE = ("logs", "console")
_PULLED = ("metrics", "prometheus")
_STYLES: dict[str, Literal["tree", "json"] | None] = {
    "auto": None,
    "console": "tree",
    "json": "json",
}


def open_destinations(
    config: Config, *, extra: Sequence[Exporter] = (), console_stream: TextIO | None = None
) -> list[Destination]:
    """Return the destinations that *config* asks for, and one for each *extra* exporter.

    With nothing asked for and no extra exporter, spans go to the console: to stderr, unless
    there is a *console_stream* or ``log_format`` is ``none``. Log lines are printed by ``logs``.

    Raises:
        ConfigError: If a destination cannot be opened and that was asked for in an argument, or
            ``strict`` is set. Otherwise that one is left out, with a warning.
    """
    if config.disabled:
        return []
    destinations = []
    problems: list[Problem] = []
    for signal, name in _named(config):
        try:
            exporter = exporters.open(name, config, signal)
        except ConfigError as error:
            problems += error.problems
            continue
        destinations.append(Destination(name, exporter, (signal,), config.otlp(signal).timeout_s))
    _report(config, problems)
    if config.exporters("traces") is None and not extra and config.log_format in _STYLES:
        console = exporters.ConsoleExporter(console_stream, _STYLES[config.log_format])
        destinations.append(Destination("console", console, ("traces",)))
    for place, exporter in enumerate(extra, 1):
        name = type(exporter).__name__
        is_taken = any(one.name == name for one in destinations)
        destinations.append(Destination(f"{name} {place}" if is_taken else name, exporter))
    return destinations


def _named(config: Config) -> Iterator[tuple[Signal, str]]:
    for signal in SIGNALS:
        for name in dict.fromkeys(config.exporters(signal) or ()):
            if (signal, name) not in {_PRINTED_ELSEWHERE, _PULLED}:
                yield signal, name


def _report(config: Config, problems: Sequence[Problem]) -> None:
    is_argument = any(
        config.source_of(name) == _ARGUMENT
        for name in type(config).__dataclass_fields__
        if name.startswith("otlp_") or name.endswith("_exporter")
    )
    if problems and (config.strict or is_argument):
        raise ConfigError(list(dict.fromkeys(problems)))
    for problem in problems:
        diagnostics.warn_once(f"open:{problem}", "nothing is sent there: %s", problem)
