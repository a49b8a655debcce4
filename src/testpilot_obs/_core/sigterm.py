"""SIGTERM: what waits is delivered, then the process dies by it, as it would have.

A handler of Python runs in the main thread, between two of its steps. A signal that comes just
before that thread goes to sleep in C is slept through: a worker of a ``multiprocessing`` pool that
is told to end as it begins to wait for work would wait for ever, and the pool for it. Without a
handler the kernel would have ended it, so in those children a thread of ours is woken by the
signal as well (`signal.set_wakeup_fd`), and sends it to the main thread until that has heard.
"""

import _thread
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from threading import get_ident
from types import BuiltinFunctionType, FrameType
from typing import Any

_INIT_PID = 1
_AGAIN_S = 0.05
_TRIES = 100
_NO_FILE = -1
_BUFFER_BYTES = 1024


class Termination:
    """Calls *end* when SIGTERM comes, then lets the process die by it.

    Where the application handles or ignores the signal, nothing is done. Handlers can be set in
    the main thread only: where `watch` is called by another, the signal keeps its meaning.

    Args:
        end: Called in the main thread.
    """

    def __init__(self, end: Callable[[], object]) -> None:
        self._end = end
        self._is_heard = False
        self._pipe: tuple[int, int] | None = None
        self._listener_pid = 0
        _hold_during_forks()

    @property
    def is_watched(self) -> bool:
        """Whether our handler is there."""
        return signal.getsignal(signal.SIGTERM) == self._on_signal

    def watch(self) -> None:
        """Handle the signal from now on; may be called again at any time."""
        # The kernel lets SIGTERM pass process 1 by unless it is handled, so it goes on with us too.
        is_free = signal.getsignal(signal.SIGTERM) in {signal.SIG_DFL, self._on_signal}
        if not is_free or os.getpid() == _INIT_PID:
            return
        try:
            signal.signal(signal.SIGTERM, self._on_signal)
        except ValueError:
            return
        self._heed_multiprocessing()

    def stop(self) -> None:
        """Give the signal back its meaning."""
        with suppress(ValueError):
            if self.is_watched:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def after_fork(self) -> None:
        """Watch in a forked child, whose end is yet to come."""
        self._is_heard = False
        self.watch()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._is_heard = True
        if os.getpid() == _INIT_PID:
            return
        try:
            self._end()
        finally:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _heed_multiprocessing(self) -> None:
        """Listen in a child of ``multiprocessing``, now or as soon as this has become one."""
        util: Any = sys.modules.get("multiprocessing.util")
        if util is None:
            return
        process: Any = sys.modules.get("multiprocessing.process")
        if process.parent_process() is not None:
            self.listen()
        else:
            util.register_after_fork(self, Termination.listen)

    def listen(self) -> None:
        """Make sure that the main thread, which calls this, sleeps through no SIGTERM."""
        if self._listener_pid == os.getpid() or not _has_threads() or not self.is_watched:
            return
        inherited, self._pipe = self._pipe, None
        pipe = os.pipe()
        os.set_blocking(pipe[1], False)
        previous = _NO_FILE
        with suppress(ValueError):
            previous = signal.set_wakeup_fd(pipe[1], warn_on_full_buffer=False)
        if previous not in {_NO_FILE, inherited[1] if inherited else _NO_FILE}:
            # An event loop is woken by it already, so it does not sleep through anything either.
            signal.set_wakeup_fd(previous)
            _close(pipe)
            return
        if inherited:
            _close(inherited)
        try:
            _thread.start_new_thread(self._insist, (pipe[0], get_ident()))
        except RuntimeError:
            signal.set_wakeup_fd(_NO_FILE)
            _close(pipe)
            return
        self._pipe = pipe
        self._listener_pid = os.getpid()

    def _insist(self, reader: int, main: int) -> None:
        """Send each SIGTERM again until the main thread has heard of it."""
        while True:
            try:
                numbers = os.read(reader, _BUFFER_BYTES)
            except OSError:
                return
            if not numbers:
                return
            if signal.SIGTERM in numbers:
                break
        for _ in range(_TRIES):
            time.sleep(_AGAIN_S)
            if self._is_heard or not self.is_watched:
                return
            signal.pthread_kill(main, signal.SIGTERM)


def _close(pipe: tuple[int, int]) -> None:
    for file in pipe:
        with suppress(OSError):
            os.close(file)


def _has_threads() -> bool:
    """Return whether threads are real; gevent's are not, and would stop all others."""
    is_real = isinstance(_thread.start_new_thread, BuiltinFunctionType)
    return is_real and hasattr(signal, "pthread_kill")


_masks: dict[int, Any] = {}


def _hold_during_forks() -> None:
    """Let a SIGTERM that reaches a child while it is being forked come when that is done.

    Python forgets what a handler of its own was called for before the fork is complete, so a
    child that is asked to end as soon as it is born would never hear of it.
    """
    if _masks or not hasattr(os, "register_at_fork"):
        return
    _masks[0] = ()
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_release)


def _hold() -> None:
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    _masks[get_ident()] = mask


def _release() -> None:
    mask = _masks.pop(get_ident(), None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
