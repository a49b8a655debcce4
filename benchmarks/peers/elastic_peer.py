"""elastic-apm with a transport that drops what it is given."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import elasticapm
from elasticapm.transport.base import Transport

from benchmarks.peers._base import Peer, UnsupportedError


class Nowhere(Transport):
    """Takes everything through the queue and the worker thread; sends nothing."""

    def send(self, data: Any, *_more: Any, **_options: Any) -> None:
        """Forget *data*."""


class Library(Peer):
    """elastic-apm."""

    def __init__(self) -> None:
        self._client: Any = None

    def start(self) -> None:
        """Make a client; limits are lifted so that no span is dropped or compressed."""
        self._client = elasticapm.Client(
            service_name="bench",
            server_url="http://127.0.0.1:9",
            transport_class=f"{Nowhere.__module__}.Nowhere",
            central_config=False,
            cloud_provider="none",
            metrics_interval="0ms",
            transaction_max_spans=1_000_000,
            span_compression_enabled=False,
        )
        elasticapm.instrumentation.control.uninstrument()

    def drain(self) -> None:
        """Flush the transport's queue."""
        if self._client is not None:
            self._client._transport.flush()

    def root(self, count: int) -> None:
        """Make transactions."""
        client = self._client
        for i in range(count):
            client.begin_transaction("work")
            elasticapm.label(route="/orders", order=i, cached=True)
            client.end_transaction("work")

    @contextmanager
    def parent(self) -> Iterator[Any]:
        """Hold a current transaction."""
        self._client.begin_transaction("parent")
        yield
        self._client.end_transaction("parent")

    def child(self, count: int) -> None:
        """Make spans."""
        with self.parent():
            for i in range(count):
                labels = {"route": "/orders", "order": i, "cached": True}
                with elasticapm.capture_span("work", labels=labels):
                    pass

    def transaction(self, count: int) -> None:
        """Make transactions with five spans."""
        client = self._client
        for i in range(count):
            client.begin_transaction("work")
            elasticapm.label(order=i)
            for n in range(5):
                labels = {"table": "orders", "row": n, "cached": True}
                with elasticapm.capture_span("step", labels=labels):
                    pass
            client.end_transaction("work")

    def decorate(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Use ``capture_span`` and ``async_capture_span``."""
        if kind == "sync":
            decorated: Callable[..., Any] = elasticapm.capture_span("work")(function)
            return decorated
        if kind == "coroutine":
            return elasticapm.async_capture_span("work")(function)
        raise UnsupportedError

    def close(self) -> AbstractContextManager[Any]:
        """Close the client."""
        return self._client.close()  # type: ignore[no-any-return]
