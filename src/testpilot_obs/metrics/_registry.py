"""Declaring metrics, and the one list of all that are declared."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from testpilot_obs._core import fork
from testpilot_obs._core.values import text
from testpilot_obs.errors import DuplicateMetricError, MetricError
from testpilot_obs.metrics import _cells, _journal
from testpilot_obs.metrics._budget import MAX_LABEL_LENGTH
from testpilot_obs.metrics._facts import Info, StateSet
from testpilot_obs.metrics._instruments import (
    Callback,
    Counter,
    Gauge,
    Histogram,
    Instrument,
    Shape,
    Summary,
)
from testpilot_obs.metrics._names import (
    check_bounds,
    check_labels,
    check_states,
    full_name,
    series_names,
)
from testpilot_obs.metrics._place import place_of_caller
from testpilot_obs.protocols import MetricKind

BUILTIN = "testpilot_obs"
"""Where a metric of the library itself is declared."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds of a histogram's buckets unless others are given; those of prometheus-client."""

AnyInstrument = Instrument[Any]
RULES = ("sum", "max", "min", "mostrecent", "liveall")
"""How the values that a gauge has in several processes become one; `liveall` keeps them apart."""
_Instrument = TypeVar("_Instrument", bound=Instrument[Any])

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

    Args:
        namespace: What the names begin with.
        labels: Labels that every series has, e.g. ``{"team": "checkout"}``.
    """

    def __init__(self, namespace: str = "", *, labels: Mapping[str, object] | None = None) -> None:
        self._namespace = full_name("gauge", namespace) if namespace else ""
        self._constant = tuple(
            (name, text((labels or {})[name], MAX_LABEL_LENGTH))
            for name in check_labels("registry", f"registry({namespace!r})", list(labels or {}))
        )

    def counter(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        unit: str = "",
        max_label_sets: int | None = None,
        callback: Callback | None = None,
    ) -> Counter:
        """Return a counter; its name is given the ending ``_total`` if it lacks it.

        Args:
            name: Letters, digits and ``_``.
            documentation: One sentence about what is counted.
            labels: Names of the labels.
            unit: A base unit such as ``"bytes"``.
            max_label_sets: Most label sets, instead of the setting.
            callback: Asked for the total at each collection; see `gauge`.
        """
        shape = self._shape(MetricKind.COUNTER, name, labels=labels, unit=unit)
        made = declare(Counter, shape, documentation, limit=max_label_sets)
        return _answered_by(callback, made)

    def gauge(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        unit: str = "",
        max_label_sets: int | None = None,
        processes: str = "sum",
        callback: Callback | None = None,
    ) -> Gauge:
        """Return a gauge.

        Args:
            name: Letters, digits and ``_``.
            documentation: One sentence about what is shown.
            labels: Names of the labels.
            unit: A base unit such as ``"bytes"``.
            max_label_sets: Most label sets, instead of the setting.
            processes: What a scrape shows of several processes: ``"sum"``, ``"max"``, ``"min"``
                of those that live, ``"mostrecent"``, or ``"liveall"``, one series for each.
            callback: Asked for the value at each collection. Returns a number, or with labels a
                mapping from label values (a text, or a tuple of them) to numbers. One that raises
                or takes longer than a second is left out, and counted.
        """
        if processes not in RULES:
            raise MetricError(f"processes of {name}: got {processes!r}, expected one of {RULES}")
        shape = self._shape(MetricKind.GAUGE, name, labels=labels, unit=unit, processes=processes)
        made = declare(Gauge, shape, documentation, limit=max_label_sets)
        return _answered_by(callback, made)

    def histogram(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        unit: str = "",
        buckets: Iterable[float] = BUCKETS,
        max_label_sets: int | None = None,
    ) -> Histogram:
        """Return a histogram with the upper bounds *buckets*, ascending, in the metric's unit."""
        shape = self._shape(MetricKind.HISTOGRAM, name, labels=labels, unit=unit, buckets=buckets)
        return declare(Histogram, shape, documentation, limit=max_label_sets)

    def summary(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        unit: str = "",
        max_label_sets: int | None = None,
    ) -> Summary:
        """Return a summary: the sum and the number of what is observed, without quantiles."""
        shape = self._shape(MetricKind.SUMMARY, name, labels=labels, unit=unit)
        return declare(Summary, shape, documentation, limit=max_label_sets)

    def info(
        self, name: str, documentation: str, facts: Mapping[str, object] | None = None
    ) -> Info:
        """Return facts as labels; the name is given the ending ``_info`` if it lacks it."""
        shape = self._shape(MetricKind.INFO, name, labels=(), unit="", processes="mostrecent")
        made = declare(Info, shape, documentation)
        if facts is not None:
            made.info(facts)
        return made

    def state_set(
        self, name: str, documentation: str, labels: Sequence[str] = (), *, states: Sequence[str]
    ) -> StateSet:
        """Return which of *states* something is in: ``job{job="starting"} 1.0``."""
        plain = self._shape(MetricKind.STATE_SET, name, labels=labels, unit="")
        shape = replace(
            plain,
            labels=check_labels("stateset", plain.name, (*plain.labels, plain.name)),
            states=check_states(plain.name, states),
            processes="mostrecent",
        )
        return declare(StateSet, shape, documentation)

    def _shape(
        self,
        kind: MetricKind,
        name: str,
        *,
        labels: Any,
        unit: str,
        buckets: Any = None,
        processes: str = "",
    ) -> Shape:
        whole = full_name(kind.value, name, namespace=self._namespace, unit=unit)
        checked = check_labels(kind.value, whole, labels)
        check_labels(kind.value, whole, (*checked, *dict(self._constant)))
        bounds = () if buckets is None else check_bounds(whole, buckets)
        return Shape(kind, whole, checked, unit, bounds, self._constant, processes=processes)


def registry(namespace: str = "", *, labels: Mapping[str, object] | None = None) -> Registry:
    """Return a registry whose metrics are called ``<namespace>_<name>``.

    Args:
        namespace: What the names begin with.
        labels: Labels that every series has, e.g. ``{"team": "checkout"}``.
    """
    return Registry(namespace, labels=labels)


def instruments() -> list[AnyInstrument]:
    """Return all metrics in the order of their declaration."""
    return list(_by_name.values())


def reset() -> None:
    """Set all numbers to zero; what is declared stays, and so do the series."""
    with _journal.settled():
        for instrument in instruments():
            instrument.restart()


def declare(
    kind: type[_Instrument],
    shape: Shape,
    documentation: str,
    *,
    limit: Any = None,
    builtin: bool = False,
) -> _Instrument:
    """Return the instrument of this shape, made if it is not there.

    Raises:
        DuplicateMetricError: If its name, or that of one of its series, is taken.
        MetricError: If *limit* is no number above 0.
    """
    place = BUILTIN if builtin else place_of_caller()
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise MetricError(f"max_label_sets of {shape.name}: got {limit!r}, expected 1 or more")
    with _lock:
        known = _by_name.get(shape.name)
        if isinstance(known, kind) and known.shape == shape:
            return known
        wanted = series_names(shape.kind.value, shape.name)
        for name in sorted(wanted & _by_series_name.keys()):
            raise _duplicate(shape, place, _by_series_name[name])
        made = kind(shape, text(documentation), place=place, limit=limit)
        _by_name[shape.name] = made
        _by_series_name.update(dict.fromkeys(wanted, made))
    if not builtin:
        watch_forks()
    return made


def _answered_by(callback: Callback | None, made: _Instrument) -> _Instrument:
    if callback is not None:
        if not callable(callback):
            raise MetricError(f"callback of {made.name}: expected a function, got {callback!r}")
        made.callback = callback
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
    every = instruments()
    is_shared = _cells.leave(every)
    _journal.restart_in_child()
    for instrument in every:
        if is_shared:
            # The parent goes on to tell its own values, of gauges too.
            instrument.restart()
        else:
            instrument.restart_in_child()
    if is_shared:
        _cells.join_in_child(every)


def forget(*prefixes: str) -> None:
    """Forget what users declared, and what of ours begins so, for a test to declare it again."""
    for name, instrument in list(_by_name.items()):
        if instrument.place != BUILTIN or name.startswith(prefixes or ("-",)):
            del _by_name[name]
            for taken in series_names(instrument.shape.kind.value, name):
                _by_series_name.pop(taken, None)
