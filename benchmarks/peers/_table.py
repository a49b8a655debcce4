"""Which libraries are compared, and what to install for each."""

import importlib
from dataclasses import dataclass

from benchmarks.peers._base import Peer

_OTEL = "{0}>=1.39,<2"


@dataclass(frozen=True, slots=True)
class PeerEntry:
    """One library in a virtual environment of its own."""

    title: str
    """As it is printed."""
    module: str
    """File of this package with the class ``Library``."""
    requirements: tuple[str, ...]
    """What pip installs; ``"."`` is this project."""
    distribution: str = ""
    """Whose version is reported; empty for none."""
    seconds_to_install: int = 300


PEERS: dict[str, PeerEntry] = {
    "limit": PeerEntry("bare primitives", "limit", ()),
    "opentelemetry": PeerEntry(
        "OpenTelemetry SDK",
        "opentelemetry_sdk",
        (
            _OTEL.format("opentelemetry-sdk"),
            _OTEL.format("opentelemetry-exporter-otlp"),
            "structlog>=24.4",
            "orjson>=3.10",
        ),
        "opentelemetry-sdk",
    ),
    "prometheus": PeerEntry(
        "prometheus-client",
        "prometheus_peer",
        ("prometheus-client>=0.21",),
        "prometheus-client",
    ),
    "testpilot_obs": PeerEntry("testpilot_obs", "ours", (".", "orjson>=3.10"), "testpilot-obs"),
    "logfire": PeerEntry("logfire", "logfire_peer", ("logfire>=4,<6",), "logfire"),
    "sentry": PeerEntry("sentry-sdk", "sentry_peer", ("sentry-sdk>=2.40,<3",), "sentry-sdk"),
    "elastic": PeerEntry("elastic-apm", "elastic_peer", ("elastic-apm>=6.23,<7",), "elastic-apm"),
    "ddtrace": PeerEntry("ddtrace", "ddtrace_peer", ("ddtrace>=3,<5",), "ddtrace"),
    "newrelic": PeerEntry("newrelic", "newrelic_peer", ("newrelic>=10,<15",), "newrelic"),
}


def load(name: str) -> Peer:
    """Return the library called *name*, imported but not started."""
    module = importlib.import_module(f"benchmarks.peers.{PEERS[name].module}")
    peer: Peer = module.Library()
    return peer
