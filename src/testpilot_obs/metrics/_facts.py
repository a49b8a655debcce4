"""Metrics that say something instead of counting: facts about a service, and the state it is in."""

from collections.abc import Iterator, Mapping

from testpilot_obs._core import clock
from testpilot_obs._core.values import text
from testpilot_obs.errors import MetricError
from testpilot_obs.metrics import _journal
from testpilot_obs.metrics._cells import forget_cells
from testpilot_obs.metrics._instruments import Gauge, Instrument
from testpilot_obs.metrics._names import check_labels
from testpilot_obs.metrics._series import GaugeSeries
from testpilot_obs.protocols import Labels


class Info(Gauge):
    """Facts as labels of a metric that is always 1, e.g. ``build_info{version="1.2"}``."""

    def info(self, facts: Mapping[str, object]) -> None:
        """Say these facts instead of those before.

        Raises:
            MetricError: If a key cannot be the name of a label.
        """
        keys = check_labels("info", self.name, list(facts))
        pairs = [(key, self._clean(facts[key], key)) for key in keys]
        with _journal.settled():
            for gone in self.every():
                forget_cells(gone)
            said = self._fill(Labels((*self.shape.constant, *pairs)))
            said.cells[0] = 1.0
            if len(said.cells) > 1:
                said.cells[1] = clock.time_ns() / 1e9
            self.series.clear()
            self.series[tuple(value for _, value in pairs)] = said

    def restart(self) -> None:
        """Keep what was said."""

    def _new(self, key: tuple[str, ...]) -> GaugeSeries:
        return self._make(Labels(self.shape.constant), [1.0, 0.0])

    def every(self) -> Iterator[GaugeSeries]:
        """Yield what was said, if anything was."""
        return (series for series in list(self.series.values()) if series is not self._only)


class StateSeries:
    """One state set with its label values: one of its states is on."""

    def __init__(self, owner: "StateSet", key: tuple[str, ...]) -> None:
        self._owner = owner
        self._key = key

    def state(self, state: str) -> None:
        """Switch *state* on and all others off.

        Raises:
            MetricError: If there is no such state.
        """
        owner = self._owner
        if state not in owner.shape.states:
            raise MetricError(
                f"state {text(state, 100)!r} of {owner.name}: expected one of {owner.shape.states}"
            )
        for one in owner.shape.states:
            owner.get((*self._key, one)).set(1.0 if one == state else 0.0)


class StateSet(Instrument[GaugeSeries]):
    """Which of some states something is in; its last label is called like the metric."""

    def state(self, state: str) -> None:
        """Switch *state* on and all others off; for a state set without labels.

        Raises:
            MetricError: If there is no such state.
        """
        self.of().state(state)

    def of(self, *values: object, **named: object) -> StateSeries:
        """Return the state set with these label values.

        Raises:
            MetricError: If a label is missing or unknown.
        """
        own = self.shape.labels[:-1]
        wanted = tuple(named[name] for name in own if name in named) if named else values
        if len(wanted) != len(own) or (named and len(named) != len(own)) or (named and values):
            raise MetricError(f"{self.name} has the labels {own}, got {values} and {set(named)}")
        return StateSeries(self, tuple(map(self._clean, wanted)))

    def restart_in_child(self) -> None:
        """Keep the state."""

    def width(self) -> int:
        """Return 2, as for a gauge."""
        return 2

    def _make(self, labels: Labels, cells: object) -> GaugeSeries:
        return GaugeSeries(self.name, labels, cells)  # type: ignore[arg-type]
