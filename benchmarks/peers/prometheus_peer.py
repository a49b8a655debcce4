"""prometheus-client as its documentation shows it, without the series called ``_created``."""

from collections.abc import Callable

import prometheus_client as prom
from prometheus_client.openmetrics import exposition

from benchmarks.peers._base import Peer

prom.disable_created_metrics()


class Library(Peer):
    """prometheus-client."""

    def __init__(self) -> None:
        self._registry = prom.CollectorRegistry()
        labels = ["kind", "status"]
        self._jobs = prom.Counter("jobs", "Jobs.", labels, registry=self._registry)
        self._wait = prom.Histogram("wait", "Waiting.", labels, registry=self._registry)

    def counter(self, count: int) -> None:
        """Update a bound child."""
        child = self._jobs.labels("a", "b")
        for _ in range(count):
            child.inc()

    def histogram(self, count: int) -> None:
        """Update a bound child."""
        child = self._wait.labels("a", "b")
        for _ in range(count):
            child.observe(0.3)

    def counter_labels(self, count: int) -> None:
        """Look the child up each time."""
        for _ in range(count):
            self._jobs.labels("a", "b").inc()

    def histogram_labels(self, count: int) -> None:
        """Look the child up each time."""
        for _ in range(count):
            self._wait.labels("a", "b").observe(0.3)

    def fill(self, what: str) -> Callable[[], object]:
        """Make the series in a registry of their own."""
        registry = prom.CollectorRegistry()
        for n in range(5):
            family = prom.Counter(f"jobs{n}", "Jobs.", ["kind", "status"], registry=registry)
            for i in range(1000):
                family.labels(f"kind-{i}", "success").inc(i)
        wait = prom.Histogram("wait", "Waiting.", ["kind"], registry=registry)
        for i in range(294):
            wait.labels(f"kind-{i}").observe(i / 30)
        if what == "scrape_open":
            return lambda: exposition.generate_latest(registry)
        return lambda: prom.generate_latest(registry)

    def offer(self, count: int) -> None:
        """Offer label sets."""
        family = prom.Counter("offered", "Offered.", ["id"], registry=self._registry)
        for i in range(count):
            family.labels(f"customer-{i}").inc()
