"""Several processes' numbers as one: how counters, histograms and gauges are put together."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from testpilot_obs.metrics._instruments import Shape
from testpilot_obs.protocols import Exemplar, Labels, MetricKind

Pairs = tuple[tuple[str, str], ...]


class Source(NamedTuple):
    """One series in one file."""

    pid: int
    is_live: bool
    labels: Pairs
    cells: tuple[float, ...]
    has_marks: bool = False
    """Whether these are its exemplars instead of its numbers."""


class MergedSeries:
    """One series of several processes, kept from scrape to scrape."""

    __slots__ = ("cells", "exemplars", "labels", "start_ns", "text")

    def __init__(self, labels: Pairs) -> None:
        self.labels = Labels(labels)
        self.cells: list[float] = []
        self.exemplars: Any = None
        self.start_ns = 0
        self.text: Any = None


class Merged:
    """One metric of several processes."""

    def __init__(self, head: dict[str, Any]) -> None:
        self.head = head
        self.shape = shape_of(head)
        self._fitting = head
        self._sources: dict[Pairs, list[Source]] = {}
        self._known: dict[Pairs, MergedSeries] = {}
        self._exemplars: dict[Pairs, dict[int, Exemplar]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no process has told numbers yet."""
        return not self._sources

    def fits(self, head: dict[str, Any]) -> bool:
        """Return whether numbers of a metric with this *head* can be put together with these."""
        # All series of a file have the same object, so this is asked once for each file.
        if head is self._fitting:
            return True
        is_same = shape_of(head) == self.shape and head["width"] == self.head["width"]
        if is_same:
            self._fitting = head
        return is_same

    def begin(self) -> None:
        """Forget the numbers before the next scrape."""
        self._sources.clear()
        self._exemplars.clear()

    def add(self, source: Source) -> None:
        """Take the numbers of one process."""
        labels = source.labels
        if self.shape.processes == "liveall":
            labels = (*labels, ("pid", str(source.pid)))
        self._sources.setdefault(labels, []).append(source)

    def mark(self, labels: Pairs, marks: Iterable[tuple[int, Exemplar]]) -> None:
        """Take the exemplars of one process; of those for one place the newest stays."""
        mine = self._exemplars.setdefault(labels, {})
        for place, exemplar in marks:
            known = mine.get(place)
            if known is None or known.time_ns < exemplar.time_ns:
                mine[place] = exemplar

    def has_room_for(self, labels: Pairs, limit: int) -> bool:
        """Return whether one more label set is within *limit*."""
        return labels in self._sources or len(self._sources) < limit

    def series(self) -> list[MergedSeries]:
        """Return the series with the numbers of all processes."""
        merge = _RULES.get(self.shape.processes, _added_up)
        found = []
        for labels, sources in self._sources.items():
            cells = merge(sources)
            if cells is not None:
                one = self._known.get(labels)
                if one is None:
                    one = self._known[labels] = MergedSeries(labels)
                one.cells = cells
                one.exemplars = self._exemplars.get(labels)
                found.append(one)
        if len(self._known) > len(found):
            self._known = {
                labels: self._known[labels] for labels in self._sources if labels in self._known
            }
        return found


def head_of(shape: Shape, documentation: str) -> dict[str, Any]:
    """Return what a file says of a metric."""
    return {
        "name": shape.name,
        "kind": shape.kind.value,
        "labels": shape.labels,
        "unit": shape.unit,
        "bounds": shape.bounds,
        "processes": shape.processes,
        "help": documentation,
    }


def shape_of(head: dict[str, Any]) -> Shape:
    """Return the shape that a file tells of.

    Raises:
        ValueError: If it is none.
        TypeError: If it is none.
        KeyError: If it is none.
    """
    return Shape(
        MetricKind(head["kind"]),
        str(head["name"]),
        tuple(map(str, head["labels"])),
        str(head["unit"]),
        tuple(map(float, head["bounds"])),
        processes=str(head["processes"]),
    )


def _added_up(sources: Iterable[Source]) -> list[float] | None:
    return [sum(column) for column in zip(*(one.cells for one in sources), strict=True)]


def _of_live(choose: Callable[[Iterable[float]], float]) -> Any:
    def merge(sources: Iterable[Source]) -> list[float] | None:
        values = [one.cells[0] for one in sources if one.is_live and one.cells[1] > 0]
        return [choose(values)] if values else None

    return merge


def _most_recent(sources: Iterable[Source]) -> list[float] | None:
    stamp, value = max((one.cells[1], one.cells[0]) for one in sources)
    return [value, stamp] if stamp > 0 else None


_RULES = {
    "sum": _of_live(sum),
    "max": _of_live(max),
    "min": _of_live(min),
    "liveall": _of_live(sum),
    "mostrecent": _most_recent,
}


def is_kept(shape: Shape) -> bool:
    """Return whether the numbers of a process that has ended still count."""
    if shape.kind in {MetricKind.COUNTER, MetricKind.HISTOGRAM, MetricKind.SUMMARY}:
        return True
    return shape.processes == "mostrecent" and shape.kind is not MetricKind.INFO
