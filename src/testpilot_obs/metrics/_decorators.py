"""``@timed``, ``@counted`` and ``@inflight``: the numbers of a function's calls."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from testpilot_obs import names
from testpilot_obs._core import clock
from testpilot_obs._core.wrapping import Around, decorate
from testpilot_obs.metrics._instruments import Counter, Gauge, Histogram
from testpilot_obs.metrics._own import own
from testpilot_obs.metrics._registry import watch_forks

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class _Timed:
    """Around one call: how long it took, as success or error."""

    __slots__ = ("_error", "_start", "_success")

    def __init__(self, success: Any, error: Any) -> None:
        self._success = success
        self._error = error

    def __enter__(self) -> None:
        self._start = clock.monotonic()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        outcome = self._success if _is_success(error) else self._error
        outcome.observe(max(clock.monotonic() - self._start, 0.0))


class _Counted:
    """Around every call: that there was one, as success or error."""

    __slots__ = ("_family", "_name", "_success")

    def __init__(self, family: Counter, name: str) -> None:
        self._family = family
        self._name = name
        self._success = family.labels(name, "success", "")

    def __enter__(self) -> None:
        """Do nothing yet."""

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if _is_success(error):
            self._success.inc()
        else:
            self._family.labels(self._name, "error", type(error).__name__).inc()


class _InFlight:
    """Around every call: one more, and one less."""

    __slots__ = ("_series",)

    def __init__(self, series: Any) -> None:
        self._series = series

    def __enter__(self) -> None:
        self._series.inc()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._series.dec()


@overload
def timed(target: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def timed(target: str | None = None, /, *, name: str | None = None) -> Callable[[T], T]: ...
def timed(target: Any = None, /, *, name: str | None = None) -> Any:
    """Measure each call in the histogram ``function_duration_seconds{function,status}``.

    Args:
        target: What is decorated, or the value of the label ``function``.
        name: The value of the label ``function``; default the qualified name.
    """

    def series(name: str) -> Callable[[], Any]:
        family: Histogram = own(names.FUNCTION_DURATION)
        success, error = family.labels(name, "success"), family.labels(name, "error")
        return lambda: _Timed(success, error)

    return _decorator(target, name, series)


@overload
def counted(target: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def counted(target: str | None = None, /, *, name: str | None = None) -> Callable[[T], T]: ...
def counted(target: Any = None, /, *, name: str | None = None) -> Any:
    """Count each call that ends in the counter ``function_calls_total``.

    Its labels are ``function``, ``status`` and ``exception_type``, the class of what was raised.

    Args:
        target: What is decorated, or the value of the label ``function``.
        name: The value of the label ``function``; default the qualified name.
    """

    def series(name: str) -> Callable[[], Any]:
        family: Counter = own(names.FUNCTION_CALLS)
        around = _Counted(family, name)
        return lambda: around

    return _decorator(target, name, series)


@overload
def inflight(target: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def inflight(target: str | None = None, /, *, name: str | None = None) -> Callable[[T], T]: ...
def inflight(target: Any = None, /, *, name: str | None = None) -> Any:
    """Show the calls that are running in the gauge ``function_calls_in_flight{function}``.

    Args:
        target: What is decorated, or the value of the label ``function``.
        name: The value of the label ``function``; default the qualified name.
    """

    def series(name: str) -> Callable[[], Any]:
        family: Gauge = own(names.FUNCTION_CALLS_IN_FLIGHT)
        around = _InFlight(family.labels(name))
        return lambda: around

    return _decorator(target, name, series)


def _decorator(target: Any, name: str | None, series: Callable[[str], Callable[[], Any]]) -> Any:
    """Decorate now, or return what will; *series* is asked once for each function's name."""
    known: dict[str, Callable[[], Any]] = {}

    def enter(function: str) -> Any:
        around = known.get(function)
        if around is None:
            watch_forks()
            around = known[function] = series(function)
        return around()

    if target is None or isinstance(target, str):
        return lambda function: decorate(function, name or target, Around(enter))
    return decorate(target, name, Around(enter))


def _is_success(error: object) -> bool:
    """Return True for no exception, and for the end of a generator that was left early."""
    return error is None or isinstance(error, GeneratorExit)
