"""Threads and executors that carry the context by themselves, while the library is on.

A new thread has an empty context, so work handed to it would begin traces of its own. Two
methods of the standard library are wrapped between `carry` and `stop_carrying`; they do nothing
more when nothing is current.
"""

import threading
from collections.abc import Callable
from typing import Any

from testpilot_obs.tracing._propagation import Snapshot

_originals: dict[str, Callable[..., Any]] = {}


def carry() -> None:
    """Let threads and executors carry the context from now on."""
    from concurrent.futures import ThreadPoolExecutor  # not at import: 4 ms

    if threading.Thread.start is not _start:
        _originals["start"] = threading.Thread.start
        threading.Thread.start = _start  # type: ignore[method-assign,assignment]
    if ThreadPoolExecutor.submit is not _submit:
        _originals["submit"] = ThreadPoolExecutor.submit
        ThreadPoolExecutor.submit = _submit  # type: ignore[method-assign]


def stop_carrying() -> None:
    """Undo `carry`; where somebody wrapped our method in the meantime, it stays."""
    from concurrent.futures import ThreadPoolExecutor

    if threading.Thread.start is _start:
        threading.Thread.start = _originals["start"]  # type: ignore[method-assign]
    if ThreadPoolExecutor.submit is _submit:
        ThreadPoolExecutor.submit = _originals["submit"]  # type: ignore[method-assign]


def _start(thread: threading.Thread, *args: Any, **kwargs: Any) -> Any:
    """Start *thread* with what is current now; an executor's thread outlives that, so not it."""
    snapshot = Snapshot()
    target = getattr(thread, "_target", None)
    is_worker = getattr(target, "__module__", "") == "concurrent.futures.thread"
    if not is_worker and not snapshot.is_empty() and not thread.name.startswith("testpilot_obs"):
        run = thread.run

        def run_with_context() -> None:
            # Give the thread its own method back: an attribute that refers to it is a cycle.
            del thread.run
            with snapshot.entered():
                run()

        thread.run = run_with_context  # type: ignore[method-assign]
    return _originals["start"](thread, *args, **kwargs)


def _submit(executor: Any, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Submit *function* with what is current now."""
    snapshot = Snapshot()

    def call(*args: Any, **kwargs: Any) -> Any:
        with snapshot.entered():
            return function(*args, **kwargs)

    return _originals["submit"](executor, call, *args, **kwargs)
