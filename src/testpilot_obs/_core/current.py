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
    if now is context.EMPTY and context.is_installed():
        # Only when nothing was ever made current through us is the older storage looked at.
        now = context.outer()
    if isinstance(now, Context):
        at = otel_trace.get_current_span(now).get_span_context()
        return at.trace_id, at.span_id, at.trace_flags
    local = now.local
    return local.trace_id, now.span_id, local.flags


def transaction_name() -> str:
    """Return the name of the current transaction, ``""`` if there is none."""
    now = _transaction.get()
    return "" if now is None else text(now.name)


def bind(fields: Mapping[str, Any]) -> None:
    """Add *fields* to every span and log line that begins in this context from now on."""
    globals()["any_bound"] = True
    cleaned = {text(key, 256): freeze(value) for key, value in fields.items()}
    _bound.set({**_bound.get(), **cleaned})


@contextmanager
def bound(fields: Mapping[str, Any]) -> Iterator[None]:
    """Add *fields* as `bind` does, and take them away at the end of the block."""
    before = _bound.get()
    bind(fields)
    try:
        yield
    finally:
        # Not a token: the block may be left in another context than it was entered in.
        _bound.set(before)
