"""What stands around a block or a function: a timer, a count of errors, a count of what runs.

Each is a context manager (``with``, ``async with``) and a decorator for functions of any kind.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from testpilot_obs._core import clock
from testpilot_obs._core.wrapping import Around, decorate

T = TypeVar("T")


class _Around:
    """A context manager that decorates too, with a fresh one for each call."""

    def fresh(self) -> Any:
        """Return one for another block."""
        raise NotImplementedError

    def __call__(self, target: T) -> T:
        """Decorate a function, coroutine, generator, method or class."""
        decorated: T = decorate(target, None, Around(lambda _: self.fresh()))
        return decorated

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Any:
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.__exit__(kind, error, trace)


class Timed(_Around):
    """Hands the seconds that a block took to *use*, whether it raised or not."""

    def __init__(self, use: Callable[[float], None]) -> None:
        self._use = use
        self._starts: list[float] = []

    def fresh(self) -> "Timed":
        """Return one for another block."""
        return Timed(self._use)

    def __enter__(self) -> "Timed":
        self._starts.append(clock.monotonic())
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._use(max(clock.monotonic() - self._starts.pop(), 0.0))


class CountedErrors(_Around):
    """Calls *count* for each exception of the wanted kinds, which goes on its way."""

    def __init__(
        self,
        count: Callable[[], None],
        wanted: type[BaseException] | tuple[type[BaseException], ...],
    ) -> None:
        self._count = count
        self._wanted = wanted

    def fresh(self) -> "CountedErrors":
        """Return itself, as it remembers nothing."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, self._wanted):
            self._count()


class UpAndDown(Protocol):
    """A gauge, or one series of it."""

    def inc(self) -> None: ...
    def dec(self) -> None: ...


class TrackedInFlight(_Around):
    """Makes a gauge one more while something runs."""

    def __init__(self, gauge: UpAndDown) -> None:
        self._gauge = gauge

    def fresh(self) -> "TrackedInFlight":
        """Return itself, as it remembers nothing."""
        return self

    def __enter__(self) -> "TrackedInFlight":
        self._gauge.inc()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._gauge.dec()
