"""A line for people: aligned, coloured at a terminal, one ``key=value`` after the other."""

import io
import re
from typing import Any

from testpilot_obs.logs._escape import in_text
from testpilot_obs.logs._json_line import encode_slowly
from testpilot_obs.logs._line import Facts, Line

_LEVEL_WIDTH = 8
_EVENT_WIDTH = 30
_WIDE = 100
"""Columns from which on there is room to align all events."""
_INDENT = "    "
_SHOWN_ELSEWHERE = frozenset(
    {"timestamp", "level", "event", "logger", "exception", "exception_chain", "stack"}
)
_QUIET = frozenset({"trace_id", "span_id"})
_word = re.compile(r"[\w./:@%+,*#~$-]+\Z")

_RESET, _BOLD, _DIM = "\x1b[0m", "\x1b[1m", "\x1b[2m"
_KEY = "\x1b[36m"
_LEVEL_COLOURS = {
    "debug": "\x1b[32m",
    "info": "\x1b[32m",
    "warning": "\x1b[33m",
    "error": "\x1b[31m",
    "critical": "\x1b[1;31m",
}


class Readable:
    """Writes lines for people; user data can neither break the line nor steer the terminal.

    Args:
        is_coloured: Whether to colour; exceptions by rich, where it is installed.
        width: Columns of the terminal; on a narrow one less room is left for alignment.
    """

    def __init__(self, *, is_coloured: bool = False, width: int = _WIDE) -> None:
        self._is_coloured = is_coloured
        self._event_width = _EVENT_WIDTH if width >= _WIDE else width // 5

    def __call__(self, line: Line, _facts: Facts) -> str:
        """Return the line and, indented below it, the stack and the exception."""
        paint = self._paint
        level = in_text(line["level"])
        parts = [
            paint(_DIM, line["timestamp"]),
            paint(_LEVEL_COLOURS.get(level, ""), level.ljust(_LEVEL_WIDTH)),
            paint(_DIM, in_text(line["logger"])),
            paint(_BOLD, in_text(line["event"]).ljust(self._event_width)),
        ]
        for key, value in line.items():
            if key not in _SHOWN_ELSEWHERE:
                parts.append(self._pair(key, value))
        blocks = [_visible(line[key]) for key in ("stack", "exception") if key in line]
        if blocks and self._is_coloured:
            blocks = [_highlighted(block) for block in blocks]
        return "\n".join([" ".join(parts).rstrip(), *map(_indented, blocks)])

    def _pair(self, key: str, value: Any) -> str:
        if key in _QUIET:
            return self._paint(_DIM, f"{key}={value}")
        return f"{self._paint(_KEY, _quoted(key))}={_quoted(value)}"

    def _paint(self, colour: str, words: str) -> str:
        return f"{colour}{words}{_RESET}" if self._is_coloured and colour else words


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        return value if _word.match(value) else in_text(encode_slowly(value))
    if value is None or isinstance(value, (bool, int, float)):
        return str(value)
    return in_text(encode_slowly(value))


def _visible(block: str) -> str:
    return "\n".join(in_text(words) for words in block.split("\n"))


def _indented(block: str) -> str:
    """Indent each line, so that a newline in an exception's message begins no line of a log."""
    return "\n".join(f"{_INDENT}{words}" for words in block.split("\n"))


def _highlighted(block: str) -> str:
    """Colour a traceback with rich, where it is installed.

    Of the finished text, as rich's own tracebacks would show what was redacted.
    """
    try:
        from rich.console import Console
        from rich.syntax import Syntax
    except ImportError:
        return block
    widest = max(map(len, block.split("\n"))) + 1
    console = Console(
        file=io.StringIO(), force_terminal=True, width=widest, color_system="standard"
    )
    syntax = Syntax(block, "pytb", theme="ansi_dark", background_color="default")
    with console.capture() as captured:
        console.print(syntax)
    return "\n".join(words.rstrip() for words in captured.get().rstrip("\n").split("\n"))
