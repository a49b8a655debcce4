"""Everything that is recorded while a block runs, in memory.

What it needs is imported when it is used: pytest loads the plugin, and so this module, in every
project that has testpilot_obs installed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from testpilot_obs.protocols import MetricFamily
from testpilot_obs.testing._captured import (
    CapturedLog,
    CapturedMetric,
    CapturedSpan,
    logs_of,
    metrics_since,
    spans_of,
)
from testpilot_obs.testing._fakes import FakeClock, SequentialIds

if TYPE_CHECKING:
    from testpilot_obs.exporters import MemoryExporter

_PLENTY = 1_000_000


class Captured:
    """What was recorded so far; may be asked during the block and after it."""

    def __init__(
        self,
        memory: "MemoryExporter",
        *,
        settle: Callable[[], object],
        collect: Callable[[], Sequence[MetricFamily]],
    ) -> None:
        self._memory = memory
        self._settle = settle
        self._collect = collect
        self._before = collect()

    @property
    def spans(self) -> list[CapturedSpan]:
        """Finished spans, in the order in which they ended."""
        self._settle()
        return spans_of(self._memory.spans)

    @property
    def logs(self) -> list[CapturedLog]:
        """Log lines, oldest first."""
        self._settle()
        return logs_of(self._memory.logs)

    @property
    def metrics(self) -> list[CapturedMetric]:
        """Series that have changed since the block began."""
        return metrics_since(self._before, self._collect())

    def span(self, name: str) -> CapturedSpan:
        """Return the only span called *name*.

        Raises:
            LookupError: If there is none, or more than one; says which there are.
        """
        found = [span for span in self.spans if span.name == name]
        if len(found) == 1:
            return found[0]
        names = ", ".join(repr(span.name) for span in self.spans) or "none at all"
        message = f"{len(found)} spans are called {name!r}; these were captured: {names}"
        raise LookupError(message)

    def value(self, name: str, **labels: str) -> float:
        """Return how much the series of metric *name* with *labels* has changed; 0.0 if not."""
        wanted = (name, labels)
        return sum(one.value for one in self.metrics if (one.name, dict(one.labels)) == wanted)

    def stop(self) -> None:
        """Keep what there is; what is recorded later is not seen."""
        self._settle()
        metrics = self._collect()
        self._settle, self._collect = bool, lambda: metrics

    def clear(self) -> None:
        """Forget everything so far."""
        self._settle()
        self._memory.clear()
        self._before = self._collect()


@contextmanager
def capture(*, clock: FakeClock | None = None, **settings: Any) -> Iterator[Captured]:
    """Collect spans, log lines and metrics in memory while the block runs, and send nothing.

    Works with and without `init()`; what was there before goes on afterwards. An `init()` inside
    the block checks its arguments and changes nothing. Ids are 1, 2, 3 and so on.

    >>> from testpilot_obs import span
    >>> with capture() as captured:
    ...     with span("checkout", items=3):
    ...         pass
    >>> captured.span("checkout").attributes
    {'items': 3}

    Args:
        clock: Time during the block; the real one if not given.
        **settings: As for `init()`; lines of ``log_level`` ``INFO`` and above are kept.

    Raises:
        ConfigError: If a setting cannot be used.
    """
    from testpilot_obs import _lifecycle, logs, metrics
    from testpilot_obs.config import Config
    from testpilot_obs.delivery import Destination
    from testpilot_obs.exporters import MemoryExporter

    config = Config(
        service_name="captured",
        log_format="none",
        bsp_max_queue_size=_PLENTY,
        blrp_max_queue_size=_PLENTY,
    ).with_(**settings)
    memory = MemoryExporter()
    run = _lifecycle.make_run(
        config,
        _lifecycle.Parts(id_generator=SequentialIds()),
        [Destination("memory", memory, ("traces", "logs"))],
        uses_threads=False,
    )

    def settle() -> None:
        logs.catch_up()
        run.delivery.flush()

    with _ticking(clock), _lifecycle.instead(run):
        captured = Captured(memory, settle=settle, collect=metrics.collect)
        try:
            yield captured
        finally:
            captured.stop()


@contextmanager
def _ticking(fake: FakeClock | None) -> Iterator[None]:
    from testpilot_obs._core import clock

    if fake is None:
        yield
        return
    before = {"time_ns": clock.time_ns, "monotonic": clock.monotonic}
    clock.use(time_ns=fake.time_ns, monotonic=fake.monotonic)
    try:
        yield
    finally:
        clock.use(**before)
