"""SIGTERM, noticed by a thread of our own.

A handler of Python runs in the main thread, between two of its steps. A signal that comes just
before that thread goes to sleep is slept through: a worker of a ``multiprocessing`` pool that is
told to end as it begins to wait for work would wait for ever, and the pool for it. A handler
also interrupts whatever that thread is in the middle of, and the locks it holds.

So the signal is caught in C, by `faulthandler`, which writes to a pipe that a thread of ours
reads. The main thread goes on meanwhile; nothing is interrupted, and nothing slept through.
"""

import _thread
import faulthandler
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from threading import get_ident
from types import BuiltinFunctionType, FrameType
from typing import Any

_INIT_PID = 1
_TRACEBACK_BYTES = 65_536
"""What `faulthandler` has to say at most, which nobody reads."""


class Termination:
    """Calls *end* when SIGTERM comes, then lets the process die by it, as it would have.

    Where the application handles or ignores the signal, nothing is done.

    Args:
        end: Called in a thread of our own, or in the main thread where that is impossible.
    """

    def __init__(self, end: Callable[[], object]) -> None:
        self._end = end
        self._pipe: tuple[int, int] | None = None
        self._inodes: tuple[int, int] = (0, 0)
        self.is_watched = False
        _hold_during_forks()

    def watch(self) -> None:
        """Notice the signal from now on; may be called again at any time, by any thread."""
        # The kernel lets SIGTERM pass process 1 by unless it is handled, so it goes on with us too.
        if not self._is_free() or os.getpid() == _INIT_PID:
            return
        faults = _signal_catcher()
        writer = None if faults is None else self._listen()
        if faults is None or writer is None:
            self._handle()
            return
        # What is remembered here, and put back by unregister(), is the default of C: to die.
        faults.register(signal.SIGTERM, writer, all_threads=False)
        # For those who keep the handler of Python, set their own and put ours back, as uvicorn
        # does; nothing but the main thread may do that.
        self._handle()
        faults.unregister(signal.SIGTERM)
        faults.register(signal.SIGTERM, writer, all_threads=False)
        self.is_watched = True

    def stop(self) -> None:
        """Give the signal back its meaning."""
        if self.is_watched and self._is_free():
            self._restore()
        self.is_watched = False

    def after_fork(self) -> None:
        """Watch in a forked child, which shares the pipe with its parent so far."""
        self.is_watched = False
        pipe, self._pipe = self._pipe, None
        for file, inode in zip(pipe or (), self._inodes, strict=False):
            # A daemon closes all files and opens others, which are not ours to close.
            with suppress(OSError):
                if os.fstat(file).st_ino == inode:
                    os.close(file)
        self.watch()

    def _is_free(self) -> bool:
        return signal.getsignal(signal.SIGTERM) in {signal.SIG_DFL, self._on_signal}

    def _handle(self) -> None:
        with suppress(ValueError):
            # Not the main thread: the thread of ours is all there is.
            signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() == _INIT_PID:
            return
        try:
            self._end()
        finally:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _listen(self) -> int | None:
        """Return where to write to be heard; None if no thread is to be had."""
        if self._pipe is not None:
            return self._pipe[1]
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        self._pipe = reader, writer
        self._inodes = os.fstat(reader).st_ino, os.fstat(writer).st_ino
        try:
            _thread.start_new_thread(self._wait, (reader,))
        except RuntimeError:
            self._pipe = None
            os.close(reader)
            os.close(writer)
            return None
        return writer

    def _wait(self, reader: int) -> None:
        try:
            is_heard = bool(os.read(reader, _TRACEBACK_BYTES))
        except OSError:
            is_heard = False
        if is_heard:
            try:
                self._end()
            finally:
                self._restore()
                os.kill(os.getpid(), signal.SIGTERM)
        else:
            # Somebody closed all files, as daemons do.
            self._pipe = None
            self.watch()

    @staticmethod
    def _restore() -> None:
        faulthandler.unregister(signal.SIGTERM)


def _signal_catcher() -> Any:
    """Return `faulthandler` where it and real threads are to be had; gevent has none."""
    has_threads = isinstance(_thread.start_new_thread, BuiltinFunctionType)
    return faulthandler if has_threads and hasattr(faulthandler, "register") else None


_masks: dict[int, Any] = {}


def _hold_during_forks() -> None:
    """Let a SIGTERM that reaches a child while it is being forked come when that is done.

    Until then it would be written to the pipe of the parent, and a handler of Python would never
    be called: what a handler is to be called for is forgotten before the fork is complete.
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
