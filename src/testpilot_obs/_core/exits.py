"""The ways in which a process ends, and one callback for all of them.

Return from main, ``sys.exit``, an unhandled exception and Ctrl-C end in `atexit`; a forked child
of ``multiprocessing``, celery, RQ or ``socketserver`` ends in ``os._exit``; SIGTERM ends without
anything. Not covered: SIGKILL, a crash, and ``from os import _exit`` that ran before us.
"""

import _thread
import atexit
import functools
import operator
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, SupportsIndex

from testpilot_obs._core import clock
from testpilot_obs._core.sigterm import Termination

_GRACE_S = 0.5
"""How much longer than its time the callback may take before ``os._exit`` goes on without it."""


class Exits:
    """Calls *end* whenever this process, or a forked child of it, is about to end.

    It may be called several times, by a signal handler while it runs, too. All calls share one
    deadline, which begins with the first.

    Args:
        end: Given how many seconds it may take.
        budget_s: Returns how many seconds there are from the beginning of the end.
    """

    def __init__(self, end: Callable[[float], object], budget_s: Callable[[], float]) -> None:
        self._end = end
        self._budget_s = budget_s
        self._deadline: float | None = None
        self._is_leaving = False
        self.termination = Termination(self.end_in_time)
        self.termination.watch()
        atexit.register(self.at_end)
        self._watch_leaving()
        self._watch_raising()

    def after_fork(self) -> None:
        """Begin anew in a forked child: its end is yet to come."""
        self._deadline = None
        self._is_leaving = False
        self.termination.after_fork()

    def at_end(self) -> None:
        """Call back before the interpreter ends; a second Ctrl-C ends that at once."""
        with suppress(KeyboardInterrupt):
            self.end_in_time()
        self.termination.stop()

    def end_in_time(self) -> None:
        """Call back with the time that is left."""
        self._end(self._left_s())

    def _left_s(self) -> float:
        """Return how many seconds are left, from the first time this is asked on."""
        now = clock.monotonic()
        if self._deadline is None:
            self._deadline = now + self._budget_s()
        return max(self._deadline - now, 0.0)

    def _watch_leaving(self) -> None:
        """Call back before ``os._exit``, which forked children end with."""
        real = os._exit

        @functools.wraps(real)
        def leave(status: SupportsIndex) -> NoReturn:
            self._before_leaving(real, operator.index(status))

        os._exit = leave

    def _watch_raising(self) -> None:
        """Call back before the process ends itself by SIGTERM, as uvicorn does.

        Its worker in gunicorn takes away all handlers, ours too if there was one before the fork.
        """
        real = signal.raise_signal

        @functools.wraps(real)
        def raise_signal(signalnum: int, /) -> None:
            if signalnum == signal.SIGTERM and signal.getsignal(signalnum) is signal.SIG_DFL:
                self.end_in_time()
            real(signalnum)

        signal.raise_signal = raise_signal

    def _before_leaving(self, real: Callable[[int], NoReturn], status: int) -> NoReturn:
        """Call back, then call *real*; at once if that was called while the callback runs."""
        try:
            if not self._is_leaving:
                self._is_leaving = True
                left_s = self._left_s()
                with suppress(RuntimeError):
                    _thread.start_new_thread(_leave_late, (real, status, left_s + _GRACE_S))
                self._end(left_s)
        finally:
            real(status)


def _leave_late(real: Callable[[int], NoReturn], status: int, limit_s: float) -> None:
    """End the process even if the callback hangs, on a lock that a fork has left for ever."""
    time.sleep(limit_s)
    real(status)
