"""Most traces a second: of those that end within a second, the ones with most randomness.

Which are kept is known when the second is over, but who cannot be among them is known at once,
so no more than the allowance is ever held. The threshold is the randomness of the best trace that
did not get in: it is what all that did passed, and makes their adjusted counts add up.
(Bottom-k sampling: Cohen and Kaplan, "Summarizing data using bottom-k sketches", 2007.)
"""

import heapq
from typing import NamedTuple

from testpilot_obs.delivery._held import Held

WINDOW_S = 1.0


class _Entry(NamedTuple):
    priority: bool
    randomness: int
    number: int
    held: Held


class Cap:
    """Lets the set number of traces a second through; failed and slow ones are last to go.

    Args:
        per_second: How many.
        pause_s: Longest time between two looks, in seconds: so long unused allowance is kept.
    """

    def __init__(self, per_second: int, pause_s: float) -> None:
        self._per_second = per_second
        self._most = per_second * max(pause_s, WINDOW_S)
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._allowance = float(self._per_second)
        self._earned_at: float | None = None
        self._entries: list[_Entry] = []
        self._best_lost = {True: 0, False: 0}
        self._count = 0
        self.closes_at: float | None = None
        """When the window is over, monotonic seconds; ``None`` if none is open."""

    def offer(self, held: Held, now: float) -> Held | None:
        """Take *held*, and return a trace that cannot be kept, which may be the same."""
        if self.closes_at is None:
            self._open(now)
        self._count += 1
        entry = _Entry(held.priority, held.randomness, self._count, held)
        if len(self._entries) < int(self._allowance):
            heapq.heappush(self._entries, entry)
            return None
        lost = heapq.heappushpop(self._entries, entry) if self._entries else entry
        best = self._best_lost
        best[lost.priority] = max(best[lost.priority], lost.randomness + 1)
        return lost.held

    def settle(self) -> list[Held]:
        """End the window; return the traces that are kept, each with its threshold."""
        kept = [entry.held for entry in self._entries]
        for held in kept:
            # Two local traces of one trace have the same randomness, and one may be out.
            best_lost = min(self._best_lost[held.priority], held.randomness)
            held.threshold = max(held.threshold, best_lost)
        self._allowance -= len(kept)
        self._entries = []
        self._best_lost = {True: 0, False: 0}
        self.closes_at = None
        return kept

    def _open(self, now: float) -> None:
        self.closes_at = now + WINDOW_S
        if self._earned_at is not None:
            earned = (now - self._earned_at) * self._per_second
            self._allowance = min(self._allowance + earned, self._most)
        self._earned_at = now
