"""What is instrumented or not, and which optional parts are here, as the doctor sees it."""

import importlib.util
from collections.abc import Iterator
from importlib import metadata

from testpilot_obs._core import context
from testpilot_obs.cli._doctor_report import Check, Status
from testpilot_obs.config import Config

_EXTRAS = {
    "orjson": ("fast", "JSON log lines are made by it, several times faster"),
    "opentelemetry.propagators.b3": ("b3", "the propagators b3 and b3multi"),
    "cryptography": ("encryption", "what is kept on disk can be encrypted"),
    "psutil": ("", "no part of this version uses it"),
    "rich": ("", "no part of this version uses it"),
}
"""By module: our extra that installs it, and what it brings."""
_WITH_B3 = ("b3", "b3multi")
_SWITCHED_ON_BY_OTHERS = (
    "installed; testpilot_obs does not switch it on: call its instrument(), or start the service "
    "by opentelemetry-instrument"
)


def check_parts(config: Config) -> Iterator[Check]:
    """Yield what takes part in the recording, and what does not."""
    yield _context_storage()
    yield _providers(config)
    yield _logging(config)
    yield from _instrumentations()
    yield from _propagators(config)
    for module, (extra, use) in _EXTRAS.items():
        yield _extra(module, extra, use)


def _context_storage() -> Check:
    from opentelemetry import context as otel_context

    context.install()
    is_ours = context.is_installed()
    kind = type(getattr(otel_context, "_RUNTIME_CONTEXT", None))
    kind_name = f"{kind.__module__}.{kind.__qualname__}"
    facts = {"storage": kind_name, "is_ours": is_ours}
    if is_ours:
        said = "testpilot_obs keeps the current span, the API of OpenTelemetry sees the same"
        return Check("instrumentation", "context storage", "ok", said, facts=facts)
    said = f"OTEL_PYTHON_CONTEXT chose {kind_name}; the current span is kept there"
    return Check("instrumentation", "context storage", "info", said, facts=facts)


def _providers(config: Config) -> Check:
    said = {
        "auto": "a provider that the application sets before init() is joined, else ours is set",
        "join": "the application's provider is joined; ours is set only where there is none",
        "own": "ours is used, whatever the application has set",
    }[config.providers]
    facts = {"providers": config.providers, "source": config.source_of("providers")}
    message = f"{config.providers}: {said}"
    return Check("instrumentation", "providers", "info", message, facts=facts)


def _logging(config: Config) -> Check:
    versions = {"structlog": _version("structlog")}
    said = f"structlog {versions['structlog']} and all records of logging that reach the root"
    if config.log_loggers:
        said += f", and those of {', '.join(config.log_loggers)}"
    facts = {**versions, "loggers": list(config.log_loggers), "level": config.log_level}
    message = f"{said}; from {config.log_level} up"
    return Check("instrumentation", "logs", "ok", message, facts=facts)


def _instrumentations() -> Iterator[Check]:
    found = sorted(metadata.entry_points(group="opentelemetry_instrumentor"), key=lambda e: e.name)
    for entry in found:
        package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
        facts = {"package": package, "switched_on": False}
        yield Check(
            "instrumentation",
            entry.name,
            "info",
            _SWITCHED_ON_BY_OTHERS,
            facts=facts,
            about=package,
        )
    if not found:
        said = "no instrumentation of OpenTelemetry is installed; only what your code records"
        yield Check("instrumentation", "libraries", "info", said)


def _propagators(config: Config) -> Iterator[Check]:
    for name in config.propagators:
        is_missing = name in _WITH_B3 and not _is_here("opentelemetry.propagators.b3")
        status: Status = "failed" if is_missing else "ok"
        said = "its package is not installed: init() will raise" if is_missing else "here"
        remedy = "pip install 'testpilot-obs[b3]'" if is_missing else ""
        yield Check("instrumentation", f"propagator {name}", status, said, remedy=remedy)
    if not config.propagators:
        said = "none: traces end at the border of this process"
        yield Check("instrumentation", "propagators", "info", said)


def _extra(module: str, extra: str, use: str) -> Check:
    is_here = _is_here(module)
    facts = {"module": module, "installed": is_here, "extra": extra}
    said = f"{'installed' if is_here else 'not installed'}: {use}"
    if extra and not is_here:
        said += f" (pip install 'testpilot-obs[{extra}]')"
    name = f"optional {module.rpartition('.')[2]}"
    return Check("instrumentation", name, "info", said, facts=facts)


def _is_here(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "?"
