"""How CPU time is taken inside a process under measurement."""

import statistics
import time
from collections.abc import Callable

from benchmarks import _turns

Values = dict[str, float]

LEAST_S = 0.12
"""How long a row is measured at least, in CPU seconds; so that a disturbance is not all of it."""
MOST_BATCHES = 200


def cpu_ns(
    loop: Callable[[int], object],
    drain: Callable[[], object],
    *,
    count: int,
    repeats: int,
    least_s: float = LEAST_S,
) -> Values:
    """Return what one turn of *loop* costs, each figure the median of *repeats* or more batches.

    The garbage collector stays on. Before the first batch a smaller one warms everything up.
    The other libraries measure theirs in between: *repeats* times, for about as long.

    Returns:
        ``caller``: CPU nanoseconds a turn of the thread that calls. ``process``: of all threads,
        until *drain* has returned, so what was put off until later is in it. ``batches``: how
        many there were. ``turns``: how many in all, warming up included.
    """
    warm_up = max(count // 10, 10)
    loop(warm_up)
    drain()
    caller: list[float] = []
    process: list[float] = []
    for number in range(repeats):
        _turns.ask()
        least_ns = least_s * 1e9 / count * (number + 1) / repeats
        while len(caller) <= number or (sum(process) < least_ns and len(caller) < MOST_BATCHES):
            began_process, began = time.process_time_ns(), time.thread_time_ns()
            loop(count)
            ended = time.thread_time_ns()
            drain()
            process.append((time.process_time_ns() - began_process) / count)
            caller.append((ended - began) / count)
    return {
        "caller": statistics.median(caller),
        "process": statistics.median(process),
        "batches": len(caller),
        "turns": len(caller) * count + warm_up,
    }
