"""What must be made new in a forked child: one list of callbacks, run in the order of addition."""

import os
import weakref
from collections.abc import Callable
from typing import Any

from testpilot_obs._core import diagnostics, ids

_callbacks: list[Callable[[], Callable[[], Any] | None]] = []
_registered: list[bool] = []


def after_in_child(callback: Callable[[], Any]) -> None:
    """Call *callback* in each forked child; a bound method is held weakly."""
    if not _registered and hasattr(os, "register_at_fork"):
        _registered.append(True)
        os.register_at_fork(after_in_child=_run)
    _callbacks[:] = [reference for reference in _callbacks if reference() is not None]
    if hasattr(callback, "__self__"):
        _callbacks.append(weakref.WeakMethod(callback))
    else:
        _callbacks.append(lambda: callback)


def _run() -> None:
    ids.reseed()
    for reference in _callbacks.copy():
        callback = reference()
        if callback is not None:
            with diagnostics.guard("start again in a forked child"):
                callback()
