"""Which trace, transaction and bound fields are current; logs read here, tracing writes here."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from opentelemetry import trace as otel_trace
from opentelemetry.context.context import Context

from testpilot_obs._core import context
from testpilot_obs._core.values import freeze, text

any_bound = False
"""True once `bind` was ever used; until then no span looks for bound fields."""

_NO_FIELDS: Mapping[str, Any] = {}
_NO_IDS = (0, 0, 0)
_bound: ContextVar[Mapping[str, Any]] = ContextVar("testpilot_obs_bound", default=_NO_FIELDS)
_transaction: ContextVar[Any] = ContextVar("testpilot_obs_transaction", default=None)

bound_fields = _bound.get
"""Return the fields bound in this context; do not change the mapping."""
put_bound = _bound.set
"""Replace the bound fields of this context."""
transaction = _transaction.get
"""Return the current transaction (it has ``.name``), or ``None``."""
put_transaction = _transaction.set
"""Make a transaction current; returns the token for `reset_transaction`."""
reset_transaction = _transaction.reset
"""Undo a `put_transaction`. Raises ValueError in another context."""


def span() -> Any:
    """Return the current span: ours, or any ``opentelemetry.trace.Span``; never ``None``."""
    now = context.get()
    if isinstance(now, Context):
        return otel_trace.get_current_span(None if now is context.EMPTY else now)
    return now


def current_ids() -> tuple[int, int, int]:
    """Return (trace id, span id, trace flags) of the current span; zeros if there is none."""
    now = context.get()
    if now is context.EMPTY:
        # Only when nothing was ever made current through us is the other storage looked at.
        now = context.outer()
        if not now:
            return _NO_IDS
    if isinstance(now, Context):
        at = otel_trace.get_current_span(now).get_span_context()
        return at.trace_id, at.span_id, at.trace_flags
    local = now.local
    return local.trace_id, now.span_id, local.flags


def transaction_name() -> str:
    """Return the name of the current transaction, ``""`` if there is none."""
    now = running_transaction()
    return "" if now is None else text(now.name)


def running_transaction() -> Any:
    """Return the current transaction, past those that another thread or task has ended."""
    now = _transaction.get()
    while getattr(now, "status", None) is not None:
        now = now._outer  # noqa: SLF001  # kept for this
    return now


def bind(fields: Mapping[str, Any]) -> None:
    """Add *fields* to every span and log line that begins in this context from now on."""
    globals()["any_bound"] = True
    before = _bound.get()
    cleaned = {text(key, 256): freeze(value) for key, value in fields.items()}
    added = _Fields({**before, **cleaned})
    added.block = getattr(before, "block", None)
    _bound.set(added)


@contextmanager
def bound(fields: Mapping[str, Any]) -> Iterator[None]:
    """Add *fields* as `bind` does, and take them away at the end of the block."""
    block = _Block(_bound.get())
    bind(fields)
    bound_fields().block = block  # type: ignore[attr-defined]
    try:
        yield
    finally:
        block.leave()


class _Fields(dict[str, Any]):
    """Bound fields, and the innermost `bound` block that they belong to."""

    __slots__ = ("block",)
    block: "_Block | None"


class _Block:
    """One `bound` block: what was bound outside of it.

    No token: blocks may be left in another order than they were entered in, and in another
    context (a generator closed by someone else), where there is nothing to take away.
    """

    __slots__ = ("before", "is_left")

    def __init__(self, before: Mapping[str, Any]) -> None:
        self.before = before
        self.is_left = False

    def leave(self) -> None:
        """Restore what was bound outside, past blocks that were left before this one."""
        self.is_left = True
        before = self.before
        while (block := getattr(before, "block", None)) is not None and block.is_left:
            before = block.before
        self.before = before
        if getattr(_bound.get(), "block", None) is self:
            _bound.set(before)
