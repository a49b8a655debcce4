"""The sink that prints; whatever the stream does, the caller never notices."""

import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

from testpilot_obs._core import diagnostics
from testpilot_obs.logs._escape import to_ascii
from testpilot_obs.logs._line import Facts, Line

_NO_TERMINAL = 100


class Console:
    """Prints each line with one ``write``, so that threads and processes do not mix lines.

    Args:
        render: Makes the text of a line, without its newline.
        stream: Where to; ``None`` is what ``sys.stderr`` is at that moment.
    """

    def __init__(self, render: Callable[[Line, Facts], str], stream: TextIO | None = None) -> None:
        self._render = render
        self._stream = stream
        self.failed = 0
        """Lines that the stream did not take."""

    def __call__(self, line: Line, facts: Facts) -> None:
        """Print *line*, unless another handler of ``logging`` prints it."""
        stream = self._stream or sys.stderr
        if facts.is_printed or stream is None:
            return
        try:
            _write(stream, f"{self._render(line, facts)}\n")
        except Exception as error:
            self.failed += 1
            diagnostics.warn_once(
                "console", "log lines cannot be printed: %s", type(error).__name__
            )


def is_terminal(stream: Any) -> bool:
    """Return whether a person reads *stream*."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError, OSError):
        return False


def wants_colour(stream: Any) -> bool:
    """Return whether lines on *stream* are to be coloured.

    Source:
        https://no-color.org and https://force-color.org: set and not empty, whatever the value.
    """
    # Not settings of ours: conventions that all programs at a terminal share.
    environ = os.environ  # noqa: TID251
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return environ.get("TERM") != "dumb" and is_terminal(stream)


def width_of(stream: Any) -> int:
    """Return the columns of the terminal behind *stream*; 100 if it is none."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or _NO_TERMINAL
    except (AttributeError, ValueError, OSError):
        return _NO_TERMINAL


def allow_colours() -> None:
    """Let the console of Windows obey escape sequences, as other terminals do anyway."""
    if sys.platform == "win32":
        # The shell switches them on for all programs of its console.
        os.system("")  # noqa: S605, S607


def _write(stream: Any, words: str) -> None:
    if not words.isascii() and not _can_carry(stream, words):
        words = to_ascii(words)
    try:
        stream.write(words)
        stream.flush()
    except RuntimeError:
        # A signal handler that interrupted a write to the same stream; below it there is the file.
        os.write(stream.fileno(), words.encode("utf-8", "backslashreplace"))


def _can_carry(stream: Any, words: str) -> bool:
    """Return whether the stream's encoding has all characters; its own escapes break JSON."""
    encoding = getattr(stream, "encoding", None)
    if not isinstance(encoding, str) or encoding.lower().startswith("utf"):
        return True
    try:
        words.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
