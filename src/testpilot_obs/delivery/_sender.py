"""One thread that gets the parcels of one signal to one destination, however often it takes.

A destination that does not take anything (two failures in a row, or one while the process ends)
opens the circuit: from then on all that comes goes to disk, and only one try is made after each
pause, with the oldest that lies there. The first success closes it.
"""

import logging
import random
from collections.abc import Callable
from threading import RLock

from testpilot_obs._core import diagnostics
from testpilot_obs.delivery._bell import Bell, now
from testpilot_obs.delivery._gate import Gate
from testpilot_obs.delivery._ledger import Account
from testpilot_obs.delivery._outbox import Outbox
from testpilot_obs.delivery._outlets import settle, tell
from testpilot_obs.delivery._parcel import Parcel
from testpilot_obs.delivery._retry import BASE_S, pause_s
from testpilot_obs.delivery.spool import Spool, Stored
from testpilot_obs.protocols import Outcome, Verdict

FOREVER = float("inf")
_OPEN_AFTER = 2
"""Failures in a row that open the circuit: one may be a collector that is being restarted."""
_LEAST_ANSWER_S = 0.01
"""How long an answer takes at least; the last one tells more, if it came while the process ends."""
_PATIENCE_S = 0.5
"""How long the end of the process waits for an outcome that is being settled."""
_DISK_TOO_SLOW = "spool_timeout"
"""Why something is lost that was still to be put on disk when the time was over."""
_TOO_LARGE = Outcome(
    Verdict.REFUSED, reason="too_large", message="a single record is larger than it accepts"
)


class Sender:
    """Takes parcels from its outbox, oldest first, and tries each until it is settled.

    Args:
        gate: The exporter.
        max_bytes: Most bytes that wait in memory.
        timeout_s: Longest time for one try, in seconds.
        on_progress: Called after each try and at the end; wakes those who flush.
        spool: Where to put what cannot be sent.
        spills_early: Whether that is done before the end of the process.
    """

    def __init__(
        self,
        gate: Gate,
        max_bytes: int,
        *,
        timeout_s: float,
        on_progress: Callable[[], object],
        spool: Spool | None = None,
        spills_early: bool = True,
    ) -> None:
        self._gate = gate
        self._timeout_s = timeout_s
        self._on_progress = on_progress
        self._max_bytes = max_bytes
        self._spool = spool
        self._spills_early = spills_early and spool is not None
        self._deadline = self._last_answer_at = FOREVER
        self._answer_s = _LEAST_ANSWER_S
        self._is_ending = False
        self._is_stopping = False
        self._is_closed = False
        self.name = gate.name
        self._begin()

    def _begin(self) -> None:
        self.bell = Bell()
        self._outbox = Outbox(self._max_bytes, save=self._save_pushed_out)
        self._account = Account()
        self._recovered = Account()
        self._put_to_disk = 0
        self._current: Parcel | Stored | None = None
        self._prefers_disk = False
        self._is_dry = False
        self._tries = self._tries_over = self._hurried_for = 0
        # Held while an outcome is settled, so that the end of the process finds each parcel in
        # one place. Reentrant, as a signal handler may end the process in the middle of it.
        self._settling = RLock()
        self._final: Account | None = None
        self._has_banked = self._spool is None
        self._failures = 0
        self._last_reason = ""
        self._retry_at = 0.0
        self._is_asked_to_wait = False
        self.has_ended = False

    # -- the worker's side

    def put(self, parcel: Parcel) -> None:
        """Accept *parcel* for sending; after `bank` it is counted among what is nowhere."""
        if self._is_closed:
            return
        spool = self._spool
        if spool is not None and spool.is_durable and spool.save(parcel):
            self._put_to_disk += len(parcel)
        else:
            self._outbox.put(parcel)
        self.bell.ring()

    def fill(self) -> float:
        """Return how near it is that something must be lost here; 1 is the moment it is."""
        spool = self._spool
        if spool is not None and self._spills_early and spool.can_save():
            # What is too much for the memory goes to disk.
            return spool.fill()
        return self._outbox.size / self._max_bytes

    # -- the sender's own thread

    def run(self) -> None:
        """Send until `stop`; the body of the thread."""
        while not self._is_stopping:
            if self._is_open():
                with diagnostics.guard(f"keep on disk what is for {self.name}"):
                    self._spill()
            wait_s = self.wait_s()
            if wait_s > 0:
                self.bell.wait(wait_s)
                continue
            with diagnostics.guard(f"send to {self.name}"):
                self.step()
                continue
            self._retry_at = now() + BASE_S
        self.leave()

    def wait_s(self) -> float:
        """Return how long there is nothing to do, in seconds; infinite if nothing waits."""
        if self._has_work():
            return self._retry_at - now()
        if self._spool is None or self._is_ending:
            return FOREVER
        return self._spool.look_at() - now()

    def step(self) -> None:
        """Try the oldest parcel once."""
        if self._is_too_late() and self._save_instead():
            return
        parcel = self._current or self._next()
        if parcel is None:
            self._is_dry = True
            if self._has_work():
                # It could not be read: not again and again.
                self._retry_at = now() + BASE_S
            self._on_progress()
            return
        self._current = parcel
        self._tries += 1
        began = now()
        left_s = self._deadline - began
        outcome = self._gate.export(parcel, timeout_s=max(min(self._timeout_s, left_s), 0.01))
        with self._settling:
            if self._is_closed:
                return
            self._tries_over = self._tries
            if outcome.verdict is Verdict.SENT:
                self._answer_s = max(now() - began, _LEAST_ANSWER_S)
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
        while self._has_work() and (left_s := deadline - now()) > 0:
            wait_s = self.wait_s()
            if wait_s >= left_s:
                break
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
        self._is_dry = False
        if not self._is_asked_to_wait:
            # A try that is under way began before whatever is to be flushed.
            self._hurried_for = self._tries + 1
            self._retry_at = 0.0
            self.bell.ring()

    def limit(self, deadline: float, *, grace_s: float = 0.0) -> None:
        """Begin no try that would last beyond *deadline* (monotonic seconds): the process ends.

        One that does nevertheless is cut *grace_s* later. Cut is what the receiver may have kept
        already, so what goes to disk instead of a last try comes once, and not twice.
        """
        self._answer_s = _LEAST_ANSWER_S
        self._last_answer_at = deadline
        self._deadline = deadline + grace_s
        self._is_ending = True

    def stop(self) -> None:
        """Begin no further try."""
        self._is_stopping = True
        self.bell.ring()

    def accepted(self) -> int:
        """Return how many records were ever put; a goal for `has_settled`."""
        return self._outbox.accepted + self._put_to_disk

    def has_settled(self, goal: int) -> bool:
        """Return whether the first *goal* records are delivered, on disk or lost."""
        books = self.books()
        return books.delivered + books.spooled + books.lost >= goal

    def has_delivered(self, goal: int) -> bool:
        """Return whether the first *goal* records are delivered or lost, and none is on disk."""
        return self.has_settled(goal) and not self.books().spooled

    def is_at_rest(self, goal: int, deadline: float) -> bool:
        """Return whether nothing will change for the first *goal* records before *deadline*."""
        if not self.has_settled(goal):
            return self._current is not None and self._retry_at > deadline
        is_away = self._failures > 0 and self._tries_over >= self._hurried_for
        return is_away or self._is_dry or not self.books().spooled

    def has_leftovers(self) -> bool:
        """Return whether something lies on disk that an earlier process left."""
        return self._spool is not None and self._spool.has_leftovers()

    @property
    def keeps_on_disk(self) -> bool:
        """Whether what is not sent at the end is kept on disk."""
        return self._spool is not None

    @property
    def refused_of_others(self) -> int:
        """How many records that other processes had left were refused for good."""
        return self._recovered.lost

    def books(self) -> Account:
        """Return what was delivered, saved and lost, in the outbox and on disk too."""
        if self._final is not None:
            return self._final
        spool = self._spool
        # What leaves the disk is delivered only then, so that nothing is counted twice.
        delivered = self._account.copy()
        delivered.drop(self._outbox.pushed_out, "outbox_full")
        delivered.recovered = self._recovered.delivered
        if spool is not None:
            # In this order: what is lost there was saved before, and is counted once.
            for reason, count in spool.lost.copy().items():
                delivered.drop(count, reason)
            delivered.spooled = spool.saved
        return delivered

    def bank(self) -> None:
        """Put everything that was not sent on disk, as the process ends; called once."""
        is_mine = self._settling.acquire(timeout=_PATIENCE_S)
        try:
            self._is_closed = True
            if self._spool is not None:
                self._save_all(in_a_hurry=True)
                self._spool.close()
            self._has_banked = True
        finally:
            if is_mine:
                self._settling.release()

    def freeze(self) -> None:
        """Let the books be as they are, whatever a disk that hung until now still takes."""
        self._is_closed = True
        if self._final is None:
            self._final = self.books()

    def close_books(self, unfinished: int) -> None:
        """Count what is nowhere as lost, for the reason of the last failure."""
        reason = self._last_reason or "deadline"
        self.freeze()
        self.books().drop(unfinished, reason if self._has_banked else _DISK_TOO_SLOW)

    def after_fork(self) -> None:
        """Begin with an empty outbox and without failures."""
        if self._spool is not None:
            self._spool.after_fork()
        self._begin()

    # -- disk

    def _has_work(self) -> bool:
        is_waiting = self._current is not None or len(self._outbox) > 0
        spool = self._spool
        return is_waiting or (spool is not None and spool.has_waiting(only_own=self._is_ending))

    def _next(self) -> Parcel | Stored | None:
        """Return what to send next: by turns from memory and from disk."""
        spool = self._spool
        if spool is None:
            return self._outbox.take()
        self._prefers_disk = not self._prefers_disk and not self._is_ending
        if self._prefers_disk:
            return spool.take() or self._outbox.take()
        return self._outbox.take() or spool.take(only_own=self._is_ending)

    def _is_open(self) -> bool:
        """Return whether what comes now is to wait on disk."""
        spool = self._spool
        if self._is_too_late():
            return True
        if spool is None or not self._failures or not spool.can_save():
            return False
        return self._is_ending or (self._spills_early and self._failures >= _OPEN_AFTER)

    def _spill(self) -> None:
        if self._current is not None or len(self._outbox):
            with self._settling:
                if not self._is_closed:
                    self._save_all(in_a_hurry=self._is_ending)
            self._on_progress()

    def _save_all(self, *, in_a_hurry: bool) -> None:
        """Move all that waits in memory to disk; what has no place there stays."""
        spool = self._spool
        if spool is None:
            return
        # Taken first: who comes in the middle of the write must not write it once more.
        current, self._current = self._current, None
        if isinstance(current, Stored):
            spool.give_back(current)
        elif current is not None and not spool.save(current, in_a_hurry=in_a_hurry):
            self._current = current
        while (parcel := self._outbox.take()) is not None:
            if not spool.save(parcel, in_a_hurry=in_a_hurry):
                self._outbox.give_back(parcel)
                return

    def _is_too_late(self) -> bool:
        """Return whether an answer is not to be expected before the process ends."""
        is_late = self._is_ending and now() + self._answer_s > self._last_answer_at
        return is_late and self._spool is not None and self._spool.can_save()

    def _save_instead(self) -> bool:
        """Put everything on disk and try no more; return False if something has no place there."""
        self._spill()
        if self._current is not None or len(self._outbox):
            return False
        self._is_dry = True
        self._retry_at = FOREVER
        self._on_progress()
        return True

    def _save_pushed_out(self, parcel: Parcel) -> bool:
        return self._spool is not None and self._spills_early and self._spool.save(parcel)

    # -- outcomes

    def _settle(self, parcel: Parcel | Stored, outcome: Outcome) -> None:
        if self._failures and outcome.verdict is Verdict.SENT:
            # As loud as the trouble was, or nobody would hear that it is over.
            diagnostics.say(logging.WARNING, "%s to %s: delivered again", parcel.signal, self.name)
        account = self._account
        if isinstance(parcel, Stored) and self._spool is not None:
            account = account if self._spool.settle(parcel) else self._recovered
        settle(account, parcel, outcome, name=self.name)
        self._current = None
        self._failures = 0
        self._last_reason = ""
        self._retry_at = 0.0
        self._is_asked_to_wait = False

    def _split(self, parcel: Parcel | Stored) -> None:
        halves = parcel.halves()
        if halves is None:
            self._settle(parcel, _TOO_LARGE)
            return
        self._current, second = halves
        if isinstance(second, Parcel):
            self._outbox.give_back(second)
        elif self._spool is not None:
            self._spool.hold(second)

    def _wait_for_retry(self, outcome: Outcome) -> None:
        self._failures += 1
        self._last_reason = outcome.reason or "retry"
        self._is_asked_to_wait = outcome.retry_after_s is not None
        self._retry_at = now() + pause_s(
            self._failures,
            asked_s=outcome.retry_after_s,
            chance=random.random(),  # noqa: S311  # spreads load, is no secret
        )
        current = self._current
        if current is not None:
            tell(outcome, signal=current.signal, name=self.name)
        if isinstance(current, Stored) and self._spool is not None:
            self._current = None
            self._spool.give_back(current)
        if self._hurried_for > self._tries_over and not self._is_asked_to_wait:
            self._retry_at = 0.0
        if self._is_open():
            self._spill()
