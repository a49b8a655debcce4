"""Levels: names, Python's numbers and OpenTelemetry's."""

DEBUG, INFO, WARNING, ERROR, CRITICAL = 10, 20, 30, 40, 50

BY_METHOD = {
    "debug": DEBUG,
    "info": INFO,
    "msg": INFO,
    "warning": WARNING,
    "warn": WARNING,
    "error": ERROR,
    "err": ERROR,
    "exception": ERROR,
    "critical": CRITICAL,
    "fatal": CRITICAL,
}
"""The number for each method of a logger."""

_NAMES = ((CRITICAL, "critical"), (ERROR, "error"), (WARNING, "warning"), (INFO, "info"))
_MOST_SEVERE = 24


def number(level: object) -> int:
    """Return Python's number for a level by name or number; 20, info, for anything else."""
    if isinstance(level, int):
        return int(level)
    return BY_METHOD.get(level.lower(), INFO) if isinstance(level, str) else INFO


def name_of(level: int) -> str:
    """Return the method for a number: that of the nearest level that is not more severe."""
    return next((name for least, name in _NAMES if level >= least), "debug")


def severity(level: int) -> int:
    """Return OpenTelemetry's severity number, 1 to 24.

    >>> [severity(level) for level in (5, 10, 20, 25, 30, 40, 50)]
    [3, 5, 9, 11, 13, 17, 21]

    Source: OpenTelemetry log data model, "Field: SeverityNumber".
    """
    if level < DEBUG:
        return 1 + max(level, 0) * 4 // 10
    return min(5 + (level - DEBUG) * 4 // 10, _MOST_SEVERE)
