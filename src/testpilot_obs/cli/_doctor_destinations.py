"""The destinations, each really tried: one marked span, log record and metric is sent."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from testpilot_obs._core import clock, diagnostics, identity, redaction
from testpilot_obs.cli._doctor_report import Check
from testpilot_obs.config import Config, OtlpSettings, proxies
from testpilot_obs.exporters import probe
from testpilot_obs.protocols import SIGNALS, Signal

_PATIENCE_S = 0.5
"""How much longer than its deadline a probe is waited for."""
_ELSEWHERE = {"console": "printed on the console", "otlp_file": "a file, see above"}


def check_destinations(config: Config, *, timeout_s: float, offline: bool) -> Iterator[Check]:
    """Yield what became of each destination; all are tried at once, within *timeout_s* in all."""
    yield from _without_network(config)
    groups = _groups(config)
    if offline or config.disabled:
        for group in groups:
            said = "not tried (--offline)" if offline else "not tried: OTEL_SDK_DISABLED"
            yield group.check(probe.Step("connect", "skipped", said))
        return
    for group, steps in _try(config, groups, timeout_s):
        for step in steps:
            yield group.check(step)
    if groups and (names := proxies()):
        said = f"{', '.join(names)} set, but testpilot_obs connects without a proxy"
        yield Check("destinations", "proxy", "info", said)


@dataclass(frozen=True, slots=True)
class _Group:
    """Signals that go to one place in one way."""

    settings: OtlpSettings
    about: str
    signals: Sequence[Signal]

    def check(self, step: probe.Step) -> Check:
        facts = {"signals": list(self.signals), "protocol": self.settings.protocol, **step.facts}
        return Check(
            "destinations",
            step.name,
            step.status,
            step.message,
            about=self.about,
            remedy=step.remedy,
            facts=facts,
        )


def _without_network(config: Config) -> Iterator[Check]:
    for signal in SIGNALS:
        chosen = config.exporters(signal)
        if chosen is None:
            what = "only where they are scraped" if signal == "metrics" else "only on the console"
            said = f"{what}; OTEL_EXPORTER_OTLP_ENDPOINT is not set"
            yield Check("destinations", signal, "info", said)
        elif not chosen:
            yield Check("destinations", signal, "info", "nowhere, as the settings say")
        for name in chosen or ():
            if name in _ELSEWHERE:
                yield Check("destinations", f"{signal} to {name}", "info", _ELSEWHERE[name])
            elif name == "prometheus":
                yield _can_listen(config.prometheus_host, config.prometheus_port)


def _can_listen(host: str, port: int) -> Check:
    about = f"http://{host}:{port}/metrics"
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        said = f"cannot listen there: {error.strerror}"
        remedy = "is the service running already? Else set OTEL_EXPORTER_PROMETHEUS_PORT"
        return Check("destinations", "prometheus", "warning", said, about=about, remedy=remedy)
    return Check("destinations", "prometheus", "ok", "the address is free", about=about)


def _groups(config: Config) -> list[_Group]:
    found: dict[Any, _Group] = {}
    for signal in SIGNALS:
        if "otlp" not in (config.exporters(signal) or ()):
            continue
        settings = config.otlp(signal)
        about = settings.shown_endpoint.partition("?")[0].removesuffix(f"/v1/{signal}")
        files = (settings.certificate, settings.client_certificate, settings.client_key)
        key = (about, settings.protocol, files)
        group = found.get(key) or _Group(settings, about, ())
        found[key] = replace(group, signals=(*group.signals, signal))
    return list(found.values())


def _try(
    config: Config, groups: Sequence[_Group], timeout_s: float
) -> Iterator[tuple[_Group, list[probe.Step]]]:
    """Yield the steps of each group: first all are reached at once, then all records are sent."""
    began = clock.monotonic()
    half, whole = began + timeout_s / 2, began + timeout_s
    reaching = [
        _Aside(partial(probe.reach, config, group.signals[0], deadline=half)) for group in groups
    ]
    reached = [one.steps(half, instead="connect") for one in reaching]
    send = partial(_send, config, resource=_resource(config), deadline=whole)
    sending = [
        [] if _has_failed(steps) else [_Aside(partial(send, one)) for one in group.signals]
        for group, steps in zip(groups, reached, strict=True)
    ]
    for group, steps, senders in zip(groups, reached, sending, strict=True):
        sent = [
            sender.steps(whole, instead=probe.name_of(signal))
            for signal, sender in zip(group.signals, senders, strict=False)
        ]
        yield group, sum(sent, steps)


def _has_failed(steps: Sequence[probe.Step]) -> bool:
    return any(step.status == "failed" for step in steps)


def _send(
    config: Config, signal: Signal, *, resource: Mapping[str, Any], deadline: float
) -> list[probe.Step]:
    return [probe.send(config, signal, resource=resource, deadline=deadline)]


class _Aside:
    """A part of the probing in a thread of its own, which is left behind if it does not end."""

    def __init__(self, call: Callable[[], list[probe.Step]]) -> None:
        self._call = call
        self._found: list[probe.Step] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def steps(self, deadline: float, *, instead: str) -> list[probe.Step]:
        """Return the steps; one failed step, called *instead*, if there are none in time."""
        self._thread.join(max(deadline - clock.monotonic(), 0.0) + _PATIENCE_S)
        return self._found or [probe.Step(instead, "failed", "it did not end in time")]

    def _run(self) -> None:
        with diagnostics.guard("probe a destination"):
            self._found = self._call()


def _resource(config: Config) -> Mapping[str, Any]:
    redactor = redaction.setup(config)
    described = identity.describe(config)
    return described if redactor is None else dict(redactor.attributes(described))
