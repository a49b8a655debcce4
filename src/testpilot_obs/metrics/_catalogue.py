"""What metrics there are, as data: what alerts and dashboards are made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from testpilot_obs.metrics._instruments import Shape
from testpilot_obs.metrics._own import ALL
from testpilot_obs.metrics._registry import BUILTIN, instruments


@dataclass(frozen=True, slots=True)
class Entry:
    """One metric that is declared, or that the library emits by itself."""

    name: str
    """As it is scraped."""
    kind: str
    """``"counter"``, ``"gauge"``, ``"histogram"``, ``"summary"``, ``"info"`` or ``"stateset"``."""
    unit: str
    labels: tuple[str, ...]
    constant_labels: Mapping[str, str]
    """Labels that all series have with the same value."""
    help: str
    buckets: tuple[float, ...]
    """Histogram: upper bounds, ascending, without +Inf."""
    states: tuple[str, ...]
    """State set: what it can be."""
    processes: str
    """Gauge: how the values of several processes become one."""
    declared_at: str
    """File and line, or ``"testpilot_obs"``."""


def catalogue() -> list[Entry]:
    """Return every metric in the order of names: all that are declared, and all of our own."""
    known = {one.name: _entry(one.shape, one.documentation, one.place) for one in instruments()}
    own = {one.shape.name: _entry(one.shape, one.documentation, BUILTIN) for one in ALL}
    return [entry for _, entry in sorted({**own, **known}.items())]


def _entry(shape: Shape, documentation: str, place: str) -> Entry:
    return Entry(
        name=shape.name,
        kind=shape.kind.value,
        unit=shape.unit,
        labels=shape.labels,
        constant_labels=dict(shape.constant),
        help=documentation,
        buckets=shape.bounds,
        states=shape.states,
        processes=shape.processes,
        declared_at=place,
    )
