"""Putting on disk what was not sent, on a thread that the end of the process can leave behind.

A disk may hang, as one over the network does, and nothing wakes the thread that writes to it.
"""

import _thread
from collections.abc import Callable, Sequence

from testpilot_obs._core import diagnostics
from testpilot_obs.delivery._sender import Sender
from testpilot_obs.delivery._worker import Worker


class Bank:
    """Lets all *senders* put on disk what they have; once, whoever asks for it.

    Args:
        senders: Those that will send no more.
        on_progress: Called when all is done; wakes those who wait for it.
    """

    def __init__(self, senders: Sequence[Sender], *, on_progress: Callable[[], object]) -> None:
        self._senders = senders
        self._on_progress = on_progress
        self._begun = _thread.allocate_lock()
        self.is_done = False
        """Whether all is on disk that has a place there."""

    def begin(self, worker: Worker) -> None:
        """Begin on the thread of *worker*, which has nothing else to do, or on a new one.

        At the end of the interpreter there are no new ones, from Python 3.12 on. If *worker* is
        held up then, nothing is put on disk, as the end would be held up as well.
        """
        if not worker.finish_with(self._run_once):
            with diagnostics.guard("keep on disk what was not sent"):
                _thread.start_new_thread(self._run_once, ())

    def run(self) -> None:
        """Do it, on this thread."""
        for sender in self._senders:
            with diagnostics.guard("keep on disk what was not sent"):
                sender.bank()
        self.is_done = True
        self._on_progress()

    def _run_once(self) -> None:
        # Asked here and not in `begin`, which a signal handler that ends the process may interrupt.
        if self._begun.acquire(blocking=False):
            self.run()
