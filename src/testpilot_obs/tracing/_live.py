"""What `span`, transactions and decorators use right now; empty before `init`.

Read as ``live.tracer``, so that everything made at import starts working when `connect` is
called, and stops when `disconnect` is.
"""

from collections.abc import Callable
from typing import Any

tracer: Any = None
"""The library's own tracer (ours or a joined one); ``None``: nothing is recorded."""

started: Callable[[str], list[Any] | None] | None = None
"""Told the name of each transaction that starts; returns a list, its tally, or ``None``.

At its end the transaction appends ``(status, duration in seconds)``."""
ended: Callable[[str, str, float], None] | None = None
"""Told name, status and duration in seconds of each transaction that has ended, unless that
stands first in its tally."""
notable: Callable[[Any], None] | None = None
"""Told each `Transaction` that has failed, or took `slow_s` seconds or more."""
slow_s = float("inf")
callbacks: list[Callable[[Any], None]] = []
"""What the user gave to `on_transaction_end`."""
read_memory: Callable[[float], int] | None = None
"""Given the time (monotonic seconds), returns the memory in use, in bytes; ``None``: unmeasured."""
fresh_s = 0.0
"""How long a reading of the memory is used again, in seconds."""
begun = 0
"""How many transactions have begun, roughly; tells that one may have come in between."""


def use(
    new_tracer: Any, memory: Callable[[float], int] | None = None, *, fresh: float = 0.0
) -> None:
    """Switch everything to *new_tracer*; ``None`` switches it off."""
    globals()["read_memory"] = memory
    globals()["fresh_s"] = fresh
    globals()["tracer"] = new_tracer


def use_hooks(
    on_start: Callable[[str], list[Any] | None] | None = None,
    on_end: Callable[[str, str, float], None] | None = None,
    on_notable: Callable[[Any], None] | None = None,
    *,
    slow: float = float("inf"),
) -> None:
    """Tell these of transactions; how they feed metrics and logs.

    Args:
        on_start: Given the name of each that starts; may return a tally (see `started`).
        on_end: Given name, status and duration in seconds of each that ends.
        on_notable: Given each `Transaction` that failed or was slow.
        slow: How many seconds are slow.
    """
    globals()["started"] = on_start
    globals()["ended"] = on_end
    globals()["notable"] = on_notable
    globals()["slow_s"] = slow
