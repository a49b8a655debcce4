"""Records kept in memory, for tests and for whoever looks at them in the same process."""

from typing import Any

from testpilot_obs.protocols import SENT, Batch, LogRecord, MetricFamily, Outcome


class MemoryExporter:
    """Keep every record; they are the objects themselves, not copies."""

    wants_records = True

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.logs: list[LogRecord] = []
        self.metrics: list[MetricFamily] = []

    def export(self, batch: Batch, *, timeout_s: float) -> Outcome:
        """Keep the records of *batch*."""
        kept = {"traces": self.spans, "logs": self.logs, "metrics": self.metrics}
        kept[batch.signal].extend(batch.records)
        return SENT

    def clear(self) -> None:
        """Forget all records."""
        for kept in (self.spans, self.logs, self.metrics):
            kept.clear()

    def close(self) -> None:
        """Keep what there is: tests look at it after the shutdown."""

    def after_fork(self) -> None:
        """Forget what the parent process recorded."""
        self.clear()
