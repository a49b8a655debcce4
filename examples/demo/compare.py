"""Sent against received: every number of the summary is computed here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from examples.demo.evidence import Evidence
from examples.demo.traffic import Tally
from testpilot_obs.delivery import DeliveryReport


def recorded(report: DeliveryReport) -> dict[str, int]:
    """Return what a process recorded, by signal, from what its `shutdown` returned."""
    return {signal: stats.recorded for signal, stats in report.signals.items()}


@dataclass(frozen=True)
class Row:
    """One number, known from two sides."""

    what: str
    sent: int
    received: int

    @property
    def is_equal(self) -> bool:
        """Tell whether both sides agree."""
        return self.sent == self.received


@dataclass(frozen=True)
class Result:
    """Everything that is known at the end of a run."""

    got: Evidence
    """What the receiver decoded."""
    tally: Tally
    """What the driver counted without telemetry."""
    recorded: Sequence[Mapping[str, int]]
    """How many records each sending process says it made, by signal."""

    def rows(self) -> Iterator[Row]:
        """Yield what must be equal: records by signal, then requests and metrics by meaning."""
        got = self.got
        yield Row("spans", self._recorded("traces"), len({span.span_id for span in got.spans}))
        yield Row("log lines", self._recorded("logs"), len(got.logs))
        yield Row("metric points", self._recorded("metrics"), got.point_count)
        for name, count in sorted(self.tally.requests.items()):
            yield Row(f"requests: {name}", count, sum(span.name == name for span in got.spans))
        for status, count in sorted(self.tally.generated.items()):
            total = got.total("code_generation_total", status=status)
            yield Row(f"code_generation_total, {status}", count, round(total))

    def lost(self) -> int:
        """Return how many records were recorded and did not arrive."""
        first_three = list(self.rows())[:3]
        return sum(max(row.sent - row.received, 0) for row in first_three)

    def is_good(self) -> bool:
        """Tell whether everything that was sent has arrived, and each answer was the expected."""
        return all(row.is_equal for row in self.rows()) and not self.tally.surprises

    def _recorded(self, signal: str) -> int:
        return sum(counts[signal] for counts in self.recorded)
