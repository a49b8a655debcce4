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

if TYPE_CHECKING:
    from testpilot_obs import metrics
    from testpilot_obs._lifecycle import Handle, flush, init, is_initialized, shutdown
    from testpilot_obs.logs import get_logger
    from testpilot_obs.metrics import counted, inflight, timed
    from testpilot_obs.protocols import TransactionRecord
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

# Everything is loaded when it is first asked for. So OpenTelemetry, which imports our context
# storage while it is being imported itself (OTEL_PYTHON_CONTEXT), meets no circle.
_LATER = {
    "Handle": "testpilot_obs._lifecycle",
    "Transaction": "testpilot_obs.tracing",
    "TransactionRecord": "testpilot_obs.protocols",
    "bind": "testpilot_obs.tracing",
    "bound": "testpilot_obs.tracing",
    "counted": "testpilot_obs.metrics",
    "current_span": "testpilot_obs.tracing",
    "current_transaction": "testpilot_obs.tracing",
    "extract": "testpilot_obs.tracing",
    "flush": "testpilot_obs._lifecycle",
    "get_logger": "testpilot_obs.logs",
    "inflight": "testpilot_obs.metrics",
    "init": "testpilot_obs._lifecycle",
    "inject": "testpilot_obs.tracing",
    "is_initialized": "testpilot_obs._lifecycle",
    "metrics": "",
    "monitored": "testpilot_obs.tracing",
    "on_transaction_end": "testpilot_obs.tracing",
    "set_user": "testpilot_obs.tracing",
    "shutdown": "testpilot_obs._lifecycle",
    "span": "testpilot_obs.tracing",
    "start_transaction": "testpilot_obs.tracing",
    "timed": "testpilot_obs.metrics",
    "trace_id": "testpilot_obs.tracing",
    "traced": "testpilot_obs.tracing",
    "transaction": "testpilot_obs.tracing",
    "wrap": "testpilot_obs.tracing",
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
    "get_logger",
    "inflight",
    "init",
    "inject",
    "is_initialized",
    "metrics",
    "monitored",
    "on_transaction_end",
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
