"""logfire, sending nothing: its own batch processor before an exporter that counts."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import logfire

from benchmarks.peers._base import Peer, UnsupportedError


class Library(Peer):
    """logfire."""

    def __init__(self) -> None:
        self._provider: Any = None
        self._seen = [0]

    def start(self) -> None:
        """Configure without the console and without a token."""
        from opentelemetry import trace
        from opentelemetry.sdk.trace.export import (
            BatchSpanProcessor,
            SpanExporter,
            SpanExportResult,
        )

        seen = self._seen

        class Count(SpanExporter):
            def export(self, spans: Any) -> SpanExportResult:
                seen[0] += len(spans)
                return SpanExportResult.SUCCESS

        logfire.configure(
            send_to_logfire=False,
            console=False,
            metrics=False,
            inspect_arguments=False,
            additional_span_processors=[BatchSpanProcessor(Count())],
        )
        self._provider = trace.get_tracer_provider()

    def drain(self) -> None:
        """Flush."""
        logfire.force_flush()

    def root(self, count: int) -> None:
        """Make root spans."""
        for i in range(count):
            with logfire.span("work", route="/orders", order=i, cached=True):
                pass

    def parent(self) -> AbstractContextManager[Any]:
        """Return a current root span."""
        return logfire.span("parent")

    def child(self, count: int) -> None:
        """Make child spans."""
        with logfire.span("parent"):
            for i in range(count):
                with logfire.span("work", route="/orders", order=i, cached=True):
                    pass

    def transaction(self, count: int) -> None:
        """Make root spans with five children."""
        for i in range(count):
            with logfire.span("work", route="/orders", order=i, cached=True):
                for n in range(5):
                    with logfire.span("step", table="orders", row=n, cached=True):
                        pass

    def decorate(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Use ``@logfire.instrument``; arguments are not extracted, as nobody else does."""
        if kind == "generator":
            return logfire.instrument("work", extract_args=False, allow_generator=True)(function)
        if kind in {"sync", "coroutine"}:
            return logfire.instrument("work", extract_args=False)(function)
        raise UnsupportedError
