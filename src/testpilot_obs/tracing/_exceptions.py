"""What a span keeps of an exception, and how it is kept only once on its way up the stack."""

import traceback
from typing import Any

from testpilot_obs import names
from testpilot_obs._core import diagnostics
from testpilot_obs._core.values import MAX_TEXT, text

_MAX_MESSAGE = 8_192


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


def mark(error: BaseException) -> tuple[Any, ...]:
    """Return what tells *error* from every other exception while it travels up the stack.

    Its identity, its class and the place where it was raised. A reference would keep all frames
    and their variables alive, and builtin exceptions cannot be referred to weakly; the place
    tells a new exception from one that was freed at the same address.
    """
    innermost = error.__traceback__
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    if innermost is None:
        return (id(error), type(error))
    return (id(error), type(error), id(innermost.tb_frame.f_code), innermost.tb_lasti)


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
