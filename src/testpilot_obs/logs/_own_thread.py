"""A thread of ours that sleeps until somebody rings; starting it and ringing never block."""

import _thread
import threading
from collections.abc import Callable
from contextlib import suppress


class OwnThread:
    """Runs *run* from the first `wake` on, as a daemon.

    A signal handler may wake it at any moment: no lock is waited for.

    Args:
        name: Of the thread.
        run: What it does; calls `sleep` whenever there is nothing to do.
    """

    def __init__(self, name: str, run: Callable[[], None]) -> None:
        self._name = name
        self._run = run
        self.forget()

    def forget(self) -> None:
        """Be without a thread again, as in a forked child."""
        self._bell = _thread.allocate_lock()
        self._bell.acquire()
        self._starting = _thread.allocate_lock()
        self._is_started = False

    def wake(self) -> bool:
        """Let the thread go on; return False if there is none and can be none."""
        if not (self._is_started or self._start()):
            return False
        self.ring()
        return True

    def ring(self) -> None:
        """Let the thread go on if it runs."""
        with suppress(RuntimeError):
            self._bell.release()

    def sleep(self, timeout_s: float = -1) -> None:
        """Return when somebody rings, or has done so since the last time, or after *timeout_s*."""
        self._bell.acquire(timeout=timeout_s)

    def _start(self) -> bool:
        if not self._starting.acquire(blocking=False):
            return True
        try:
            # Thread.start() waits for the thread, and takes a lock that a signal handler which logs
            # may find taken.
            _thread.start_new_thread(self._run_named, ())
        except RuntimeError:
            # No more threads, or the interpreter ends.
            self._starting.release()
            return False
        self._is_started = True
        return True

    def _run_named(self) -> None:
        with suppress(RuntimeError):
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            thread.start()
            return
        self._run()
