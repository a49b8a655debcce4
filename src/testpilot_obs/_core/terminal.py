"""What is known of the terminal behind a stream: whether there is one, its colours, its width."""

import os
import sys
from typing import Any

_DEFAULT_WIDTH = 100
_NARROWEST = 20


def is_terminal(stream: Any) -> bool:
    """Return whether a person may be looking at *stream*."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError, OSError):
        return False


def wants_colour(stream: Any) -> bool:
    """Return whether *stream* is to be coloured.

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
    """Return the columns of the terminal behind *stream*, at least 20; 100 if it is none."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (AttributeError, ValueError, OSError):
        return _DEFAULT_WIDTH
    return max(columns, _NARROWEST) if columns else _DEFAULT_WIDTH


def allow_colours() -> None:
    """Let the console of Windows obey escape sequences, as other terminals do anyway."""
    if sys.platform == "win32":
        # The shell switches them on for all programs of its console.
        os.system("")  # noqa: S605, S607
