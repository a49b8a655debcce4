"""One `init()` call gives a Python service APM, structured logs and metrics.

::

    import testpilot_obs as obs

    obs.init(service_name="testpilot-api")

    with obs.start_transaction("generate"):
        with obs.span("load project", project=7):
            ...

What is here is all there is for most programs; ``testpilot_obs.testing`` and
``testpilot_obs.tracing`` have what tests and plain OpenTelemetry users need.
"""

from typing import TYPE_CHECKING, Any

from testpilot_obs.tracing import (
    Transaction,
    bind,
    bound,
    current_span,
    current_transaction,
    extract,
    inject,
    monitored,
    on_transaction_end,
    set_user,
    span,
    start_transaction,
    trace_id,
    traced,
    transaction,
    wrap,
)

if TYPE_CHECKING:
    from testpilot_obs import metrics
    from testpilot_obs._lifecycle import Handle, flush, init, is_initialized, shutdown
    from testpilot_obs.logs import get_audit_logger, get_logger, log_level, set_log_level
    from testpilot_obs.metrics import counted, inflight, timed
    from testpilot_obs.protocols import TransactionRecord

# What an import alone does not need is loaded when it is first asked for.
_LATER = {
    "Handle": "testpilot_obs._lifecycle",
    "TransactionRecord": "testpilot_obs.protocols",
    "counted": "testpilot_obs.metrics",
    "flush": "testpilot_obs._lifecycle",
    "get_audit_logger": "testpilot_obs.logs",
    "get_logger": "testpilot_obs.logs",
    "inflight": "testpilot_obs.metrics",
    "init": "testpilot_obs._lifecycle",
    "is_initialized": "testpilot_obs._lifecycle",
    "log_level": "testpilot_obs.logs",
    "metrics": "",
    "set_log_level": "testpilot_obs.logs",
    "shutdown": "testpilot_obs._lifecycle",
    "timed": "testpilot_obs.metrics",
}

__version__ = "0.1.0"

__all__ = [
    "Handle",
    "Transaction",
    "TransactionRecord",
    "__version__",
    "bind",
    "bound",
    "counted",
    "current_span",
    "current_transaction",
    "extract",
    "flush",
    "get_audit_logger",
    "get_logger",
    "inflight",
    "init",
    "inject",
    "is_initialized",
    "log_level",
    "metrics",
    "monitored",
    "on_transaction_end",
    "set_log_level",
    "set_user",
    "shutdown",
    "span",
    "start_transaction",
    "timed",
    "trace_id",
    "traced",
    "transaction",
    "wrap",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    home = _LATER[name]
    found = getattr(import_module(home), name) if home else import_module(f"{__name__}.{name}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
