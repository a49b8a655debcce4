"""What must be ready before a fork, and made new in the child: two lists, each in its order."""

import importlib
import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from testpilot_obs._core import diagnostics, ids

_callbacks: list[Callable[[], Callable[[], Any] | None]] = []
_needed: dict[str, None] = {}
_registered: list[bool] = []


def after_in_child(callback: Callable[[], Any]) -> None:
    """Call *callback* in each forked child; a bound method is held weakly."""
    _register()
    _callbacks[:] = [reference for reference in _callbacks if reference() is not None]
    if hasattr(callback, "__self__"):
        _callbacks.append(weakref.WeakMethod(callback))
    else:
        _callbacks.append(lambda: callback)


def needs(*modules: str) -> None:
    """Import *modules*, those that are installed, before the first fork.

    For what is imported when it is first used. A child that imports what another thread of its
    parent was importing at the moment of the fork would wait for that thread, which it has not.
    """
    _register()
    _needed.update(dict.fromkeys(modules))


def _register() -> None:
    if not _registered and hasattr(os, "register_at_fork"):
        _registered.append(True)
        os.register_at_fork(before=_prepare, after_in_child=_run)


def _prepare() -> None:
    while _needed:
        with suppress(KeyError):
            name, _ = _needed.popitem()
            with diagnostics.guard("prepare for a fork"), suppress(ImportError):
                importlib.import_module(name)


def _run() -> None:
    ids.reseed()
    for reference in _callbacks.copy():
        callback = reference()
        if callback is not None:
            with diagnostics.guard("start again in a forked child"):
                callback()
