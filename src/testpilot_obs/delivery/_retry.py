"""When to try again: arithmetic only, the waiting is done by the sender."""

BASE_S = 1.0
CAP_S = 60.0
LONGEST_ASKED_S = 600.0
"""A receiver that asks for more than this is asked again anyway, after ten minutes."""


def backoff_s(failures: int, *, base_s: float = BASE_S, cap_s: float = CAP_S) -> float:
    """Return how long to wait after *failures* failed tries in a row, without jitter.

    >>> [backoff_s(n) for n in (1, 2, 3, 10)]
    [1.0, 2.0, 4.0, 60.0]

    Args:
        failures: 1 or more.
        base_s: The first wait, in seconds.
        cap_s: The longest wait, in seconds.

    Source:
        OTLP specification, "OTLP/HTTP Throttling": exponential backoff with jitter.
    """
    # The exponent is bounded, or a day of failures would make a number too large for a float.
    return min(cap_s, base_s * 2.0 ** min(failures - 1, 30))


def pause_s(failures: int, *, asked_s: float | None, chance: float) -> float:
    """Return how long to wait before the next try, in seconds.

    >>> pause_s(2, asked_s=None, chance=0.5)
    1.5

    Args:
        failures: How many tries have failed in a row, 1 or more.
        asked_s: What the receiver asked for (``Retry-After``), if anything; jitter only adds.
        chance: A random number from 0 to 1; spreads the processes of a fleet.
    """
    if asked_s is not None:
        return min(max(asked_s, 0.0), LONGEST_ASKED_S) + 0.1 * chance
    return backoff_s(failures) * (0.5 + chance / 2)
