"""The one log line that a slow or failed transaction gets."""

from typing import Any

from testpilot_obs.logs._levels import BY_METHOD
from testpilot_obs.logs._line import Origin
from testpilot_obs.logs._pipeline import emit, state
from testpilot_obs.protocols import TransactionRecord

LOGGER = "transactions"
"""Name of the logger of these lines."""

_HEX = 16
_SAMPLED = 1


def transaction_line(record: TransactionRecord, error: BaseException | None = None) -> None:
    """Log *record*: an error if it failed, with *error* if given, or a warning if it was slow."""
    failed = record.status == "error"
    method = "error" if failed else "warning"
    if BY_METHOD[method] < state.level:
        return
    event = "transaction failed" if failed else "transaction slow"
    fields: dict[str, Any] = {
        "status": record.status,
        "duration_s": round(record.duration_s, 6),
        "cpu_s": round(record.cpu_s, 6),
        "memory_delta_bytes": record.memory_delta_bytes,
    }
    if error is not None:
        fields["exc_info"] = error
    ids = int(record.trace_id, _HEX), int(record.span_id, _HEX)
    emit(Origin(LOGGER, where=(record.name, *ids, _SAMPLED)), method, (event, (), fields))
