"""Declaring metrics, and the one list of all that are declared."""

import threading
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from testpilot_obs._core import fork
from testpilot_obs._core.values import text
from testpilot_obs.errors import DuplicateMetricError
from testpilot_obs.metrics import _journal
from testpilot_obs.metrics._instruments import Counter, Gauge, Histogram, Shape
from testpilot_obs.metrics._names import check_bounds, check_labels, full_name, series_names
from testpilot_obs.metrics._place import place_of_caller
from testpilot_obs.protocols import MetricKind

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds of a histogram's buckets unless others are given; those of prometheus-client."""

AnyInstrument = Counter | Gauge | Histogram
_Instrument = TypeVar("_Instrument", Counter, Gauge, Histogram)

_by_name: dict[str, AnyInstrument] = {}
_by_series_name: dict[str, AnyInstrument] = {}
_watched: set[str] = set()
# Reentrant, as a signal handler may declare a metric while its thread is declaring one.
_lock = threading.RLock()


class Registry:
    """Declares metrics whose names begin with a namespace; all share one list of names.

    Declaring the same metric again returns the same instrument. Each method raises `MetricError`
    for a name, label, unit or bucket that cannot be used and `DuplicateMetricError` if the name
    is taken by a metric of another kind or with other labels, unit or buckets.
    """

    def __init__(self, namespace: str = "") -> None:
        self._namespace = full_name("gauge", namespace) if namespace else ""

    def counter(
        self, name: str, documentation: str, labels: Sequence[str] = (), *, unit: str = ""
    ) -> Counter:
        """Return a counter; its name is given the ending ``_total`` if it lacks it."""
        shape = self._shape(MetricKind.COUNTER, name, labels=labels, unit=unit)
        return declare(Counter, shape, documentation)

    def gauge(
        self, name: str, documentation: str, labels: Sequence[str] = (), *, unit: str = ""
    ) -> Gauge:
        """Return a gauge."""
        shape = self._shape(MetricKind.GAUGE, name, labels=labels, unit=unit)
        return declare(Gauge, shape, documentation)

    def histogram(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        unit: str = "",
        buckets: Iterable[float] = BUCKETS,
    ) -> Histogram:
        """Return a histogram with the upper bounds *buckets*, ascending, in the metric's unit."""
        shape = self._shape(MetricKind.HISTOGRAM, name, labels=labels, unit=unit, buckets=buckets)
        return declare(Histogram, shape, documentation)

    def _shape(
        self, kind: MetricKind, name: str, *, labels: Any, unit: str, buckets: Any = None
    ) -> Shape:
        whole = full_name(kind.value, name, namespace=self._namespace, unit=unit)
        checked = check_labels(kind.value, whole, labels)
        bounds = () if buckets is None else check_bounds(whole, buckets)
        return Shape(kind, whole, checked, unit, bounds)


def registry(namespace: str) -> Registry:
    """Return a registry whose metrics are called ``<namespace>_<name>``."""
    return Registry(namespace)


_default = Registry()


def counter(
    name: str, documentation: str, labels: Sequence[str] = (), *, unit: str = ""
) -> Counter:
    """Return a counter, as `Registry.counter` does."""
    return _default.counter(name, documentation, labels, unit=unit)


def gauge(name: str, documentation: str, labels: Sequence[str] = (), *, unit: str = "") -> Gauge:
    """Return a gauge, as `Registry.gauge` does."""
    return _default.gauge(name, documentation, labels, unit=unit)


def histogram(
    name: str,
    documentation: str,
    labels: Sequence[str] = (),
    *,
    unit: str = "",
    buckets: Iterable[float] = BUCKETS,
) -> Histogram:
    """Return a histogram, as `Registry.histogram` does."""
    return _default.histogram(name, documentation, labels, unit=unit, buckets=buckets)


def instruments() -> list[AnyInstrument]:
    """Return all metrics in the order of their declaration."""
    return list(_by_name.values())


def reset() -> None:
    """Set all numbers to zero; what is declared stays, and so do the series."""
    with _journal.settled():
        for instrument in instruments():
            instrument.restart()


def declare(
    kind: type[_Instrument], shape: Shape, documentation: str, *, builtin: bool = False
) -> _Instrument:
    """Return the instrument of this shape, made if it is not there.

    Raises:
        DuplicateMetricError: If its name, or that of one of its series, is taken.
    """
    place = "testpilot_obs" if builtin else place_of_caller()
    with _lock:
        known = _by_name.get(shape.name)
        if isinstance(known, kind) and known.shape == shape:
            return known
        wanted = series_names(shape.kind.value, shape.name)
        for name in sorted(wanted & _by_series_name.keys()):
            raise _duplicate(shape, place, _by_series_name[name])
        made = kind(shape, text(documentation), place)
        _by_name[shape.name] = made
        _by_series_name.update(dict.fromkeys(wanted, made))
    if not builtin:
        watch_forks()
    return made


def watch_forks() -> None:
    """Begin at zero in each forked child from now on."""
    if not _watched:
        _watched.add("forks")
        fork.after_in_child(_restart_in_child)


def _duplicate(shape: Shape, place: str, taken: AnyInstrument) -> DuplicateMetricError:
    whose = "is" if taken.name == shape.name else f"would collide with {taken.name!r}, which is"
    return DuplicateMetricError(
        f"metric {shape.name!r} declared at {place} as {shape} {whose} declared at {taken.place} "
        f"as {taken.shape}: use another name, or the same shape at both places"
    )


def _restart_in_child() -> None:
    globals()["_lock"] = threading.RLock()
    _journal.restart_in_child()
    for instrument in instruments():
        instrument.restart_in_child()


def forget() -> None:
    """Forget what users declared, so that a test can declare it again."""
    for name, instrument in list(_by_name.items()):
        if instrument.place != "testpilot_obs":
            del _by_name[name]
            for taken in series_names(instrument.shape.kind.value, name):
                _by_series_name.pop(taken, None)
