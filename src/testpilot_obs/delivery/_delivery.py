"""All lines together: started by the first record, flushed and shut down within a deadline.

Nothing here waits for a lock. Whoever flushes sleeps on a bell of his own, which the worker and
the senders ring after each step; so `Delivery.flush` and `Delivery.shutdown` may be called by
several threads at once, and by a signal handler that interrupted one of them.
"""

import _thread
import logging
from collections.abc import Callable, Mapping, Sequence
from threading import Thread
from typing import Any

from testpilot_obs._core import diagnostics, identity
from testpilot_obs.delivery._bank import Bank
from testpilot_obs.delivery._bell import Bell, now
from testpilot_obs.delivery._gate import Gate
from testpilot_obs.delivery._ledger import DeliveryReport, Stats
from testpilot_obs.delivery._queue import SignalQueue
from testpilot_obs.delivery._sender import Sender
from testpilot_obs.delivery._source import MetricSource
from testpilot_obs.delivery._stages import Line
from testpilot_obs.delivery._worker import Errand, Worker
from testpilot_obs.protocols import Exporter, Signal

DEFAULT_TIMEOUT_S = 2.0
_SHARE_FOR_DISK, _MOST_FOR_DISK_S = 0.25, 0.25
"""How much of the time at the end is kept for writing to disk what was not sent."""
_GRACE = 0.4
"""How much of that time a try that is under way may use: one parcel is soon saved."""
_LEAST_FOR_DISK_S = 1.0
"""How long the worker may go on encoding for the disk if there is no time to send anything."""
_DISK_GRACE_S, _MOST_DISK_GRACE_S = 0.5, 2.0
"""How much longer than the deadline a disk may take that hangs; one that is slow but takes more
all the time."""


class Delivery:
    """From finished records to exporters; made by `build`.

    Args:
        resource: Attributes of this process.
        uses_threads: False to do all work in `flush` and `shutdown`, on the caller's thread.
    """

    def __init__(self, resource: Mapping[str, Any], *, uses_threads: bool = True) -> None:
        self.resource: Mapping[str, Any] = resource
        self._uses_threads = uses_threads
        self._lines: tuple[Line, ...] = ()
        self._gates: tuple[Gate, ...] = ()
        self._senders: tuple[Sender, ...] = ()
        self._report: DeliveryReport | None = None
        self._begin()

    def _begin(self) -> None:
        self._starting = _thread.allocate_lock()
        self._inline = _thread.allocate_lock()
        self._sleepers: list[Bell] = []
        self._worker = Worker(self._lines, on_progress=self.progress)
        self._bank = Bank(self._senders, on_progress=self.progress)

    def install(self, lines: Sequence[Line], gates: Sequence[Gate]) -> None:
        """Set what is delivered where; before the first record."""
        self._lines = tuple(lines)
        self._gates = tuple(gates)
        self._senders = tuple(sender for line in lines for sender in line.senders)
        self._begin()

    # -- for signals

    @property
    def signals(self) -> frozenset[Signal]:
        """Those that have a destination."""
        return frozenset(line.signal for line in self._lines)

    @property
    def is_shut_down(self) -> bool:
        """Whether `shutdown` has been completed."""
        return self._report is not None

    def queue(self, signal: Signal) -> SignalQueue:
        """Return where to append finished records; a queue that forgets, without destination."""
        for line in self._lines:
            if line.signal == signal and isinstance(line.intake, SignalQueue):
                return line.intake
        return SignalQueue(max_items=0, max_bytes=0, batch=1, wake=self.wake)

    def wake(self) -> None:
        """Let the worker look at its queues; starts it if it does not run. Never blocks."""
        if self.start():
            self._worker.bell.ring()

    def start(self) -> bool:
        """Start the threads unless they run; return False if there are none to be had."""
        if not self._uses_threads or self._report is not None:
            return False
        if not self._starting.acquire(blocking=False):
            return True
        try:
            # Thread.start() takes a lock of the threading module and waits for the thread, so it
            # is called from a raw thread, which takes and waits for nothing.
            _thread.start_new_thread(_run_named, (self._worker.run,))
        except RuntimeError:
            self._starting.release()
            return False
        return True

    def start_if_needed(self) -> None:
        """Start the threads if they have something to do before anything is recorded."""
        if self._collects() or any(sender.has_leftovers() for sender in self._senders):
            self.start()

    # -- for whoever ends or checks

    def flush(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> bool:
        """Deliver everything recorded so far; return whether all of it was accepted.

        Returns as soon as that is known. False: something was refused, or still waits and is
        tried further.
        """
        if self._report is not None or self._is_untouched():
            return True
        return self._deliver(now() + timeout_s)

    def forward(self, successor: "Delivery") -> None:
        """Let what still comes to these queues go to those of *successor*."""
        for line in self._lines:
            if isinstance(line.intake, SignalQueue):
                line.intake.close(successor.queue(line.signal))

    def keep_open(self, exporters: Sequence[Exporter]) -> None:
        """Do not close *exporters* at the end: somebody else uses them too."""
        for gate in self._gates:
            gate.keep_open(exporters)

    def shutdown(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> DeliveryReport:
        """Deliver what waits, then stop; a second call returns the same report at once.

        Records that come later are counted as lost, unless `forward` says otherwise.
        """
        if self._report is not None:
            return self._report
        began = now()
        deadline = began + timeout_s
        self._close_queues()
        if not self._is_untouched():
            self._deliver_last(began, timeout_s)
        self._stop(deadline)
        self._put_on_disk(deadline)
        for line in self._lines:
            line.close_books()
        report = DeliveryReport(self.stats(), took_s=now() - began)
        if self._report is None:
            self._report = report
            _tell(report)
        return self._report

    def stats(self) -> Stats:
        """Return the books as of now.

        For each signal recorded = delivered + spooled + dropped + queued.
        """
        return {line.signal: line.stats() for line in self._lines}

    def progress(self) -> None:
        """Wake everybody who flushes, to look whether it is enough."""
        for bell in tuple(self._sleepers):
            bell.ring()

    def after_fork(self) -> None:
        """Begin anew in a forked child: own identity, empty queues, no threads, no sockets."""
        was_started = self._starting.locked()
        self.resource = identity.refresh(self.resource)
        for gate in self._gates:
            gate.after_fork()
        for line in self._lines:
            line.after_fork(self.resource)
        self._begin()
        if was_started and self._collects():
            # Nobody appends metrics, so nobody would start the worker that sends them.
            self.start()

    # -- steps

    def _is_untouched(self) -> bool:
        is_empty = not any(len(line.intake) for line in self._lines)
        # What lies on disk is tried once more.
        is_over = all(sender.has_delivered(sender.accepted()) for sender in self._senders)
        return is_empty and is_over and not self._starting.locked() and not self._collects()

    def _collects(self) -> bool:
        return any(isinstance(line.intake, MetricSource) for line in self._lines)

    def _close_queues(self) -> None:
        for line in self._lines:
            if isinstance(line.intake, SignalQueue) and line.intake.is_open:
                line.intake.close()

    def _deliver_last(self, began: float, timeout_s: float) -> None:
        """Deliver as the process ends; what has a place on disk gets some of the time for it."""
        for_disk_s = min(timeout_s * _SHARE_FOR_DISK, _MOST_FOR_DISK_S)
        keeps_on_disk = any(sender.keeps_on_disk for sender in self._senders)
        for sender in self._senders:
            kept_s = for_disk_s if sender.keeps_on_disk else 0.0
            sender.limit(began + timeout_s - kept_s, grace_s=kept_s * _GRACE)
        if keeps_on_disk:
            # Tries that are under way are still heard while the threads are waited for.
            self._deliver(began + max(timeout_s - for_disk_s, _LEAST_FOR_DISK_S))
        else:
            self._deliver(began + timeout_s)

    def _deliver(self, deadline: float) -> bool:
        bell = Bell()
        self._sleepers.append(bell)
        try:
            lost = self._lost()
            is_settled = self._drain(bell, deadline) and self._settle(bell, deadline)
            return is_settled and self._lost() == lost
        finally:
            self._sleepers.remove(bell)

    def _drain(self, bell: Bell, deadline: float) -> bool:
        """Bring all records to the outlets."""
        errand = Errand()
        self._worker.ask(errand)
        for sender in self._senders:
            sender.hurry()
        if not self.start():
            self._work_inline()
        return _sleep_until(bell, deadline, lambda: errand.is_done)

    def _settle(self, bell: Bell, deadline: float) -> bool:
        """Wait until the senders have settled what they have, or cannot any more."""
        goals = [(sender, sender.accepted()) for sender in self._senders]

        def is_over() -> bool:
            return all(sender.is_at_rest(goal, deadline) for sender, goal in goals)

        if not self.start():
            self._send_inline(deadline)
        _sleep_until(bell, deadline, is_over)
        return all(sender.has_delivered(goal) for sender, goal in goals)

    def _stop(self, deadline: float) -> None:
        """Let the threads end."""
        bell = Bell()
        self._sleepers.append(bell)
        self._worker.stop()
        for sender in self._senders:
            sender.stop()
        if self._starting.locked():
            _sleep_until(bell, deadline, self._has_ended)
        else:
            self._worker.leave()
            for sender in self._senders:
                sender.leave()
        self._sleepers.remove(bell)

    def _put_on_disk(self, deadline: float) -> None:
        """Put on disk what was not sent; what takes too long counts as lost."""
        if not self._starting.locked():
            self._bank.run()
            return
        bell = Bell()
        self._sleepers.append(bell)
        before = self._spooled()
        self._bank.begin(self._worker)
        latest = max(deadline, now()) + _DISK_GRACE_S
        at_most = latest + _MOST_DISK_GRACE_S - _DISK_GRACE_S
        while not _sleep_until(bell, latest, lambda: self._bank.is_done):
            spooled = self._spooled()
            if spooled == before or latest >= at_most:
                break
            before, latest = spooled, latest + _DISK_GRACE_S
        self._sleepers.remove(bell)

    def _spooled(self) -> int:
        return sum(sender.books().spooled for sender in self._senders)

    def _has_ended(self) -> bool:
        return self._worker.has_ended and all(sender.has_ended for sender in self._senders)

    def _lost(self) -> int:
        return sum(stats.lost for stats in self.stats().values())

    # -- without threads: a limit is reached, the interpreter ends (3.12 starts none then), tests

    def _work_inline(self) -> None:
        if self._inline.acquire(blocking=False):
            try:
                self._worker.turn()
            finally:
                self._inline.release()

    def _send_inline(self, deadline: float) -> None:
        if not self._inline.acquire(blocking=False):
            return
        try:
            for place, sender in enumerate(self._senders):
                share_s = (deadline - now()) / (len(self._senders) - place)
                sender.send_all(now() + share_s)
        finally:
            self._inline.release()


def _run_named(run: Callable[[], object]) -> None:
    try:
        Thread(target=run, name="testpilot_obs worker", daemon=True).start()
    except RuntimeError:
        # The interpreter is about to end, but this raw thread is there and can do the work.
        run()


def _sleep_until(bell: Bell, deadline: float, is_over: Callable[[], bool]) -> bool:
    """Wait for *is_over*, asking after each ring; return its last answer."""
    while not is_over():
        left_s = deadline - now()
        if left_s <= 0 or not bell.wait(left_s):
            return is_over()
    return True


def _tell(report: DeliveryReport) -> None:
    if report.lost or report.spooled:
        diagnostics.say(logging.WARNING, "not everything was delivered: %s", report)
