"""ddtrace with a writer that drops what it is given; its other services are off."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from benchmarks.peers._base import Peer

OFF = {
    "DD_TRACE_AGENT_URL": "http://127.0.0.1:9",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "DD_TRACE_STARTUP_LOGS": "false",
    "DD_CRASHTRACKING_ENABLED": "false",
    "DD_TRACE_STATS_COMPUTATION_ENABLED": "false",
    "DD_RUNTIME_METRICS_ENABLED": "false",
}


class Nowhere:
    """Takes everything, sends nothing."""

    def recreate(self, *_arguments: Any, **_options: Any) -> "Nowhere":
        """Return itself."""
        return self

    def stop(self, timeout: float | None = None) -> None:
        """Do nothing."""

    def write(self, spans: Any = None) -> None:
        """Forget *spans*."""

    def flush_queue(self, **_options: Any) -> None:
        """Do nothing."""

    def before_fork(self) -> None:
        """Do nothing."""

    def stop_if_idle(self) -> None:
        """Do nothing."""


class Library(Peer):
    """ddtrace."""

    def __init__(self) -> None:
        os.environ.update(OFF)
        from ddtrace.trace import tracer

        self._tracer = tracer

    def start(self) -> None:
        """Put the writer in place."""
        self._tracer._span_aggregator.writer = Nowhere()

    def root(self, count: int) -> None:
        """Make root spans."""
        for i in range(count):
            with self._tracer.trace("work") as span:
                span.set_tag("route", "/orders")
                span.set_tag("order", i)
                span.set_tag("cached", "true")

    def parent(self) -> AbstractContextManager[Any]:
        """Return a current root span."""
        return self._tracer.trace("parent")

    def child(self, count: int) -> None:
        """Make child spans."""
        with self._tracer.trace("parent"):
            for i in range(count):
                with self._tracer.trace("work") as span:
                    span.set_tag("route", "/orders")
                    span.set_tag("order", i)
                    span.set_tag("cached", "true")

    def transaction(self, count: int) -> None:
        """Make root spans with five children."""
        for i in range(count):
            with self._tracer.trace("work") as root:
                root.set_tag("route", "/orders")
                root.set_tag("order", i)
                root.set_tag("cached", "true")
                for n in range(5):
                    with self._tracer.trace("step") as span:
                        span.set_tag("table", "orders")
                        span.set_tag("row", n)
                        span.set_tag("cached", "true")

    def decorate(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Use ``@tracer.wrap``, which knows all three kinds."""
        return self._tracer.wrap("work")(function)
