"""The sink that prints; whatever the stream does, the caller never notices."""

import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

from testpilot_obs._core import diagnostics
from testpilot_obs.logs._escape import to_ascii
from testpilot_obs.logs._line import Facts, Line


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
