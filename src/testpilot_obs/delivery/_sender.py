"""One thread that gets the parcels of one signal to one destination, however often it takes."""

import logging
import random
from collections.abc import Callable

from testpilot_obs._core import diagnostics
from testpilot_obs.delivery._bell import Bell, now
from testpilot_obs.delivery._gate import Gate
from testpilot_obs.delivery._ledger import Account
from testpilot_obs.delivery._outbox import Outbox
from testpilot_obs.delivery._outlets import settle, tell
from testpilot_obs.delivery._parcel import Parcel
from testpilot_obs.delivery._retry import pause_s
from testpilot_obs.protocols import Outcome, Verdict

FOREVER = float("inf")
_TOO_LARGE = Outcome(
    Verdict.REFUSED, reason="too_large", message="a single record is larger than it accepts"
)


class Sender:
    """Takes parcels from its outbox, oldest first, and tries each until it is settled.

    Args:
        gate: The exporter.
        outbox: Where the worker puts parcels.
        timeout_s: Longest time for one try, in seconds.
        on_progress: Called after each try and at the end; wakes those who flush.
    """

    def __init__(
        self, gate: Gate, outbox: Outbox, *, timeout_s: float, on_progress: Callable[[], object]
    ) -> None:
        self._gate = gate
        self._timeout_s = timeout_s
        self._on_progress = on_progress
        self._max_bytes = outbox.max_bytes
        self._deadline = FOREVER
        self._is_stopping = False
        self._is_closed = False
        self.name = gate.name
        self._begin(outbox)

    def _begin(self, outbox: Outbox) -> None:
        self.bell = Bell()
        self._outbox = outbox
        self._account = Account()
        self._current: Parcel | None = None
        self._failures = 0
        self._last_reason = ""
        self._retry_at = 0.0
        self._is_asked_to_wait = False
        self.has_ended = False

    # -- the worker's side

    def put(self, parcel: Parcel) -> None:
        """Accept *parcel* for sending."""
        self._outbox.put(parcel)
        self.bell.ring()

    def fill(self) -> float:
        """Return how near it is that something must be lost here; 1 is the moment it is."""
        return self._outbox.size / self._max_bytes

    # -- the sender's own thread

    def run(self) -> None:
        """Send until `stop`; the body of the thread."""
        while not self._is_stopping:
            wait_s = self.wait_s()
            if wait_s > 0:
                self.bell.wait(wait_s)
            else:
                self.step()
        self.leave()

    def wait_s(self) -> float:
        """Return how long there is nothing to do, in seconds; infinite if nothing waits."""
        if self._current is None and not len(self._outbox):
            return FOREVER
        return self._retry_at - now()

    def step(self) -> None:
        """Try the oldest parcel once."""
        parcel = self._current or self._outbox.take()
        if parcel is None:
            return
        self._current = parcel
        left_s = self._deadline - now()
        outcome = self._gate.export(parcel, timeout_s=max(min(self._timeout_s, left_s), 0.01))
        if self._is_closed:
            return
        if outcome.verdict is Verdict.RETRY:
            self._wait_for_retry(outcome)
        elif outcome.verdict is Verdict.TOO_LARGE:
            self._split(parcel)
        else:
            self._settle(parcel, outcome)
        self._on_progress()

    def send_all(self, deadline: float) -> None:
        """Send everything that waits, on the caller's thread, until *deadline* at most."""
        limit, self._deadline = self._deadline, min(self._deadline, deadline)
        while (wait_s := self.wait_s()) < deadline - now():
            if wait_s > 0:
                self.bell.wait(wait_s)
            else:
                self.step()
        self._deadline = limit

    def leave(self) -> None:
        """Give the exporter back; nothing is sent afterwards."""
        if not self.has_ended:
            self._gate.leave()
            self.has_ended = True
            self._on_progress()

    # -- the side of those who flush

    def hurry(self) -> None:
        """Try again now if a backoff is being waited for; a wish of the receiver is kept."""
        if not self._is_asked_to_wait:
            self._retry_at = 0.0
            self.bell.ring()

    def limit(self, deadline: float) -> None:
        """Let no try last beyond *deadline* (monotonic seconds)."""
        self._deadline = deadline

    def stop(self) -> None:
        """Begin no further try."""
        self._is_stopping = True
        self.bell.ring()

    def accepted(self) -> int:
        """Return how many records were ever put; a goal for `has_settled`."""
        return self._outbox.accepted

    def has_settled(self, goal: int) -> bool:
        """Return whether the first *goal* records are delivered or lost."""
        account = self._account
        return account.delivered + account.lost + self._outbox.pushed_out >= goal

    def is_hopeless(self, deadline: float) -> bool:
        """Return whether the next try comes too late for *deadline* (monotonic seconds)."""
        return self._current is not None and self._retry_at > deadline

    def books(self) -> Account:
        """Return what was delivered and lost, in the outbox too."""
        books = self._account.copy()
        books.drop(self._outbox.pushed_out, "outbox_full")
        return books

    def close_books(self, unfinished: int) -> None:
        """Count what could not be sent in time, for the reason of the last failure."""
        self._is_closed = True
        self._account.drop(unfinished, self._last_reason or "deadline")

    def after_fork(self) -> None:
        """Begin with an empty outbox and without failures."""
        self._begin(Outbox(self._max_bytes))

    # -- outcomes

    def _settle(self, parcel: Parcel, outcome: Outcome) -> None:
        if self._failures and outcome.verdict is Verdict.SENT:
            # As loud as the trouble was, or nobody would hear that it is over.
            diagnostics.say(logging.WARNING, "%s to %s: delivered again", parcel.signal, self.name)
        settle(self._account, parcel, outcome, name=self.name)
        self._current = None
        self._failures = 0
        self._last_reason = ""
        self._retry_at = 0.0
        self._is_asked_to_wait = False

    def _split(self, parcel: Parcel) -> None:
        halves = parcel.halves()
        if halves is None:
            self._settle(parcel, _TOO_LARGE)
            return
        first, second = halves
        self._outbox.give_back(second)
        self._current = first

    def _wait_for_retry(self, outcome: Outcome) -> None:
        self._failures += 1
        self._last_reason = outcome.reason or "retry"
        self._is_asked_to_wait = outcome.retry_after_s is not None
        self._retry_at = now() + pause_s(
            self._failures,
            asked_s=outcome.retry_after_s,
            chance=random.random(),  # noqa: S311  # spreads load, is no secret
        )
        if self._current is not None:
            tell(outcome, signal=self._current.signal, name=self.name)
