"""Exceptions that nobody caught, and warnings, as lines.

Those of asyncio tasks need nothing: the event loop logs them with ``logging``.
"""

import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

from testpilot_obs.logs import _pipeline
from testpilot_obs.logs._console import Console
from testpilot_obs.logs._line import Origin

LOGGER = "uncaught"
"""Name of the logger of these lines."""


class Uncaught:
    """Takes the three hooks of Python and ``warnings``, and gives them back.

    Python's own hooks print a traceback. If we print lines they are not called, as the line has
    the traceback; if we do not, or the hook is the application's, it is called as before.
    """

    def __init__(self) -> None:
        self._before: dict[tuple[Any, str], tuple[Any, Any]] = {}
        self._captures_warnings = False

    def open(self) -> None:
        """Take the hooks."""
        self._take(sys, "excepthook", default=sys.__excepthook__, write=_of_main)
        self._take(threading, "excepthook", default=threading.__excepthook__, write=_of_thread)
        self._take(sys, "unraisablehook", default=sys.__unraisablehook__, write=_unraisable)
        if getattr(logging, "_warnings_showwarning", None) is None:
            logging.captureWarnings(capture=True)
            self._captures_warnings = True

    def close(self) -> None:
        """Give back those that nobody has taken since."""
        for (module, name), (ours, before) in self._before.items():
            if getattr(module, name) is ours:
                setattr(module, name, before)
        self._before.clear()
        if self._captures_warnings:
            logging.captureWarnings(capture=False)
            self._captures_warnings = False

    def _take(self, module: Any, name: str, *, default: Any, write: Callable[..., bool]) -> None:
        before = getattr(module, name)

        def hook(*arguments: Any) -> None:
            prints = before is default and any(
                isinstance(sink, Console) for sink in _pipeline.state.sinks
            )
            if not write(*arguments, is_printed=not prints) or not prints:
                before(*arguments)

        self._before[module, name] = (hook, before)
        setattr(module, name, hook)


def _of_main(
    kind: type[BaseException], error: BaseException | None, _trace: Any, *, is_printed: bool
) -> bool:
    if not issubclass(kind, Exception):
        return False
    return _write("uncaught exception", error, "critical", is_printed=is_printed)


def _of_thread(arguments: Any, *, is_printed: bool) -> bool:
    if not issubclass(arguments.exc_type, Exception):
        return False
    name = getattr(arguments.thread, "name", "")
    return _write(
        "uncaught exception in a thread",
        arguments.exc_value,
        "error",
        is_printed=is_printed,
        thread=name,
    )


def _unraisable(arguments: Any, *, is_printed: bool) -> bool:
    where = arguments.err_msg or "exception ignored"
    return _write(
        where,
        arguments.exc_value,
        "error",
        is_printed=is_printed,
        object=getattr(arguments.object, "__qualname__", type(arguments.object).__name__),
    )


def _write(
    event: str, error: BaseException | None, method: str, *, is_printed: bool, **fields: Any
) -> bool:
    if error is None:
        return False
    fields["exc_info"] = error
    _pipeline.emit(Origin(LOGGER, is_printed=is_printed), method, (event, (), fields))
    return True
