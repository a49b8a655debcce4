"""Telling span processors: all of them, in order, and none of them can spoil it for the next."""

from typing import Any

from testpilot_obs._core import clock, diagnostics


class Processors:
    """The span processors of a provider, as one; what one of them raises is reported."""

    def __init__(self) -> None:
        self._all: list[Any] = []

    def add_span_processor(self, processor: Any) -> None:
        """Tell *processor* too, after those before it."""
        self._all.append(processor)

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Tell all that *span* has started."""
        for processor in self._all:
            with diagnostics.guard("tell a span processor that a span has started"):
                processor.on_start(span, parent_context=parent_context)

    def _on_ending(self, span: Any) -> None:
        for processor in self._all:
            ending = getattr(processor, "_on_ending", None)
            if ending is not None:
                with diagnostics.guard("tell a span processor that a span is ending"):
                    ending(span)

    def on_end(self, span: Any) -> None:
        """Tell all that *span* has ended."""
        for processor in self._all:
            with diagnostics.guard("tell a span processor that a span has ended"):
                processor.on_end(span)

    def shutdown(self) -> None:
        """Shut all down."""
        for processor in self._all:
            with diagnostics.guard("shut a span processor down"):
                processor.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Let all hand on what they hold; False if one failed, or the time was not enough."""
        deadline = clock.monotonic() + timeout_millis / 1000
        is_flushed = True
        for processor in self._all:
            left_s = deadline - clock.monotonic()
            if left_s <= 0:
                return False
            is_flushed = _flush(processor, round(left_s * 1000)) and is_flushed
        return is_flushed


class LateQueue:
    """A queue that also tells processors of the ends of spans begun before there were any."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider
        self._queue = provider.queue
        self.weigh = provider.queue.weigh
        self.pressure = provider.queue.pressure

    @property
    def items(self) -> Any:
        """The queue's own."""
        return self._queue.items

    @property
    def high(self) -> int:
        """The queue's own."""
        high: int = self._queue.high
        return high

    def append(self, span: Any) -> None:
        """Queue *span*, which was not watched when it began, and tell."""
        ending = getattr(self._provider.processor, "_on_ending", None)
        if ending is not None:
            with diagnostics.guard("tell a span processor that a span is ending"):
                ending(span)
        with diagnostics.guard("tell a span processor that a span has ended"):
            self._provider.processor.on_end(span.readable())
        self._queue.append(span)


def _flush(processor: Any, timeout_millis: int) -> bool:
    try:
        return processor.force_flush(timeout_millis) is not False
    except Exception:
        diagnostics.swallow("flush a span processor")
        return False
