"""Nanoseconds since the epoch as RFC 3339 text."""

import time

_SECOND_NS = 1_000_000_000
_last: tuple[int, str] = (-_SECOND_NS, "")


def rfc3339(time_ns: int) -> str:
    """Return UTC with microseconds: ``"2026-02-03T04:05:06.789012Z"``.

    The part up to the second is kept from one call to the next (0.2 instead of 1.5 µs).
    """
    global _last  # noqa: PLW0603  # a cache of one tuple, replaced at once
    began, words = _last
    rest_ns = time_ns - began
    if not 0 <= rest_ns < _SECOND_NS:
        seconds, rest_ns = divmod(time_ns, _SECOND_NS)
        words = f"{_to_the_second(seconds)}."
        _last = (seconds * _SECOND_NS, words)
    # Half the price of a format with leading zeros.
    return words + str(1_000_000 + rest_ns // 1000)[1:] + "Z"


def _to_the_second(seconds: int) -> str:
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    except (ValueError, OverflowError, OSError):
        # A record's own time can be anything.
        return "1970-01-01T00:00:00"
