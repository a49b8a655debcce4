"""The library's numbers about itself and its process, answered when they are read."""

import os
import platform
from collections.abc import Callable, Mapping
from typing import Any

from testpilot_obs import names
from testpilot_obs._core import clock, identity
from testpilot_obs.config import Config
from testpilot_obs.metrics import _budget
from testpilot_obs.metrics._own import own
from testpilot_obs.metrics._registry import instruments
from testpilot_obs.protocols import Signal

_SHOWN_SIZES = 10
_TICKS_FIELD = 19
"""Of what follows the name in ``/proc/self/stat``: ``starttime``, in clock ticks since boot."""

Books = Callable[[], Mapping[Signal, Any]]
"""Returns what ``Delivery.stats()`` does."""

_known: dict[int, float] = {}


def declare(config: Config, books: Books) -> None:
    """Show the *books* of the delivery, the process and the build from now on."""
    own(names.QUEUE_LENGTH, lambda: {one: stats.queued for one, stats in books().items()})
    own(names.DELIVERED_TOTAL, lambda: {one: stats.delivered for one, stats in books().items()})
    own(names.SPOOLED_RECORDS, lambda: {one: stats.spooled for one, stats in books().items()})
    own(names.RECOVERED_TOTAL, lambda: {one: stats.recovered for one, stats in books().items()})
    own(names.DROPPED_TOTAL, lambda: _dropped(books()))
    own(names.PROCESS_START_TIME, start_time_s)
    own(names.LABEL_SETS, _sizes)
    own(names.EXPORT_DURATION)
    own(names.SCRAPE_DURATION)
    own(names.BUILD_INFO).info(
        {
            "version": identity.VERSION,
            "python": platform.python_version(),
            "service": config.service_name,
            "service_version": config.service_version,
        }
    )


def observe_export(signal: Signal, duration_s: float) -> None:
    """Note how long one try to export a batch took."""
    own(names.EXPORT_DURATION).labels(signal).observe(duration_s)


def start_time_s() -> float:
    """Return when this process began, in seconds since the epoch; the first call if unknown."""
    pid = os.getpid()
    if pid not in _known:
        _known.clear()
        _known[pid] = _start_time_s()
    return _known[pid]


def _start_time_s() -> float:
    try:
        with open("/proc/self/stat", "rb") as file:  # noqa: PTH123  # pathlib costs more
            ticks = float(file.read().rpartition(b")")[2].split()[_TICKS_FIELD])
        with open("/proc/stat", "rb") as file:  # noqa: PTH123
            booted = next(line for line in file if line.startswith(b"btime "))
        return float(booted.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration, AttributeError):
        return clock.time_ns() / 1e9


def _dropped(books: Mapping[Signal, Any]) -> dict[tuple[str, str], int]:
    return {
        (signal, reason): count
        for signal, stats in books.items()
        for reason, count in stats.dropped.items()
    }


def _sizes() -> dict[str, int]:
    return {one.metric: one.label_sets for one in _budget.largest(instruments(), _SHOWN_SIZES)}
