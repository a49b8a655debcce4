"""Exceptions as structured frames, and the place that a line was written at; nothing raises."""

import sys
import traceback
from itertools import islice
from types import CodeType, FrameType
from typing import Any

from testpilot_obs import names
from testpilot_obs._core import diagnostics
from testpilot_obs._core.exceptions import MAX_MESSAGE, type_name
from testpilot_obs._core.values import freeze, text

_MOST_FRAMES = 50
_MOST_LINKS = 10
_MOST_IN_GROUP = 10
_DEEPEST_GROUP = 3
_MOST_LOCALS = 30
_LONGEST_LOCAL = 512
_NOT_THE_CALLER = ("testpilot_obs.logs", "structlog", "logging", "asyncio", "concurrent.futures")


def chain(error: BaseException, *, with_locals: bool = False) -> tuple[dict[str, Any], ...]:
    """Return *error* and what led to it, the latest first.

    Each has ``type``, ``message`` and ``frames`` (the innermost last), the later ones also
    ``relation``, ``"cause"`` or ``"context"``; a group has its ``exceptions``.

    Args:
        error: Any exception.
        with_locals: True to add ``locals`` to each frame.
    """
    try:
        return tuple(_links(error, with_locals=with_locals, depth=0))
    except Exception:
        diagnostics.warn_once("frames", "the frames of %s cannot be read", type(error))
        return ()


def caller() -> dict[str, Any]:
    """Return the function, file and line that a line was written at, by their OpenTelemetry names.

    The nearest frame that is neither ours nor structlog's nor of ``logging``.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # inspect.stack() reads all files
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if not module.startswith(_NOT_THE_CALLER):
            return place(_name_of(frame.f_code), frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return {}


def place(function: str, path: str, line: int) -> dict[str, Any]:
    """Return a place in the source by its OpenTelemetry names."""
    return {
        names.CODE_FUNCTION: text(function),
        names.CODE_FILE: text(path),
        names.CODE_LINE: line,
    }


def _links(error: BaseException, *, with_locals: bool, depth: int) -> list[dict[str, Any]]:
    links: list[dict[str, Any]] = []
    seen: set[int] = set()
    following: BaseException | None = error
    relation = ""
    while following is not None and id(following) not in seen and len(links) < _MOST_LINKS:
        seen.add(id(following))
        links.append(_described(following, relation, with_locals=with_locals, depth=depth))
        if following.__cause__ is not None:
            following, relation = following.__cause__, "cause"
        elif not following.__suppress_context__:
            following, relation = following.__context__, "context"
        else:
            following = None
    return links


def _described(
    error: BaseException, relation: str, *, with_locals: bool, depth: int
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "type": type_name(error),
        "message": text(error, MAX_MESSAGE),
        "frames": _frames_of(error, with_locals=with_locals),
    }
    if relation:
        described["relation"] = relation
    # ExceptionGroup is new in Python 3.11.
    inside = getattr(error, "exceptions", None)
    if isinstance(inside, tuple) and depth < _DEEPEST_GROUP:
        described["exceptions"] = tuple(
            tuple(_links(one, with_locals=with_locals, depth=depth + 1))
            for one in inside[:_MOST_IN_GROUP]
            if isinstance(one, BaseException)
        )
    return described


def _frames_of(error: BaseException, *, with_locals: bool) -> tuple[dict[str, Any], ...]:
    frames = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        described = {
            "function": text(_name_of(frame.f_code)),
            "file": text(frame.f_code.co_filename),
            "line": line,
        }
        if with_locals:
            described["locals"] = _locals_of(frame)
        frames.append(described)
    if len(frames) > _MOST_FRAMES:
        half = _MOST_FRAMES // 2
        frames = [*frames[:half], *frames[-half:]]
    return tuple(frames)


def _locals_of(frame: FrameType) -> dict[str, Any]:
    variables = islice(frame.f_locals.items(), _MOST_LOCALS)
    return {text(name): _shortened(freeze(value)) for name, value in variables}


def _shortened(value: Any) -> Any:
    return text(value, _LONGEST_LOCAL) if isinstance(value, str) else value


def _name_of(code: CodeType) -> str:
    # co_qualname is new in Python 3.11.
    return str(getattr(code, "co_qualname", code.co_name))
