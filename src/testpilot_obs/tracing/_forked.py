"""What is open at a fork belongs to the parent, which goes on with it; the child does not end it.

Without this a child that leaves the blocks it was forked in (``sys.exit``, an exception, the end
of the block) would send the parent's spans a second time, and count its transactions.
"""

from contextvars import Token
from typing import Any

from opentelemetry.trace.propagation import _SPAN_KEY

from testpilot_obs._core import clock, context, current, fork
from testpilot_obs.tracing._span import Span
from testpilot_obs.tracing._transaction import Transaction

_watching: list[bool] = []
born_ns = [0]
"""When this process was forked, nanoseconds since the epoch; 0 if it was not."""


class ParentsTransaction(Transaction):
    """A transaction of the parent process: leaving it restores what was current, no more."""

    __slots__ = ()

    def _finish(self, status: Any, error: BaseException | None) -> None:
        self.duration_s = self.cpu_s = 0.0
        self.memory_delta_bytes = 0
        self.status = "success"
        self._scope.__exit__(None, None, None)
        self._leave()


def watch() -> None:
    """Disown what is open in each child that is forked from now on."""
    if not _watching:
        _watching.append(True)
        fork.after_in_child(disown)


def disown() -> None:
    """Leave the spans and transactions that are current to the parent process.

    Those that are open and current nowhere cannot be found; whoever ends them sends them, and
    the end of the child does not.
    """
    born_ns[0] = clock.time_ns()
    transaction = current.transaction()
    while type(transaction) is Transaction:
        outer = transaction._outer  # noqa: SLF001  # of the same room
        transaction.__class__ = ParentsTransaction
        transaction = outer
    span = _span_of(context.get())
    while span is not None:
        if span.end_ns is None:
            span.end_ns = span.start_ns
        token = span.token
        span = _span_of(token.old_value) if isinstance(token, Token) else None


def _span_of(value: Any) -> Span | None:
    """Return the span that *value*, which was current, is or holds."""
    if isinstance(value, dict):
        value = value.get(_SPAN_KEY)
    return value if isinstance(value, Span) else None
