"""Every metric that the library itself emits, declared in one place."""

from typing import Any, NamedTuple

from testpilot_obs import names
from testpilot_obs.metrics._facts import Info
from testpilot_obs.metrics._instruments import (
    Callback,
    Counter,
    Gauge,
    Histogram,
    InFlightGauge,
    Shape,
)
from testpilot_obs.metrics._registry import BUCKETS, declare
from testpilot_obs.protocols import MetricKind

TRANSACTION_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
"""Upper bounds in seconds, until ``init()`` says otherwise."""

_FUNCTION, _TRANSACTION, _STATUS = (
    names.LABEL_FUNCTION,
    names.LABEL_TRANSACTION,
    names.LABEL_STATUS,
)
_EXCEPTION, _SIGNAL, _REASON = (names.LABEL_EXCEPTION, names.LABEL_SIGNAL, names.LABEL_REASON)


class Own(NamedTuple):
    """One metric of the library."""

    instrument: Any
    """`Counter`, `Gauge` and so on."""
    shape: Shape
    documentation: str


def _counter(name: str, documentation: str, *labels: str) -> Own:
    return Own(Counter, Shape(MetricKind.COUNTER, name, labels), documentation)


def _gauge(
    name: str, documentation: str, *labels: str, unit: str = "", processes: str = "sum"
) -> Own:
    shape = Shape(MetricKind.GAUGE, name, labels, unit, processes=processes)
    return Own(Gauge, shape, documentation)


def _in_flight(name: str, documentation: str, *labels: str) -> Own:
    return _gauge(name, documentation, *labels)._replace(instrument=InFlightGauge)


def _durations(
    name: str, documentation: str, *labels: str, buckets: tuple[float, ...] = BUCKETS
) -> Own:
    shape = Shape(MetricKind.HISTOGRAM, name, labels, "seconds", buckets)
    return Own(Histogram, shape, documentation)


ALL = (
    _durations(
        names.TRANSACTION_DURATION,
        "Wall time of transactions in seconds.",
        _TRANSACTION,
        _STATUS,
        buckets=TRANSACTION_BUCKETS,
    ),
    _in_flight(
        names.TRANSACTIONS_IN_FLIGHT, "Transactions that have begun and not ended.", _TRANSACTION
    ),
    _counter(
        names.TRANSACTION_ERRORS,
        "Transactions that failed, by the type of the exception.",
        _TRANSACTION,
        _EXCEPTION,
    ),
    _durations(names.FUNCTION_DURATION, "Wall time of calls in seconds.", _FUNCTION, _STATUS),
    _counter(
        names.FUNCTION_CALLS,
        "Calls that have ended, by the type of the exception if one left.",
        _FUNCTION,
        _STATUS,
        _EXCEPTION,
    ),
    _in_flight(names.FUNCTION_CALLS_IN_FLIGHT, "Calls that are running.", _FUNCTION),
    _gauge(names.QUEUE_LENGTH, "Records that wait to be delivered.", _SIGNAL),
    _counter(names.DELIVERED_TOTAL, "Records that a receiver accepted.", _SIGNAL),
    _gauge(names.SPOOLED_RECORDS, "Records on disk, to be sent later.", _SIGNAL),
    _counter(
        names.RECOVERED_TOTAL,
        "Records delivered for processes that had left them on disk.",
        _SIGNAL,
    ),
    _counter(names.DROPPED_TOTAL, "Records that were lost, and why.", _SIGNAL, _REASON),
    _durations(
        names.EXPORT_DURATION, "Time that one try to export a batch took in seconds.", _SIGNAL
    ),
    _durations(names.SCRAPE_DURATION, "Time that it took to write a scrape in seconds."),
    _gauge(
        names.PROCESS_START_TIME,
        "Start time of the process since unix epoch in seconds.",
        unit="seconds",
        processes="min",
    ),
    Own(
        Info,
        Shape(MetricKind.INFO, names.BUILD_INFO, (), processes="mostrecent"),
        "Version of the library, of the service and of Python.",
    ),
    _gauge(names.LABEL_SETS, "Label sets of each metric that has the most.", "metric"),
    _counter(
        names.SHARED_FILES_SKIPPED,
        "Files of other processes that could not be read at a scrape.",
    ),
)
"""All of them; `own` declares one."""

_BY_NAME = {one.shape.name: one for one in ALL}


def own(name: str, callback: Callback | None = None) -> Any:
    """Return the library's metric *name*, declared if it was not."""
    found = _BY_NAME[name]
    made = declare(found.instrument, found.shape, found.documentation, builtin=True)
    if callback is not None:
        made.callback = callback
    return made
