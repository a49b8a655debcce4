"""Whose turn it is to use a spool; nothing is said to people before the turn is over."""

from contextlib import suppress
from threading import RLock
from types import TracebackType

from testpilot_obs._core import diagnostics


class Turn:
    """A lock for ``with``; what is noted while it is held is said once it has been given back.

    A warning runs handlers of the user, who may take as long as he likes, or call us again.
    Reentrant, as a signal handler that ends the process may interrupt a write.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._depth = 0
        self._notes: dict[str, tuple[object, ...]] = {}

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._depth -= 1
        is_over = not self._depth
        self._lock.release()
        while is_over and self._notes:
            with suppress(KeyError):
                kind, (message, *arguments) = self._notes.popitem()
                diagnostics.warn_once(kind, str(message), *arguments)

    def note(self, kind: str, message: str, *arguments: object) -> None:
        """Say this as a warning when the turn is over, each *kind* once a minute at most."""
        self._notes[kind] = (message, *arguments)
