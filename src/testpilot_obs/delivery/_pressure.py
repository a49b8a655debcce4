"""Backpressure: the share of ordinary traces falls before anything has to be lost at random.

What waits for the network says how bad it is: from half full on the share is halved, and again
with each twentieth more, so that it settles where as much leaves as comes. A queue in front of the
worker counts only if it was more than half full twice in a row, and grew: one burst is no trouble.
"""

import logging
from collections.abc import Callable, Sequence

from testpilot_obs._core import diagnostics
from testpilot_obs.delivery._threshold import SPACE

LOOK_S = 1.0
"""Under pressure, time between two looks at least, in seconds."""
_HALF = 0.5
_RELAXED = 0.4
_STEP = 0.05
_MOST_HALVINGS = 10


class Valve:
    """The share of ordinary traces that may pass, as of the last look.

    Args:
        queue: Returns how full the queue before the worker is, 0 to 1.
        outboxes: The same of the waiting line of each destination. The emptiest counts: while
            one destination is well, another that is down must not cost it anything.
    """

    def __init__(self, queue: Callable[[], float], outboxes: Sequence[Callable[[], float]]) -> None:
        self._queue = queue
        self._outboxes = outboxes
        self.forget()

    def forget(self) -> None:
        """Begin anew, fully open."""
        self._last_queue = 0.0
        self.halvings = 0

    @property
    def share(self) -> float:
        """The share of ordinary traces that is kept, 1 without pressure."""
        return 1.0 / (1 << self.halvings)

    @property
    def threshold(self) -> int:
        """The threshold that keeps this share."""
        return SPACE - (SPACE >> self.halvings)

    def look(self) -> None:
        """Set the share by what waits now."""
        queue, outbox = self._queue(), min((fill() for fill in self._outboxes), default=0.0)
        grows = self._last_queue >= _HALF and queue > self._last_queue
        self._last_queue = queue
        wanted = max(halvings_at(outbox), halvings_at(queue) if grows else 0)
        if wanted < self.halvings and max(queue, outbox) > _RELAXED:
            # Half full is no reason to open up again, or the share would swing.
            wanted = max(wanted, 1)
            wanted = self.halvings if queue > outbox else wanted
        before, self.halvings = self.halvings, wanted
        self._tell(before)

    def _tell(self, before: int) -> None:
        if self.halvings and not before:
            diagnostics.warn_once(
                "backpressure",
                "more traces come than can be sent: keeping 1 of %d for now, failed and slow ones"
                " first; set TESTPILOT_OBS_SAMPLE_RATIO to choose a share yourself",
                1 << self.halvings,
            )
        elif before and not self.halvings:
            diagnostics.say(logging.INFO, "all traces are kept again")


def halvings_at(fill: float) -> int:
    """Return how often the share is halved when something is *fill* (0 to 1) full.

    >>> [halvings_at(fill) for fill in (0.49, 0.5, 0.56, 0.75, 1.0)]
    [0, 1, 2, 6, 10]
    """
    if fill < _HALF:
        return 0
    return min(1 + int((fill - _HALF) / _STEP + 1e-9), _MOST_HALVINGS)
