"""The only reader of the clocks; tests replace its functions with those of a fake clock.

Callers write ``clock.time_ns()``, never ``from clock import time_ns``, so that a replacement is
seen everywhere at once.
"""

import time

time_ns = time.time_ns
"""Wall time in nanoseconds since the epoch; can go backwards, so durations are clamped at 0."""

monotonic = time.monotonic
"""Seconds that never go backwards; for deadlines and intervals."""

thread_time_ns = time.thread_time_ns
"""CPU time of the calling thread in nanoseconds (user and system); 0 ns is arbitrary."""


def use(
    *,
    time_ns: "object | None" = None,
    monotonic: "object | None" = None,
) -> None:
    """Replace the clocks named, and restore the real ones for those that are ``None``."""
    globals()["time_ns"] = time_ns or time.time_ns
    globals()["monotonic"] = monotonic or time.monotonic
