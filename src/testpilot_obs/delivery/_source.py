"""Metrics on their way to the worker: collected when due, not recorded one by one."""

from collections import deque
from collections.abc import Callable, Sequence

from testpilot_obs._core import diagnostics
from testpilot_obs.protocols import MetricFamily


class MetricSource:
    """Collects the state of all metrics for the worker; an *intake* like `SignalQueue`.

    Counts points, as receivers do.
    """

    def __init__(self, collect: Callable[[], Sequence[MetricFamily]]) -> None:
        self._collect = collect
        self._waiting: deque[MetricFamily] = deque()
        self.dropped: dict[str, int] = {}
        self.recorded = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, *, only_whole: bool = False) -> int:  # no batch is ever full
        """Collect, and return how many families wait."""
        with diagnostics.guard("collect metrics"):
            families = self._collect()
            self._waiting.extend(families)
            self.recorded += sum(len(family.points) for family in families)
        return len(self._waiting)

    def is_crowded(self) -> bool:
        """Return False: there is nothing that could get lost."""
        return False

    def take(self, limit: int) -> list[MetricFamily]:
        """Return up to *limit* families."""
        return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]

    def finish(self) -> None:
        """Do nothing: no caller has to be told."""

    def is_silent(self) -> bool:
        """Return False: only `begin` can tell whether there is anything."""
        return False

    def is_pressed(self) -> bool:
        """Return False: numbers are never too many to wait for their time."""
        return False

    def discard(self) -> None:
        """Forget what was collected; it counts as recorded."""
        self._waiting.clear()

    def forget(self) -> None:
        """Begin anew in a forked child."""
        self._waiting.clear()
        self.recorded = 0
