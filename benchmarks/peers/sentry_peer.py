"""sentry-sdk with all traces sampled, and a transport that drops what it is given."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import sentry_sdk
from sentry_sdk.transport import Transport

from benchmarks.peers._base import Peer, UnsupportedError


class Nowhere(Transport):
    """Takes everything, sends nothing."""

    def capture_envelope(self, envelope: Any) -> None:
        """Forget *envelope*."""


class Library(Peer):
    """sentry-sdk."""

    def start(self) -> None:
        """Initialise."""
        sentry_sdk.init(
            "http://key@127.0.0.1:9/1",
            traces_sample_rate=1.0,
            transport=Nowhere,
            auto_session_tracking=False,
        )

    def drain(self) -> None:
        """Flush."""
        sentry_sdk.flush()

    def root(self, count: int) -> None:
        """Make transactions."""
        for i in range(count):
            with sentry_sdk.start_transaction(name="work") as span:
                span.set_data("route", "/orders")
                span.set_data("order", i)
                span.set_data("cached", value=True)

    def parent(self) -> AbstractContextManager[Any]:
        """Return a current transaction."""
        transaction: AbstractContextManager[Any] = sentry_sdk.start_transaction(name="parent")
        return transaction

    def child(self, count: int) -> None:
        """Make spans; a transaction keeps 1,000 of them, so there is a new one for each 1,000."""
        for first in range(0, count, 1000):
            with sentry_sdk.start_transaction(name="parent"):
                for i in range(first, min(first + 1000, count)):
                    with sentry_sdk.start_span(name="work") as span:
                        span.set_data("route", "/orders")
                        span.set_data("order", i)
                        span.set_data("cached", value=True)

    def transaction(self, count: int) -> None:
        """Make transactions with five spans."""
        for i in range(count):
            with sentry_sdk.start_transaction(name="work") as root:
                root.set_data("order", i)
                for n in range(5):
                    with sentry_sdk.start_span(name="step") as span:
                        span.set_data("table", "orders")
                        span.set_data("row", n)
                        span.set_data("cached", value=True)

    def decorate(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Use ``@sentry_sdk.trace``, which knows functions and coroutines."""
        if kind == "generator":
            raise UnsupportedError
        decorated: Callable[..., Any] = sentry_sdk.trace(function)
        return decorated
