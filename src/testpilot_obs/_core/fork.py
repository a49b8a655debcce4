"""What must be made new in a forked child: one list of callbacks, run in the order of addition."""

import os
import weakref
from collections.abc import Callable
from typing import Any

from testpilot_obs._core import diagnostics, ids

_callbacks: list[Callable[[], Callable[[], Any] | None]] = []


def after_in_child(callback: Callable[[], Any]) -> None:
    """Call *callback* in each forked child; a bound method is held weakly."""
    if not _callbacks and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_run)
    if hasattr(callback, "__self__"):
        _callbacks.append(weakref.WeakMethod(callback))
    else:
        _callbacks.append(lambda: callback)


def _run() -> None:
    ids.reseed()
    for reference in list(_callbacks):
        callback = reference()
        if callback is None:
            _callbacks.remove(reference)
            continue
        with diagnostics.guard("start again in a forked child"):
            callback()
