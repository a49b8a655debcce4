"""The functions that declare metrics without a namespace."""

from collections.abc import Iterable, Mapping, Sequence

from testpilot_obs.metrics._facts import Info, StateSet
from testpilot_obs.metrics._instruments import Callback, Counter, Gauge, Histogram, Summary
from testpilot_obs.metrics._registry import BUCKETS, Registry

_registry = Registry()


def counter(
    name: str,
    documentation: str,
    labels: Sequence[str] = (),
    *,
    unit: str = "",
    max_label_sets: int | None = None,
    callback: Callback | None = None,
) -> Counter:
    """Return a counter, as `Registry.counter` does."""
    return _registry.counter(
        name, documentation, labels, unit=unit, max_label_sets=max_label_sets, callback=callback
    )


def gauge(
    name: str,
    documentation: str,
    labels: Sequence[str] = (),
    *,
    unit: str = "",
    max_label_sets: int | None = None,
    processes: str = "sum",
    callback: Callback | None = None,
) -> Gauge:
    """Return a gauge, as `Registry.gauge` does."""
    return _registry.gauge(
        name,
        documentation,
        labels,
        unit=unit,
        max_label_sets=max_label_sets,
        processes=processes,
        callback=callback,
    )


def histogram(
    name: str,
    documentation: str,
    labels: Sequence[str] = (),
    *,
    unit: str = "",
    buckets: Iterable[float] = BUCKETS,
    max_label_sets: int | None = None,
) -> Histogram:
    """Return a histogram, as `Registry.histogram` does."""
    return _registry.histogram(
        name, documentation, labels, unit=unit, buckets=buckets, max_label_sets=max_label_sets
    )


def summary(
    name: str,
    documentation: str,
    labels: Sequence[str] = (),
    *,
    unit: str = "",
    max_label_sets: int | None = None,
) -> Summary:
    """Return a summary, as `Registry.summary` does."""
    return _registry.summary(name, documentation, labels, unit=unit, max_label_sets=max_label_sets)


def info(name: str, documentation: str, facts: Mapping[str, object] | None = None) -> Info:
    """Return facts as labels, as `Registry.info` does."""
    return _registry.info(name, documentation, facts)


def state_set(
    name: str, documentation: str, labels: Sequence[str] = (), *, states: Sequence[str]
) -> StateSet:
    """Return which of *states* something is in, as `Registry.state_set` does."""
    return _registry.state_set(name, documentation, labels, states=states)
