"""The books: what came, what was delivered, what was lost and why.

Every number has one writer, so none needs a lock. Whoever reads takes losses and deliveries
first and what came last; what waits is the difference. So at every moment, for each signal and
each destination: recorded = delivered + spooled + dropped + queued.

What people get are named tuples: a dataclass costs every start 1.4 ms, one of these 0.2 ms.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from testpilot_obs.protocols import Signal

_NOTHING: Mapping[str, int] = MappingProxyType({})


class Account:
    """What became of one signal's records at one place; written by one thread."""

    __slots__ = ("delivered", "dropped", "recovered", "spooled")

    def __init__(self, delivered: int = 0, dropped: Mapping[str, int] | None = None) -> None:
        self.delivered = delivered
        self.dropped: dict[str, int] = dict(dropped or {})
        self.spooled = 0
        self.recovered = 0

    def copy(self) -> "Account":
        """Return the state as of now, which nobody writes."""
        return Account(self.delivered, self.dropped.copy())

    def deliver(self, count: int) -> None:
        """Count records that were accepted."""
        self.delivered += count

    def drop(self, count: int, reason: str) -> None:
        """Count records that were lost for *reason*."""
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    @property
    def lost(self) -> int:
        """How many records were lost, whatever the reason."""
        return sum(self.dropped.copy().values())


class Tally(NamedTuple):
    """The state of one signal, at one destination or in all; counts spans, lines or points."""

    recorded: int = 0
    """Everything that ever came; ``delivered + spooled + lost + queued``."""
    delivered: int = 0
    """Accepted by the destination."""
    queued: int = 0
    """Waiting, or being sent right now."""
    dropped: Mapping[str, int] = _NOTHING
    """Lost, by reason: ``{"queue_full": 3}``."""
    spooled: int = 0
    """On disk, to be sent when the destination takes it, by this process or its successor."""
    recovered: int = 0
    """Delivered for other processes, which had left it on disk; in none of the other figures."""

    @property
    def lost(self) -> int:
        """How many records were lost, whatever the reason."""
        return sum(self.dropped.values())


class SignalStats(NamedTuple):
    """One signal: the tally of the destination that is worst off, and that of each.

    With several destinations a record counts as delivered when all have it. Losses are those of
    the destination that lost most.
    """

    recorded: int
    delivered: int
    queued: int
    dropped: Mapping[str, int]
    destinations: Mapping[str, Tally]
    """By destination, e.g. ``{"otlp": Tally(...)}``."""
    spooled: int = 0
    """On disk, of the destination where most is."""
    recovered: int = 0
    """Delivered for other processes, which had left it on disk."""

    @property
    def lost(self) -> int:
        """How many records were lost, whatever the reason."""
        return sum(self.dropped.values())


Stats = Mapping[Signal, SignalStats]
"""``stats["traces"].delivered``; a signal that goes nowhere has no entry."""


class DeliveryReport(NamedTuple):
    """What ``shutdown`` achieved."""

    signals: Stats
    """The books as they were closed."""
    took_s: float
    """How long it took, in seconds."""

    @property
    def is_complete(self) -> bool:
        """Whether everything that was ever recorded has been delivered."""
        return self.lost == 0 and self.spooled == 0

    @property
    def spooled(self) -> int:
        """How many records of all signals lie on disk, for the next start."""
        return sum(stats.spooled for stats in self.signals.values())

    @property
    def lost(self) -> int:
        """How many records of all signals were lost."""
        return sum(stats.lost for stats in self.signals.values())

    def __str__(self) -> str:
        lines = [
            f"{signal}: {stats.delivered} of {stats.recorded} delivered"
            f"{_on_disk(stats.spooled)}{_losses(stats.dropped)}"
            for signal, stats in self.signals.items()
            if stats.recorded
        ]
        return "; ".join(lines) or "nothing was recorded"


def tally(books: Account, *, lost_before: Mapping[str, int], recorded: int) -> Tally:
    """Return the state of one destination; what was *lost_before* never reached it."""
    dropped = dict(lost_before)
    for reason, count in books.dropped.items():
        dropped[reason] = dropped.get(reason, 0) + count
    queued = recorded - books.delivered - books.spooled - sum(dropped.values())
    return Tally(recorded, books.delivered, queued, dropped, books.spooled, books.recovered)


def worst(tallies: Mapping[str, Tally]) -> SignalStats:
    """Return the state of a signal with these destinations."""
    recorded = max(one.recorded for one in tallies.values())
    delivered = min(one.delivered for one in tallies.values())
    dropped = max((one.dropped for one in tallies.values()), key=lambda some: sum(some.values()))
    left = recorded - delivered - sum(dropped.values())
    # One destination may have lost what another has on disk: it is in the books once.
    spooled = min(max(one.spooled for one in tallies.values()), left)
    recovered = max(one.recovered for one in tallies.values())
    return SignalStats(
        recorded, delivered, left - spooled, dropped, dict(tallies), spooled, recovered
    )


def _on_disk(spooled: int) -> str:
    return f", {spooled} on disk" if spooled else ""


def _losses(dropped: Mapping[str, int]) -> str:
    if not dropped:
        return ""
    return ", lost " + ", ".join(f"{count} ({reason})" for reason, count in dropped.items())
