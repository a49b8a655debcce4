"""newrelic in its developer mode, in which it talks to no server."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from benchmarks.peers._base import Peer

_NO_CLOUD = ("AWS", "AZURE", "AZUREFUNCTION", "GCP", "KUBERNETES", "PCF")
OFF = {
    "NEW_RELIC_DEVELOPER_MODE": "true",
    "NEW_RELIC_LICENSE_KEY": "0" * 40,
    "NEW_RELIC_APP_NAME": "bench",
    "NEW_RELIC_HOST": "127.0.0.1",
    "NEW_RELIC_LOG_ENABLED": "false",
    **{f"NEW_RELIC_UTILIZATION_DETECT_{cloud}": "false" for cloud in _NO_CLOUD},
}


class Library(Peer):
    """newrelic."""

    def __init__(self) -> None:
        os.environ.update(OFF)
        from newrelic import agent

        self._agent: Any = agent
        self._application: Any = None

    def start(self) -> None:
        """Register the application."""
        self._agent.initialize()
        self._application = self._agent.register_application(timeout=10.0)

    def root(self, count: int) -> None:
        """Make background transactions."""
        for i in range(count):
            with self._agent.BackgroundTask(self._application, "work"):
                self._agent.add_custom_attributes(
                    [("route", "/orders"), ("order", i), ("cached", True)]
                )

    def parent(self) -> AbstractContextManager[Any]:
        """Return a current transaction."""
        task: AbstractContextManager[Any] = self._agent.BackgroundTask(self._application, "parent")
        return task

    def child(self, count: int) -> None:
        """Make function traces."""
        with self.parent():
            for i in range(count):
                with self._agent.FunctionTrace("work"):
                    self._agent.add_custom_span_attribute("route", "/orders")
                    self._agent.add_custom_span_attribute("order", i)
                    self._agent.add_custom_span_attribute("cached", value=True)

    def transaction(self, count: int) -> None:
        """Make transactions with five function traces."""
        for i in range(count):
            with self._agent.BackgroundTask(self._application, "work"):
                self._agent.add_custom_attribute("order", i)
                for n in range(5):
                    with self._agent.FunctionTrace("step"):
                        self._agent.add_custom_span_attribute("table", "orders")
                        self._agent.add_custom_span_attribute("row", n)
                        self._agent.add_custom_span_attribute("cached", value=True)

    def decorate(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Use ``@function_trace``, which knows all three kinds."""
        decorated: Callable[..., Any] = self._agent.function_trace("work")(function)
        return decorated
