"""newrelic in its developer mode, in which it talks to no server."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

os.environ.update(
    {
        "NEW_RELIC_DEVELOPER_MODE": "true",
        "NEW_RELIC_LICENSE_KEY": "0" * 40,
        "NEW_RELIC_APP_NAME": "bench",
        "NEW_RELIC_HOST": "127.0.0.1",
        "NEW_RELIC_LOG_ENABLED": "false",
        "NEW_RELIC_UTILIZATION_DETECT_AWS": "false",
        "NEW_RELIC_UTILIZATION_DETECT_AZURE": "false",
        "NEW_RELIC_UTILIZATION_DETECT_GCP": "false",
        "NEW_RELIC_UTILIZATION_DETECT_PCF": "false",
        "NEW_RELIC_UTILIZATION_DETECT_KUBERNETES": "false",
        "NEW_RELIC_UTILIZATION_DETECT_AZUREFUNCTION": "false",
    }
)

from newrelic import agent  # noqa: E402  # reads the environment above

from benchmarks.peers._base import Peer  # noqa: E402


class Library(Peer):
    """newrelic."""

    def __init__(self) -> None:
        self._application: Any = None

    def start(self) -> None:
        """Register the application."""
        agent.initialize()
        self._application = agent.register_application(timeout=10.0)

    def root(self, count: int) -> None:
        """Make background transactions."""
        for i in range(count):
            with agent.BackgroundTask(self._application, "work"):
                agent.add_custom_attributes(
                    [("route", "/orders"), ("order", i), ("cached", True)]
                )

    def parent(self) -> AbstractContextManager[Any]:
        """Return a current transaction."""
        task: AbstractContextManager[Any] = agent.BackgroundTask(self._application, "parent")
        return task

    def child(self, count: int) -> None:
        """Make function traces."""
        with self.parent():
            for i in range(count):
                with agent.FunctionTrace("work"):
                    agent.add_custom_span_attribute("route", "/orders")
                    agent.add_custom_span_attribute("order", i)
                    agent.add_custom_span_attribute("cached", value=True)

    def transaction(self, count: int) -> None:
        """Make transactions with five function traces."""
        for i in range(count):
            with agent.BackgroundTask(self._application, "work"):
                agent.add_custom_attribute("order", i)
                for n in range(5):
                    with agent.FunctionTrace("step"):
                        agent.add_custom_span_attribute("table", "orders")
                        agent.add_custom_span_attribute("row", n)
                        agent.add_custom_span_attribute("cached", value=True)

    def decorate(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Use ``@function_trace``, which knows all three kinds."""
        decorated: Callable[..., Any] = agent.function_trace("work")(function)
        return decorated
