"""Find out, step by step, why an OTLP destination gets nothing: name, connection, TLS, record.

A module of its own that nobody else imports, as a service has no use for it.

    reach(config, signal, …)      name → connect → tls      _dial.py, _tls.py, _certificate.py
    send(config, signal, …)       one marked record         the exporter that a service would use
       failed?                    what the port speaks      _mismatch.py, _speaks.py
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from testpilot_obs._core import clock
from testpilot_obs.config import Config, OtlpSettings
from testpilot_obs.errors import ConfigError
from testpilot_obs.exporters import _mismatch, _place, _table, _tls_step
from testpilot_obs.exporters._dial import NotSentError, dial, not_sent, remaining_s, resolve
from testpilot_obs.exporters._place import Place
from testpilot_obs.exporters._probe_records import ProbeBatch
from testpilot_obs.protocols import Outcome, Signal, Verdict

Status = Literal["ok", "warning", "failed", "skipped"]

_RECORDS: Mapping[Signal, str] = {"traces": "span", "logs": "log", "metrics": "metric"}
_REMEDIES = {
    "dns": "check the host in OTEL_EXPORTER_OTLP_ENDPOINT, and whether a name server can be asked",
    "connection_refused": (
        "is the receiver running, and is it this port? Usual are 4318 for HTTP and 4317 for gRPC"
    ),
    "timeout": "a firewall may swallow it; check host and port of OTEL_EXPORTER_OTLP_ENDPOINT",
    "unreachable": "there is no way to it from this machine; check its network and the host",
    "too_many_open_files": "raise the limit of open files (ulimit -n)",
}
_ASK_S = 2.0
"""Kept back of the time, to ask what a port speaks that did not answer."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way to a destination."""

    name: str
    """``"name"``, ``"connect"``, ``"tls"``, ``"span"``, ``"log"``, ``"metric"``."""
    status: Status
    message: str
    """What was found, without secrets."""
    remedy: str = ""
    """What to do about it; empty if there is nothing to do, or the message says it."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs; only what JSON can hold."""


def reach(config: Config, signal: Signal, *, deadline: float) -> list[Step]:
    """Look the host up, connect and, for TLS, shake hands; the first failure is the last step.

    Args:
        config: Which settings.
        signal: Whose destination.
        deadline: When to give up, in seconds of ``clock.monotonic``.
    """
    settings = config.otlp(signal)
    place = _place.of(settings)
    if place is None:
        shown = f"{settings.shown_endpoint} is resolved by grpc itself"
        return [Step("connect", "skipped", shown)]
    try:
        context = _tls_step.context_for(settings) if place.is_tls else None
    except ConfigError as error:
        return [_misconfigured("tls", _table.as_it_was_set(error, config, signal))]
    steps = []
    if not place.path:
        steps.append(_look_up(place, deadline))
    if not _has_failed(steps):
        steps.append(_connect(place, deadline))
    if context is not None and not place.path and not _has_failed(steps):
        steps.append(_shake_hands(place, settings, context=context, deadline=deadline))
    return steps


def send(config: Config, signal: Signal, *, resource: Mapping[str, Any], deadline: float) -> Step:
    """Send one record that is marked as a test, by the exporter that a service would use."""
    name = _RECORDS[signal]
    try:
        exporter = _table.open("otlp", config, signal)
    except ConfigError as error:
        return _misconfigured(name, error)
    settings = config.otlp(signal)
    began = clock.monotonic()
    left_s = deadline - began
    try:
        outcome = exporter.export(
            ProbeBatch(signal, resource), timeout_s=max(left_s - _ASK_S, left_s / 2, 0.01)
        )
    finally:
        exporter.close()
    took_ms = round((clock.monotonic() - began) * 1000)
    if outcome.verdict is Verdict.SENT and not outcome.message:
        said = f"accepted in {took_ms} ms"
        return Step(name, "ok", said, facts={"signal": signal, "took_ms": took_ms})
    is_doubtful = outcome.verdict is Verdict.SENT and not outcome.rejected
    verdict = outcome.verdict.value
    facts: dict[str, Any] = {
        "signal": signal,
        "reason": outcome.reason,
        "verdict": verdict,
        "took_ms": took_ms,
    }
    remedy = _hint(settings, signal, outcome, deadline=deadline)
    status: Status = "warning" if is_doubtful else "failed"
    return Step(name, status, outcome.message or outcome.reason, remedy, facts)


def name_of(signal: Signal) -> str:
    """Return the name of the step that sends a record of *signal*: ``"span"``, ``"log"``…."""
    return _RECORDS[signal]


def _misconfigured(name: str, error: ConfigError) -> Step:
    return Step(name, "failed", "; ".join(map(str, error.problems)))


def _has_failed(steps: list[Step]) -> bool:
    return any(step.status == "failed" for step in steps)


def _look_up(place: Place, deadline: float) -> Step:
    try:
        answers = resolve(place.host, place.port, deadline=deadline)
    except OSError as error:
        return _failed("name", not_sent(error, place.host))
    found = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    message = ", ".join(found) if found != [place.host] else "is an address already"
    return Step("name", "ok", message, facts={"host": place.host, "addresses": found})


def _connect(place: Place, deadline: float) -> Step:
    began = clock.monotonic()
    try:
        with _open(place, deadline) as connection:
            peer = connection.getpeername()
    except OSError as error:
        return _failed("connect", not_sent(error, str(place)))
    took_ms = round((clock.monotonic() - began) * 1000)
    whom = place.path or str(peer[0])
    facts = {"peer": whom, "port": place.port, "took_ms": took_ms}
    return Step("connect", "ok", f"to {whom}, port {place.port} in {took_ms} ms", facts=facts)


def _open(place: Place, deadline: float) -> socket.socket:
    if not place.path:
        return dial(place.host, place.port, deadline=deadline)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(remaining_s(deadline))
        connection.connect(place.path)
    except BaseException:
        connection.close()
        raise
    return connection


def _failed(name: str, error: NotSentError) -> Step:
    remedy = _REMEDIES.get(error.reason, "")
    return Step(name, "failed", str(error), remedy, {"reason": error.reason})


def _shake_hands(place: Place, settings: OtlpSettings, *, context: Any, deadline: float) -> Step:
    found = _tls_step.shake_hands(place, settings, context=context, deadline=deadline)
    remedy = ""
    if found.status == "failed" and found.facts.get("reason") == "tls":
        remedy = _mismatch.advice(place, is_grpc=settings.protocol == "grpc", deadline=deadline)
    return Step("tls", found.status, found.message, remedy, found.facts)


def _hint(settings: OtlpSettings, signal: Signal, outcome: Outcome, *, deadline: float) -> str:
    """Return what a failed record most likely comes from, if more is known than its message."""
    place = _place.of(settings)
    if place is None or outcome.rejected:
        return ""
    if outcome.reason in {"http_404", "http_405"}:
        return _about_the_path(settings, signal)
    if place.path:
        return ""
    return _mismatch.advice(place, is_grpc=settings.protocol == "grpc", deadline=deadline)


def _about_the_path(settings: OtlpSettings, signal: Signal) -> str:
    path = settings.shown_endpoint.partition("?")[0]
    if path.count("/v1/") > 1:
        return f"OTEL_EXPORTER_OTLP_ENDPOINT must not have /v1/{signal}: that is added"
    if settings.protocol != "grpc" and not path.endswith(f"/v1/{signal}"):
        variable = f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"
        return f"{variable} is used as it is; should it end in /v1/{signal}?"
    return ""
