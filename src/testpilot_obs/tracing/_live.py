"""What `span`, transactions and decorators use right now; empty before `init`.

Read as ``live.tracer``, so that everything made at import starts working when `connect` is
called, and stops when `disconnect` is.
"""

from collections.abc import Callable
from typing import Any

tracer: Any = None
"""The library's own tracer (ours or a joined one); ``None``: nothing is recorded."""

started: Callable[[str], None] | None = None
"""Told the name of each transaction that starts."""
ended: Callable[[Any], None] | None = None
"""Told each `Transaction` that has ended."""
callbacks: list[Callable[[Any], None]] = []
"""What the user gave to `on_transaction_end`."""
read_memory: Callable[[float], int] | None = None
"""Given the time (monotonic seconds), returns the memory in use, in bytes; ``None``: unmeasured."""
begun = 0
"""How many transactions have begun, roughly; tells that one may have come in between."""


def use(new_tracer: Any, memory: Callable[[float], int] | None = None) -> None:
    """Switch everything to *new_tracer*; ``None`` switches it off."""
    globals()["read_memory"] = memory
    globals()["tracer"] = new_tracer


def use_hooks(on_start: Callable[[str], None] | None, on_end: Callable[[Any], None] | None) -> None:
    """Tell *on_start* and *on_end* of transactions; how they feed metrics and logs."""
    globals()["started"] = on_start
    globals()["ended"] = on_end
