"""The functions people type for spans and context."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from testpilot_obs import names
from testpilot_obs._core import current
from testpilot_obs.tracing import _live as live
from testpilot_obs.tracing._limits import pairs
from testpilot_obs.tracing._nothing import NotYet
from testpilot_obs.tracing._tracer import INTERNAL
from testpilot_obs.tracing._transaction import Transaction


def span(name: str, /, attributes: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """Return a context manager, sync and async, for one step of the work.

    ::

        with span("load", {"db.system.name": "sqlite"}, rows=3) as step:
            step.add_event("cache miss")

    Args:
        name: Low in cardinality: ``"load project"``, not ``"load project 4711"``.
        attributes: For keys with dots.
        more: Further attributes; they win over *attributes*.

    Returns:
        A context manager whose value is an ``opentelemetry.trace.Span``; before `init` one that
        does nothing. As a decorator it makes a span of each call, also where `init` comes later.
    """
    tracer = live.tracer
    if tracer is None:
        return NotYet(span, name, attributes, more)
    if more:
        if type(attributes) is dict:
            attributes = {**attributes, **more}
        else:
            attributes = more if attributes is None else {**dict(pairs(attributes)), **more}
    return tracer.open(name, INTERNAL, attributes)


def current_span() -> Any:
    """Return the current span, anybody's; one that does nothing if there is none."""
    return current.span()


def current_transaction() -> Transaction | None:
    """Return the current transaction, ``None`` if there is none."""
    transaction: Transaction | None = current.running_transaction()
    return transaction


def trace_id() -> str:
    """Return the current trace id as 32 hex digits, ``""`` if there is none."""
    number = current.current_ids()[0]
    return f"{number:032x}" if number else ""


def bind(**fields: Any) -> None:
    """Add *fields* to the current span, and to each span and log line of this context from now on.

    They stay until the context ends (a request, a task, a thread); `bound` takes them away again.
    """
    current.bind(fields)
    current.span().set_attributes(fields)


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Add *fields* as `bind` does, for the length of the block; spans begun inside keep them."""
    with current.bound(fields):
        yield


def set_user(user_id: str) -> None:
    """Bind ``user.id``: say who the work is done for."""
    fields = {names.USER_ID: user_id}
    current.bind(fields)
    current.span().set_attributes(fields)
