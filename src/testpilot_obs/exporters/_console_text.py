"""Text for a terminal: no control characters, known width, colours."""

import unicodedata
from typing import TextIO

from testpilot_obs._core.values import text

_ASCII = str.maketrans({"├": "|", "└": "`", "│": "|", "─": "-", "…": "~", "·": "-", "µ": "u"})
_CODES = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}


def visible(value: object, *, max_length: int = 400) -> str:
    r"""Return *value* as one line without control characters: those become ``\x1b``, ``\n``."""
    raw = text(value, max_length)
    if raw.isprintable():
        return raw
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in raw)


def cells(line: str) -> int:
    """Return how many columns *line* takes; East Asian wide characters take two."""
    if line.isascii():
        return len(line)
    return sum(_cells_of(c) for c in line)


def cut(line: str, width: int) -> str:
    """Return *line*, shortened to *width* columns with a mark where it was cut."""
    if cells(line) <= width:
        return line
    kept, used = [], 0
    for c in line:
        used += _cells_of(c)
        if used > width - 1:
            break
        kept.append(c)
    return "".join(kept) + "…"


def paint(line: str, colour: str) -> str:
    """Return *line* between the codes that switch *colour* on and off."""
    return f"\x1b[{_CODES[colour]}m{line}\x1b[0m" if line else line


def write(stream: TextIO, lines: str) -> None:
    """Write *lines* at once; what the stream's encoding lacks is written in ASCII."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        lines.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        lines = lines.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
    stream.write(lines)
    stream.flush()


def _cells_of(c: str) -> int:
    if unicodedata.combining(c):
        return 0
    return 2 if unicodedata.east_asian_width(c) in {"W", "F"} else 1
