"""Where the numbers of new series stand: in memory, or in a file that other processes read."""

from collections.abc import Iterable
from typing import Any, Protocol

from testpilot_obs.protocols import Exemplar, MetricKind


class Store(Protocol):
    """Gives out cells that other processes can read."""

    def cells(self, shape: Any, documentation: str, *, labels: Any, width: int) -> Any:
        """Return *width* cells of zero for the series with these labels."""

    def forget(self, cells: Any) -> None:
        """Give cells back."""

    def share_exemplar(self, cells: Any, place: int, exemplar: Exemplar) -> None:
        """Let other processes read an exemplar of the series with these cells."""

    def renew(self) -> None:
        """Begin an own file in a forked child."""


_stores: list[Store] = []


def use(store: Store | None) -> None:
    """Take the cells of series made from now on from *store*; None: from memory."""
    _stores[:] = [] if store is None else [store]


def is_shared() -> bool:
    """Return whether other processes can read the numbers."""
    return bool(_stores)


def cells_of(shape: Any, documentation: str, *, labels: Any, width: int) -> Any:
    """Return cells of zero for a new series."""
    if _stores:
        return _stores[0].cells(shape, documentation, labels=labels, width=width)
    # The second cell of a gauge, the time of its last change, is for other processes.
    return [0.0] if shape.kind in _ONE else [0.0] * width


def forget_cells(series: Any) -> None:
    """Say that *series* is no more."""
    if _stores:
        _stores[0].forget(series.cells)
    series.cells = list(series.cells)


def share_exemplar(cells: Any, place: int, exemplar: Exemplar) -> None:
    """Let other processes read an exemplar of the series with these *cells*, if any can.

    Args:
        cells: Where the numbers of the series stand.
        place: Which range of a histogram it is of, else 0.
        exemplar: What to share.
    """
    if _stores:
        _stores[0].share_exemplar(cells, place, exemplar)


def move_all(instruments: Iterable[Any]) -> None:
    """Let the numbers of all series stand where those of new ones do; while it is settled."""
    for instrument in instruments:
        about = (instrument.shape, instrument.documentation)
        for series in instrument.every():
            series.move(cells_of(*about, labels=series.labels, width=instrument.width()))


def leave(instruments: Iterable[Any]) -> bool:
    """Keep all numbers in memory, in a forked child; return whether they stood elsewhere."""
    for instrument in instruments if _stores else ():
        for series in instrument.every():
            series.cells = list(series.cells)
    return bool(_stores)


def join_in_child(instruments: Iterable[Any]) -> None:
    """Let the child have an own file."""
    _stores[0].renew()
    move_all(instruments)


_ONE = frozenset({MetricKind.GAUGE, MetricKind.INFO, MetricKind.STATE_SET})
