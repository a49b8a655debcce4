"""How CPU time is taken inside a process under measurement."""

import statistics
import time
from collections.abc import Callable

Values = dict[str, float]


def cpu_ns(
    loop: Callable[[int], object],
    drain: Callable[[], object],
    *,
    count: int,
    repeats: int,
) -> Values:
    """Return what one turn of *loop* costs, each figure the median of *repeats* batches.

    The garbage collector stays on. Before the first batch a smaller one warms everything up.

    Returns:
        ``caller``: CPU nanoseconds a turn of the thread that calls. ``process``: of all threads,
        until *drain* has returned, so what was put off until later is in it.
    """
    loop(max(count // 10, 10))
    drain()
    caller, process = [], []
    for _ in range(repeats):
        began_process, began = time.process_time_ns(), time.thread_time_ns()
        loop(count)
        ended = time.thread_time_ns()
        drain()
        process.append((time.process_time_ns() - began_process) / count)
        caller.append((ended - began) / count)
    return {"caller": statistics.median(caller), "process": statistics.median(process)}
