"""What is told of an exception, the same for spans and log lines; nothing here raises."""

import traceback

from testpilot_obs._core import diagnostics
from testpilot_obs._core.values import MAX_TEXT, text

MAX_MESSAGE = 8_192
"""Longest message of an exception that is kept, in characters."""


def type_name(error: BaseException) -> str:
    """Return the qualified name of the class of *error*, builtins without their module."""
    kind = type(error)
    module = kind.__module__
    if not module or module == "builtins":
        return kind.__qualname__
    return f"{module}.{kind.__qualname__}"


def stacktrace(error: BaseException) -> str:
    """Return the traceback of *error*, with its causes, as Python prints it; or nothing."""
    try:
        told = traceback.TracebackException(type(error), error, error.__traceback__)
        _shorten_messages(told)
        return _keep_both_ends("".join(told.format()))
    except Exception:
        diagnostics.warn_once("stacktrace", "a stack trace of %s cannot be made", type(error))
        return ""


def _shorten_messages(told: traceback.TracebackException) -> None:
    """Cut what was said at great length, before it is taken apart into lines (40 ms for 10 MB)."""
    waiting, seen = [told], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        message = getattr(one, "_str", "")
        if len(message) > MAX_TEXT:
            vars(one)["_str"] = _keep_both_ends(message)
        others = (one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ()))
        waiting += [other for other in others if other is not None]


def _keep_both_ends(trace: str) -> str:
    """Cut the middle out of a very long trace: its ends say who called and what went wrong."""
    if len(trace) <= MAX_TEXT:
        return text(trace)
    half = MAX_TEXT // 2 - 64
    return text(f"{trace[:half]}\n… [cut, {len(trace)} characters]\n{trace[-half:]}")
