"""Times that the application gives."""

from typing import Any

from testpilot_obs._core import clock, diagnostics
from testpilot_obs._core.values import is_a

_LAST_NS = (1 << 63) - 1


def nanoseconds(timestamp: Any) -> int:
    """Return *timestamp* as nanoseconds since the epoch, 0 or more; now if it is not a number."""
    if type(timestamp) is int:
        return min(max(timestamp, 0), _LAST_NS)
    if timestamp is not None:
        try:
            if is_a(timestamp, (str, bytes, bytearray)):
                raise TypeError  # noqa: TRY301  # int() reads digits, however many
            return min(max(int(timestamp), 0), _LAST_NS)
        except Exception:
            diagnostics.warn_once(
                "time", "a time must be an int of nanoseconds, got %s: now", type(timestamp)
            )
    return clock.time_ns()
