"""What stands for spans and transactions while nothing is recorded: before `init`, or disabled."""

from collections.abc import Callable
from typing import Any

from opentelemetry import trace as otel_trace
from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext

from testpilot_obs._core.values import is_a, text
from testpilot_obs._core.wrapping import Around, decorate
from testpilot_obs.errors import InvalidStatusError


class NoSpan:
    """A span that keeps nothing; one object serves all."""

    __slots__ = ()

    name = ""
    record = None

    def get_span_context(self) -> SpanContext:
        """Return the invalid context."""
        return INVALID_SPAN_CONTEXT

    def is_recording(self) -> bool:
        """Return False."""
        return False

    def _nothing(self, *_arguments: Any, **_more: Any) -> None:
        """Do nothing: nothing is recorded."""

    set_attribute = set_attributes = add_event = add_link = update_name = _nothing
    set_status = record_exception = end = _nothing

    def __enter__(self) -> Any:
        """Return the same object."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Do nothing."""

    async def __aenter__(self) -> Any:
        """Return the same object."""
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Do nothing."""


NO_SPAN = NoSpan()


class NotYet(NoSpan):
    """What `span` returns before `init`: no span now, and one for each call of what it decorates.

    Args:
        begin: Called with the arguments that `span` had, for each call.
    """

    __slots__ = ("_arguments", "_begin")

    def __init__(self, begin: Callable[..., Any], *arguments: Any) -> None:
        self._begin = begin
        self._arguments = arguments

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate *function*: each call after `init` is a span."""
        begin, (name, attributes, more) = self._begin, self._arguments
        decorated: Callable[..., Any] = decorate(
            function, name, Around(lambda _name: begin(name, attributes, **more))
        )
        return decorated


def check_status(status: object) -> None:
    """Raise `InvalidStatusError` unless *status* is one that a transaction can end with."""
    if status is not None and not (is_a(status, str) and status in {"success", "error"}):
        raise InvalidStatusError(status if is_a(status, str) else text(status, 256))


class NoTransaction(NoSpan):
    """A transaction that keeps nothing, and still says when its end is misspelt."""

    __slots__ = ()

    span = NO_SPAN
    status = None
    duration_s = cpu_s = 0.0
    memory_delta_bytes = timestamp = 0
    logs_errors = False

    def end(self, status: str | None = None) -> None:
        """Do nothing but check *status*."""
        check_status(status)


NO_TRANSACTION = NoTransaction()
otel_trace.NonRecordingSpan.register(NoSpan)
