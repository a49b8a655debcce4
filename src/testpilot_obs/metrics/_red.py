"""Rate, errors and duration of transactions: what tracing feeds through the hooks of `init()`.

A transaction costs its thread two appends to the journal (0.25 µs together on CPython 3.11).
"""

from testpilot_obs import names
from testpilot_obs._core.values import text
from testpilot_obs.metrics._instruments import MAX_LABEL_LENGTH, Gauge, Histogram, Shape
from testpilot_obs.metrics._journal import HIGH, append, entries, pressed, settled
from testpilot_obs.metrics._registry import declare, watch_forks
from testpilot_obs.metrics._series import GaugeSeries, HistogramSeries, observe
from testpilot_obs.protocols import MetricKind

MAX_NAMES = 1_000
"""Names of transactions that have series of their own; the others share `OTHER`."""
OTHER = "_other"
"""The name under which further transactions are counted."""
DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds in seconds, until ``init()`` says otherwise."""

_LABEL_NAMES = (names.LABEL_TRANSACTION,)
_STATUSES = ("success", "error")


class _InFlight(Gauge):
    """A gauge that a forked child begins at zero: the parent's transactions end in the parent."""

    def restart_in_child(self) -> None:
        """Begin at zero."""
        self.restart()


def _duration_shape(bounds: tuple[float, ...]) -> Shape:
    labels = (names.LABEL_TRANSACTION, names.LABEL_STATUS)
    return Shape(MetricKind.HISTOGRAM, names.TRANSACTION_DURATION, labels, "seconds", bounds)


_durations = declare(
    Histogram,
    _duration_shape(DEFAULT_BUCKETS),
    "Wall time of transactions in seconds.",
    builtin=True,
)
_in_flight = declare(
    _InFlight,
    Shape(MetricKind.GAUGE, names.TRANSACTIONS_IN_FLIGHT, _LABEL_NAMES),
    "Transactions that have begun and not ended.",
    builtin=True,
)
# The series that a name leads to, without the way through labels.
_running: dict[str, GaugeSeries] = {}
_timed: dict[tuple[str, str], HistogramSeries] = {}


def transaction_started(name: str) -> None:
    """Count a transaction that begins."""
    append((_start, name, None))
    if len(entries) > HIGH:
        pressed()


def transaction_ended(name: str, status: str, duration_s: float) -> None:
    """Count a transaction that ended with *status* after *duration_s* seconds of wall time."""
    append((_end, name, (status, duration_s)))
    if len(entries) > HIGH:
        pressed()


def use_buckets(bounds: tuple[float, ...]) -> None:
    """Let durations be counted into other ranges; what was counted in the old ones is forgotten."""
    if bounds == _durations.shape.bounds:
        return
    with settled():
        _durations.shape = _duration_shape(bounds)
        _durations.series.clear()
        _timed.clear()


def _start(name: str, _: None) -> None:
    try:
        series = _running[name]
    except (KeyError, TypeError):
        series = _in_flight.labels(_admit(name))
    series.value += 1


def _end(name: str, outcome: tuple[str, float]) -> None:
    status, duration_s = outcome
    try:
        running, timed = _running[name], _timed[name, status]
    except (KeyError, TypeError):
        running, timed = _find(name, status)
    # In a forked child transactions end that began in the parent.
    if running.value > 0:
        running.value -= 1
    observe(timed, duration_s if duration_s >= 0 else 0.0)


def _find(name: object, status: object) -> tuple[GaugeSeries, HistogramSeries]:
    label = _admit(name)
    running, timed = _in_flight.labels(label), _durations.labels(label, status)
    if label == name and status in _STATUSES:
        _timed[label, text(status)] = timed
    return running, timed


def _admit(name: object) -> str:
    """Return the label for *name*: itself, or `OTHER` when there are too many."""
    label = text(name, MAX_LABEL_LENGTH)
    if label in _running:
        return label
    if len(_running) >= MAX_NAMES:
        return OTHER
    watch_forks()
    _running[label] = _in_flight.labels(label)
    return label
