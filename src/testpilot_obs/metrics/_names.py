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
_UNIT = re.compile(r"[a-zA-Z0-9_]*\Z")
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_]+")
_RESERVED_LABELS = {"histogram": {"le"}}
_TOTAL = "_total"


def full_name(kind: str, name: object, *, namespace: str = "", unit: object = "") -> str:
    """Return the name as it is scraped.

    >>> full_name("counter", "jobs", namespace="shop")
    'shop_jobs_total'
    >>> full_name("histogram", "wait", unit="seconds")
    'wait_seconds'

    Raises:
        MetricError: If *name* or *unit* cannot be used; says what could.
    """
    if not isinstance(unit, str) or not _UNIT.match(unit):
        raise MetricError(f"unit {unit!r} of metric {name!r}: expected a word such as 'seconds'")
    if not isinstance(name, str) or not _NAME.match(name):
        raise MetricError(
            f"metric name {name!r}: expected letters, digits and _, not beginning with a digit; "
            f"try {_suggest(name)!r}"
        )
    base = f"{namespace}_{name}" if namespace else name
    if kind == "counter":
        base = base.removesuffix(_TOTAL)
    if unit and not base.endswith(f"_{unit}"):
        base = f"{base}_{unit}"
    return base + _TOTAL if kind == "counter" else base


def series_names(kind: str, name: str) -> frozenset[str]:
    """Return all names that a metric takes for itself in a scrape."""
    if kind == "counter":
        base = name.removesuffix(_TOTAL)
        return frozenset({base, name, f"{base}_created"})
    if kind == "histogram":
        suffixes = ("", "_bucket", "_sum", "_count", "_created")
        return frozenset(name + suffix for suffix in suffixes)
    return frozenset({name})


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
