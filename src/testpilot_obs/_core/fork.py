"""What is done before a fork, and made new in the child: callbacks, in the order of addition."""

import importlib
import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from testpilot_obs._core import diagnostics, ids

_Callbacks = list[Callable[[], Callable[[], Any] | None]]
_before: _Callbacks = []
_in_child: _Callbacks = []
_needed: dict[str, None] = {}
_registered: list[bool] = []


def before(callback: Callable[[], Any]) -> None:
    """Call *callback* before each fork, in the parent; a bound method is held weakly."""
    _add(_before, callback)


def after_in_child(callback: Callable[[], Any]) -> None:
    """Call *callback* in each forked child; a bound method is held weakly."""
    _add(_in_child, callback)


def needs(*modules: str) -> None:
    """Import *modules*, those that are installed, before the first fork.

    For what is imported when it is first used. A child that imports what another thread of its
    parent was importing at the moment of the fork would wait for that thread, which it has not.
    """
    _register()
    _needed.update(dict.fromkeys(modules))


def _add(callbacks: _Callbacks, callback: Callable[[], Any]) -> None:
    _register()
    callbacks[:] = [reference for reference in callbacks if reference() is not None]
    if hasattr(callback, "__self__"):
        callbacks.append(weakref.WeakMethod(callback))
    else:
        callbacks.append(lambda: callback)


def _register() -> None:
    if not _registered and hasattr(os, "register_at_fork"):
        _registered.append(True)
        os.register_at_fork(before=_run_before, after_in_child=_run_in_child)


def _run_before() -> None:
    while _needed:
        with suppress(KeyError):
            name, _ = _needed.popitem()
            with diagnostics.guard("prepare a fork"), suppress(ImportError):
                importlib.import_module(name)
    _run(_before, "prepare a fork")


def _run_in_child() -> None:
    ids.reseed()
    _run(_in_child, "start again in a forked child")


def _run(callbacks: _Callbacks, doing: str) -> None:
    for reference in callbacks.copy():
        callback = reference()
        if callback is not None:
            with diagnostics.guard(doing):
                callback()
