"""Spans and transactions: what `init` connects, what people type, and a drop-in provider."""

from testpilot_obs.tracing._api import (
    bind,
    bound,
    current_span,
    current_transaction,
    set_user,
    span,
    trace_id,
)
from testpilot_obs.tracing._connect import connect, disconnect, update_resource
from testpilot_obs.tracing._decorators import monitored, traced, transaction
from testpilot_obs.tracing._live import use_hooks as set_transaction_hooks
from testpilot_obs.tracing._propagation import extract, inject, wrap
from testpilot_obs.tracing._provider import TracerProvider
from testpilot_obs.tracing._transaction import (
    Transaction,
    on_transaction_end,
    start_transaction,
)
from testpilot_obs.tracing._unfinished import end_unfinished

__all__ = [
    "TracerProvider",
    "Transaction",
    "bind",
    "bound",
    "connect",
    "current_span",
    "current_transaction",
    "disconnect",
    "end_unfinished",
    "extract",
    "inject",
    "monitored",
    "on_transaction_end",
    "set_transaction_hooks",
    "set_user",
    "span",
    "start_transaction",
    "trace_id",
    "traced",
    "transaction",
    "update_resource",
    "wrap",
]
