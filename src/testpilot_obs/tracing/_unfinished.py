"""Spans that are open when the process ends: delivered as they are, and marked.

Nobody keeps a list of open spans, which would cost every span something. The garbage collector
knows all objects, and is asked once, at the end.
"""

import gc
import sys
from contextlib import suppress

from testpilot_obs import names
from testpilot_obs.tracing import _forked
from testpilot_obs.tracing._span import CurrentSpan, Span
from testpilot_obs.tracing._watched import WatchedSpan

_MOST_BLOCKS = 10_000_000
"""Blocks of memory of a process that is not searched: that would take more than 0.2 s."""
_CLASSES = (CurrentSpan, Span, WatchedSpan)


def end_unfinished() -> None:
    """End the spans that are open, except those that a parent process began.

    Searching takes 7 to 20 ns for each block of memory, so 0.2 s at most. Each instance refers to
    its class; asking for those who refer to it makes no list of all objects and writes to none
    of them, which a forked child would have to copy.
    """
    if sys.getallocatedblocks() > _MOST_BLOCKS:
        return
    for found in gc.get_referrers(*_CLASSES):
        if type(found) in _CLASSES:
            _end(found)


def _end(span: Span) -> None:
    # One that was made and not entered has no times, and no ids.
    with suppress(AttributeError):
        if span.end_ns is None and span.start_ns >= _forked.born_ns[0]:
            span.attrs = {**(span.attrs or {}), names.SPAN_UNFINISHED: True}
            span.end()
