"""How one thread wakes another, without a lock that a signal handler could find taken."""

import _thread

from testpilot_obs._core import clock

now = clock.monotonic
"""Seconds on the clock by which a bell sleeps: always the real one, as sleep is real too.

Bound once, so that the fake clock of a test does not confuse threads that run beside it.
"""


class Bell:
    """One sleeper, many ringers; rings that nobody waited for are remembered as one.

    Ringing releases a raw lock and never waits for anything, so a signal handler, ``__del__`` or
    any thread may ring at any moment. `threading.Event` and `threading.Condition` take an inner
    lock for it, and whoever is interrupted while holding that one can never ring again.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = _thread.allocate_lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the sleeper, now or as soon as it wants to sleep."""
        try:
            self._lock.release()
        except RuntimeError:
            return

    def wait(self, timeout_s: float) -> bool:
        """Sleep until rung, or for *timeout_s* seconds; return whether it was rung."""
        return self._lock.acquire(timeout=min(max(timeout_s, 0.0), _thread.TIMEOUT_MAX))
