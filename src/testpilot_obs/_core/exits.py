"""The ways in which a process ends, and one callback for all of them.

Return from main, ``sys.exit``, an unhandled exception and Ctrl-C end in `atexit`; a child of
``multiprocessing`` ends without it, in ``os._exit`` after its own finalizers; SIGTERM ends
without anything. Not covered: ``os._exit`` called by the application, SIGKILL.
"""

import atexit
import os
import signal
import sys
from collections.abc import Callable
from threading import get_ident
from types import FrameType
from typing import Any

_LAST = -100
"""Priority among multiprocessing's finalizers: after its queues (-5) have been written out."""
_INIT_PID = 1


class Exits:
    """Calls *end* whenever this process, or a forked child of it, is about to end.

    It may be called several times, by a signal handler while it runs, too.
    """

    def __init__(self, end: Callable[[], object]) -> None:
        self._end = end
        atexit.register(end)
        _hold_signal_during_forks()
        self.watch_signal()
        self.watch_multiprocessing()

    def watch_signal(self) -> None:
        """Handle SIGTERM unless the application does; main thread only, others cannot."""
        try:
            if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
                signal.signal(signal.SIGTERM, self._on_signal)
        except ValueError:
            # Not the main thread: whoever started it keeps the default.
            return

    def watch_multiprocessing(self) -> None:
        """Have *end* called at the end of a ``multiprocessing`` child.

        To be called again in a forked child. Children forget the finalizers they were born with
        before their target runs, but keep what is registered for after a fork.
        """
        util: Any = sys.modules.get("multiprocessing.util")
        if util is None:
            return
        util.register_after_fork(self, Exits._finalize)
        process: Any = sys.modules.get("multiprocessing.process")
        if process.parent_process() is not None:
            self._finalize()

    def _finalize(self) -> None:
        util: Any = sys.modules["multiprocessing.util"]
        util.Finalize(None, self._end, exitpriority=_LAST)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() == _INIT_PID:
            # The kernel lets SIGTERM pass process 1 by, so it goes on; so do we.
            return
        self._end()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


_masks: dict[int, Any] = {}


def _hold_signal_during_forks() -> None:
    """Let a SIGTERM that reaches a child while it is being forked come when that is done.

    Python forgets what a handler of its own was called for before the fork is complete, so a
    child that is asked to end as soon as it is born would never hear of it: a pool of
    ``multiprocessing`` that is closed while it replaces a worker would wait for ever.
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
