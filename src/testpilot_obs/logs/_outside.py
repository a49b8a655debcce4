"""Levels that are changed from outside of the program: by a signal, or by a request's header."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from testpilot_obs.logs._levels import BY_METHOD, DEBUG
from testpilot_obs.logs._pipeline import log_level, set_log_level, state


class Header:
    """Which request header may set a level; one object, `header`."""

    name = ""
    """In small letters; empty: none."""


header = Header()


@contextmanager
def level_from_headers(headers: Mapping[str, str]) -> Iterator[None]:
    """Keep the lines that a request asks for while the block serves it.

    Does nothing unless ``log_level_header`` names the header, and it holds the name of a level.

    Args:
        headers: Of the request; names in any case.
    """
    wanted = ""
    if header.name:
        found = (value for name, value in headers.items() if str(name).lower() == header.name)
        wanted = str(next(found, "")).strip().lower()
    if wanted not in BY_METHOD:
        yield
        return
    with log_level(wanted):
        yield


class LevelSignal:
    """Switches debug lines on at a signal, and off at the next one.

    Args:
        name: Of the signal, e.g. ``"SIGUSR1"``; empty for none.
    """

    def __init__(self, name: str) -> None:
        self._number: signal.Signals | None = signal.Signals[name] if name else None
        self._before: Any = None
        self._level_before: int | None = None

    def open(self) -> None:
        """Handle the signal; in the main thread only, others cannot."""
        if self._number is None:
            return
        try:
            self._before = signal.signal(self._number, self._on_signal)
        except ValueError:
            self._number = None

    def close(self) -> None:
        """Give the signal back, unless somebody else has taken it."""
        if self._number is not None and signal.getsignal(self._number) == self._on_signal:
            signal.signal(self._number, self._before)
        self._number = None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._level_before is None:
            self._level_before = state.levels.base
            set_log_level(None, DEBUG)
        else:
            set_log_level(None, self._level_before)
            self._level_before = None
        if callable(self._before):
            self._before(number, frame)
