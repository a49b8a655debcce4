"""Which names, units, labels and buckets Prometheus and OpenTelemetry can both take.

Source:
    https://prometheus.io/docs/concepts/data_model/ and the OpenMetrics specification
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from testpilot_obs.errors import MetricError

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*\Z")
_UNIT = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*\Z")
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_]+")
_RESERVED_LABELS = {"histogram": {"le"}, "summary": {"quantile"}}
_TOTAL = "_total"
_INFO = "_info"
_BASE_UNITS = {
    "seconds": "s sec second ms msec millis millisecond milliseconds us usec microsecond "
    "microseconds ns nanosecond nanoseconds m min minute minutes h hour hours d day days",
    "bytes": "b byte kb kib mb mib gb gib kilobyte kilobytes megabyte megabytes gigabyte gigabytes "
    "bit bits",
    "ratio": "percent percentage pct",
    "celsius": "c degree degrees fahrenheit",
    "meters": "meter metre metres cm mm km",
    "grams": "g gram kg kilogram kilograms",
    "joules": "joule j kwh",
    "volts": "volt v",
    "amperes": "amp amps ampere a",
}
_BETTER_UNIT = {word: unit for unit, words in _BASE_UNITS.items() for word in words.split()}
_NO_UNIT = frozenset({"info", "stateset"})


def full_name(kind: str, name: object, *, namespace: str = "", unit: object = "") -> str:
    """Return the name as it is scraped.

    >>> full_name("counter", "jobs", namespace="shop")
    'shop_jobs_total'
    >>> full_name("histogram", "wait", unit="seconds")
    'wait_seconds'

    Raises:
        MetricError: If *name* or *unit* cannot be used; says what could.
    """
    _check_unit(kind, name, unit)
    if not isinstance(name, str) or not _NAME.match(name):
        raise MetricError(
            f"metric name {name!r}: expected letters, digits and _, not beginning with a digit; "
            f"try {_suggest(name)!r}"
        )
    base = f"{namespace}_{name}" if namespace else name
    if kind == "counter":
        base = base.removesuffix(_TOTAL)
    if kind == "info":
        return base.removesuffix(_INFO) + _INFO
    if unit and not base.endswith(f"_{unit}"):
        base = f"{base}_{unit}"
    return base + _TOTAL if kind == "counter" else base


def _check_unit(kind: str, name: object, unit: object) -> None:
    if not isinstance(unit, str) or (unit and not _UNIT.match(unit)):
        better = _BETTER_UNIT.get(str(unit).lower(), "ratio" if unit == "%" else "seconds")
        raise MetricError(f"unit {unit!r} of metric {name!r}: expected a word such as {better!r}")
    better = _BETTER_UNIT.get(unit.lower(), unit)
    if better != unit:
        raise MetricError(
            f"unit {unit!r} of metric {name!r}: expected a base unit, try {better!r} "
            "(Prometheus and OpenMetrics want values in base units)"
        )
    if unit and kind in _NO_UNIT:
        raise MetricError(f"unit {unit!r} of metric {name!r}: a metric of kind {kind} has no unit")


def series_names(kind: str, name: str) -> frozenset[str]:
    """Return all names that a metric takes for itself in a scrape."""
    if kind == "counter":
        base = name.removesuffix(_TOTAL)
        return frozenset({base, name, f"{base}_created"})
    if kind == "histogram":
        suffixes = ("", "_bucket", "_sum", "_count", "_created")
        return frozenset(name + suffix for suffix in suffixes)
    if kind == "summary":
        return frozenset(name + suffix for suffix in ("", "_sum", "_count", "_created"))
    if kind == "info":
        return frozenset({name, name.removesuffix(_INFO)})
    return frozenset({name})


def check_states(name: str, states: object) -> tuple[str, ...]:
    """Return the states of a state set.

    Raises:
        MetricError: If they are not at least one and all different.
    """
    if isinstance(states, str) or not isinstance(states, Iterable):
        raise MetricError(f"states of {name}: got {states!r}, expected e.g. ('starting', 'ready')")
    given = tuple(states)
    if not given or not all(isinstance(one, str) for one in given) or len(set(given)) < len(given):
        raise MetricError(f"states of {name}: expected at least one, all different, got {given!r}")
    return given


def check_labels(kind: str, name: str, labels: object) -> tuple[str, ...]:
    """Return *labels* as a tuple.

    Raises:
        MetricError: If they are not a sequence of different, usable names.
    """
    if isinstance(labels, str):
        raise MetricError(f"labels of {name}: got the text {labels!r}, expected ({labels!r},)")
    names = tuple(labels) if isinstance(labels, Iterable) else (labels,)
    for label in names:
        if not isinstance(label, str) or not _LABEL.match(label):
            raise MetricError(
                f"label {label!r} of {name}: expected letters, digits and _, not beginning with "
                f"a digit or __; try {_suggest(label)!r}"
            )
        if label in _RESERVED_LABELS.get(kind, ()):
            raise MetricError(f"label {label!r} of {name}: a {kind} has that label itself")
    if len(set(names)) < len(names):
        raise MetricError(f"labels of {name}: {names} has the same label twice")
    return names


def check_bounds(name: str, buckets: Any) -> tuple[float, ...]:
    """Return the upper bounds of buckets, without +Inf.

    Raises:
        MetricError: If they are not numbers in ascending order.
    """
    bounds = _as_numbers(name, buckets)
    if bounds and bounds[-1] == math.inf:
        bounds = bounds[:-1]
    if not bounds or not all(math.isfinite(bound) for bound in bounds):
        raise MetricError(f"buckets of {name}: expected at least one finite number")
    ascending = tuple(sorted(set(bounds)))
    if bounds != ascending:
        raise MetricError(f"buckets of {name}: expected ascending numbers; try {ascending}")
    return bounds


def _as_numbers(name: str, buckets: Any) -> tuple[float, ...]:
    try:
        return tuple(float(bound) for bound in buckets)
    except (TypeError, ValueError, OverflowError):
        raise MetricError(f"buckets of {name}: expected numbers, got {buckets!r}") from None


def _suggest(name: object) -> str:
    words = _NOT_IN_A_NAME.sub("_", name if isinstance(name, str) else "").strip("_")
    if not words:
        return "requests"
    return f"_{words}" if words[0].isdigit() else words


def same_order(names: Sequence[str], named: dict[str, Any]) -> tuple[Any, ...]:
    """Return the values of *named* in the order of *names*.

    Raises:
        KeyError: If one is missing or there are others.
    """
    if len(named) != len(names):
        raise KeyError(names)
    return tuple(named[name] for name in names)
