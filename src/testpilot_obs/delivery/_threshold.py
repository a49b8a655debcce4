"""The arithmetic of consistent sampling: who keeps a trace, and how many it then stands for.

Each trace has 56 random bits, the same for everybody who sees it. It is kept if they are not
below a *threshold*, so whoever keeps a smaller share keeps some of the same traces, and no others.
The threshold travels with the span as ``ot=th:…`` in its trace state; a span stands for
`adjusted_count` of its kind.

Source:
    OpenTelemetry specification, "TraceState: Probability Sampling" and "TraceState handling".
"""

import re
from typing import Any

from opentelemetry.trace import TraceState

SPACE = 1 << 56
"""How many values the randomness has; also the threshold that keeps nothing."""

_DIGITS = 14
_EXACT_DIGITS = 4
"""Significant digits of the threshold made from a ratio, after leading ones: the specification's
default. What is written is what is compared, so nothing becomes wrong by rounding."""
_MAX_TEXT = 256
_hex = re.compile(r"[0-9a-f]{1,14}")


def threshold_of(ratio: float) -> int:
    """Return the threshold that keeps the share *ratio* (0 to 1) of all traces.

    >>> text_of(threshold_of(0.5)), text_of(threshold_of(1)), text_of(threshold_of(0.1))
    ('8', '0', 'e666')
    """
    if ratio >= 1:
        return 0
    threshold = SPACE - round(ratio * SPACE)
    if threshold >= SPACE:
        return SPACE
    leading = len(text := f"{threshold:014x}") - len(text.lstrip("f"))
    unit = 1 << 4 * max(_DIGITS - leading - _EXACT_DIGITS, 0)
    return min((threshold + unit // 2) // unit * unit, SPACE - 1)


def text_of(threshold: int) -> str:
    """Return *threshold*, below `SPACE`, as it stands in the trace state."""
    return f"{threshold:014x}".rstrip("0") or "0"


def adjusted_count(threshold: int) -> float:
    """Return how many traces one that was kept with *threshold* stands for."""
    return SPACE / (SPACE - threshold)


def read(trace_state: Any, trace_id: int) -> tuple[int, int]:
    """Return the randomness of a trace, and the threshold that it was kept with so far.

    A threshold above the randomness cannot be true, so it counts for nothing.
    """
    randomness, threshold = trace_id & (SPACE - 1), 0
    if not trace_state or not isinstance(trace_state, TraceState):
        return randomness, 0
    members = trace_state.get("ot") or ""
    for member in members.split(";"):
        key, _, value = member.partition(":")
        if key == "rv" and len(value) == _DIGITS and _hex.fullmatch(value):
            randomness = int(value, 16)
        elif key == "th" and _hex.fullmatch(value):
            threshold = int(value.ljust(_DIGITS, "0"), 16)
    return randomness, threshold if threshold <= randomness else 0


def members_with(members: str, threshold: int) -> str:
    """Return the value of the ``ot`` entry *members* with *threshold* in it.

    >>> members_with("rv:0123456789abcd;th:4", threshold_of(0.25))
    'th:c;rv:0123456789abcd'
    """
    others = [one for one in members.split(";") if one and not one.startswith("th:")]
    text = ";".join([f"th:{text_of(threshold)}", *others])
    return text if len(text) <= _MAX_TEXT else f"th:{text_of(threshold)}"
