"""The one thread that drains all queues; it encodes, and leaves waiting to the senders."""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Thread

from testpilot_obs._core import diagnostics
from testpilot_obs.delivery._bell import Bell, now
from testpilot_obs.delivery._sender import FOREVER, Sender
from testpilot_obs.delivery._stages import Line


class Errand:
    """A wish of somebody who flushes: drain everything that waits now, then tell."""

    __slots__ = ("is_done",)

    def __init__(self) -> None:
        self.is_done = False


class Worker:
    """Runs each line when it is due, when its queue is pressed, and on errands.

    Args:
        lines: One for each signal.
        on_progress: Called after an errand and at the end; wakes those who flush.
    """

    def __init__(self, lines: Sequence[Line], *, on_progress: Callable[[], object]) -> None:
        self._lines = lines
        self._on_progress = on_progress
        self._is_stopping = False
        self.bell = Bell()
        self._errands: deque[Errand] = deque()
        self._without_thread: list[Sender] = []
        self._last: Callable[[], object] | None = None
        self.has_ended = False

    def run(self) -> None:
        """Start the senders, work until `stop`, then `finish_with`; the body of the thread."""
        self._start_senders()
        while not self._is_stopping:
            self.bell.wait(self._pause_s())
            self.turn()
            self.step_senders(self._without_thread)
        for sender in self._without_thread:
            sender.leave()
        self.leave()
        while self._last is None:
            self.bell.wait(FOREVER)
        self._last()

    def turn(self) -> None:
        """Run the lines that have something to do."""
        errands = [self._errands.popleft() for _ in range(len(self._errands))]
        for line in self._lines:
            if errands or line.is_due():
                with diagnostics.guard(f"deliver {line.signal}"):
                    line.run(settle=bool(errands))
        for errand in errands:
            errand.is_done = True
        if errands:
            self._hurry(is_hurried=bool(self._errands))
            self._on_progress()

    def ask(self, errand: Errand) -> None:
        """Have *errand* done, as soon as possible."""
        self._errands.append(errand)
        self._hurry(is_hurried=True)
        self.bell.ring()

    def stop(self) -> None:
        """Begin no further turn."""
        self._is_stopping = True
        self._hurry(is_hurried=True)
        self.bell.ring()

    def finish_with(self, last: Callable[[], object]) -> bool:
        """Have *last* called on the thread that has ended its work; False if it has not."""
        if not self.has_ended:
            return False
        self._last = last
        self.bell.ring()
        return True

    def leave(self) -> None:
        """Let the exporters that the worker calls itself be closed."""
        if not self.has_ended:
            for line in self._lines:
                for outlet in line.direct:
                    outlet.leave()
            self.has_ended = True
            self._on_progress()

    def step_senders(self, senders: Sequence[Sender]) -> None:
        """Do the work of *senders*, which have no thread of their own, as far as it is due."""
        for sender in senders:
            while not self._is_stopping and sender.wait_s() <= 0:
                sender.step()

    def _hurry(self, *, is_hurried: bool) -> None:
        for line in self._lines:
            line.is_hurried = is_hurried

    def _pause_s(self) -> float:
        due = [line.due_at for line in self._lines]
        soonest = min(due, default=FOREVER) - now()
        return min([soonest, *(sender.wait_s() for sender in self._without_thread)])

    def _start_senders(self) -> None:
        for line in self._lines:
            for sender in line.senders:
                name = f"testpilot_obs {line.signal} to {sender.name}"
                try:
                    Thread(target=sender.run, name=name, daemon=True).start()
                except RuntimeError:
                    # No more threads, because of a limit or because the interpreter ends.
                    self._without_thread.append(sender)
