"""What a span keeps of an exception, and how it is kept only once on its way up the stack."""

import inspect
import traceback
from typing import Any

from testpilot_obs import names
from testpilot_obs._core import diagnostics
from testpilot_obs._core.values import MAX_TEXT, text

_MAX_MESSAGE = 8_192
_MOST_REMEMBERED = 31
_LONGEST_WAY = 64
_GENERATOR = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def describe(error: BaseException, *, escaped: bool) -> dict[str, Any]:
    """Return the ``exception.*`` attributes of *error*; never raises.

    Source: OpenTelemetry semantic conventions, "Recording exceptions".
    """
    return {
        names.EXCEPTION_TYPE: type_name(error),
        names.EXCEPTION_MESSAGE: text(error, _MAX_MESSAGE),
        names.EXCEPTION_STACKTRACE: _stacktrace(error),
        names.EXCEPTION_ESCAPED: str(escaped),
    }


def status_text(error: BaseException) -> str:
    """Return ``"ValueError: message"``, the description of a failed span's status."""
    return f"{type(error).__name__}: {text(error, _MAX_MESSAGE)}"


def type_name(error: BaseException) -> str:
    """Return the qualified name of the class of *error*, builtins without their module."""
    kind = type(error)
    module = kind.__module__
    if not module or module == "builtins":
        return kind.__qualname__
    return f"{module}.{kind.__qualname__}"


def remember(error: BaseException, *traces: Any) -> None:
    """Note for each of the local *traces* that *error* has been recorded as it came so far.

    A reference to it would keep all frames and their variables alive, and builtin exceptions
    cannot be referred to weakly. So its identity, class, message and way are kept: the last two
    tell it from a new exception that was made at the address of an old one.
    """
    mark = _mark(error)
    for trace in traces:
        trace.recorded = (mark, *_recorded(trace)[:_MOST_REMEMBERED])


def is_recorded(error: BaseException, trace: Any) -> bool:
    """Return whether *error* was recorded in the local *trace* before it came up to here."""
    marks = _recorded(trace)
    if not marks:
        return False
    here = _mark(error)
    return any(mark[0] == here[0] and _is_one_way(mark[1], here[1]) for mark in marks)


def _recorded(trace: Any) -> tuple[Any, ...]:
    return getattr(trace, "recorded", ())


def _mark(error: BaseException) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return what *error* is, and the places it came through, the one of its raise last."""
    way: list[Any] = []
    entry = error.__traceback__
    while entry is not None:
        code = entry.tb_frame.f_code
        # contextlib shows an exception to its generator, and then takes that place back.
        if way or entry.tb_next is None or not code.co_flags & _GENERATOR:
            way.append((id(code), entry.tb_lasti))
        entry = entry.tb_next
    return (id(error), type(error), text(error, 256)), tuple(way[-_LONGEST_WAY:])


def _is_one_way(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Return whether one way leads on from the other."""
    shorter = min(len(one), len(other))
    return shorter > 0 and one[-shorter:] == other[-shorter:]


def _stacktrace(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        return _keep_both_ends("".join(lines))
    except Exception:
        diagnostics.warn_once("stacktrace", "a stack trace of %s cannot be made", type(error))
        return ""


def _keep_both_ends(trace: str) -> str:
    """Cut the middle out of a very long trace: its ends say who called and what went wrong."""
    if len(trace) <= MAX_TEXT:
        return text(trace)
    half = MAX_TEXT // 2 - 64
    return text(f"{trace[:half]}\n… [cut, {len(trace)} characters]\n{trace[-half:]}")
