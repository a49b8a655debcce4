"""testpilot_obs, through its front door."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry import trace

import testpilot_obs as obs
from benchmarks.peers._base import WAIT_S, Peer


class Count:
    """An exporter that only counts; keeps the spans if told to."""

    wants_records = True

    def __init__(self, kept: list[Any] | None = None) -> None:
        self.seen = 0
        self._kept = kept

    def export(self, batch: Any, *, timeout_s: float) -> Any:
        """Count spans."""
        from testpilot_obs.protocols import SENT

        if batch.signal == "traces":
            self.seen += len(batch)
            if self._kept is not None:
                self._kept.extend(batch.records)
        return SENT

    def close(self) -> None:
        """Do nothing."""

    def after_fork(self) -> None:
        """Do nothing."""


class Library(Peer):
    """testpilot_obs."""

    def __init__(self) -> None:
        self._count = Count()
        self._scopes: Any = None

    def start(self) -> None:
        """Initialise with an exporter that counts."""
        obs.init(service_name="bench", exporters=[self._count])

    def start_otlp(self) -> None:
        """Initialise with what the environment says."""
        obs.init(service_name="bench")

    def drain(self) -> None:
        """Flush; before `init` there is nothing to flush."""
        if obs.is_initialized() and not obs.flush(30.0):
            raise TimeoutError

    def spill(self) -> None:
        """Flush until everything waits on disk."""
        handle = obs.init(service_name="bench")
        for _ in range(100):
            obs.flush(1.0)
            stats = handle.stats()["traces"]
            if stats.recorded and not stats.queued:
                assert stats.delivered == 0
                assert not stats.dropped
                return
        raise TimeoutError

    def backlog(self) -> int:
        """Count what lies on disk."""
        from testpilot_obs import config, delivery

        root = delivery.spool_root(config.load({}))
        return sum(one.records for one in delivery.spool.look_around(root))

    def exported(self) -> int | None:
        """Return what the counting exporter counted."""
        return self._count.seen

    def root(self, count: int) -> None:
        """Make root spans."""
        span = obs.span
        for i in range(count):
            with span("work", {"route": "/orders", "order": i, "cached": True}):
                pass

    def parent(self) -> AbstractContextManager[Any]:
        """Return a current root span."""
        return obs.span("parent")

    def child(self, count: int) -> None:
        """Make child spans."""
        span = obs.span
        with span("parent"):
            for i in range(count):
                with span("work", {"route": "/orders", "order": i, "cached": True}):
                    pass

    def child_by_api(self, count: int) -> None:
        """Make child spans as any instrumentation does."""
        start = trace.get_tracer("benchmarks").start_as_current_span
        with start("parent"):
            for i in range(count):
                with start("work", attributes={"route": "/orders", "order": i, "cached": True}):
                    pass

    def transaction(self, count: int) -> None:
        """Make root spans with five children."""
        span = obs.span
        for i in range(count):
            with span("work", {"route": "/orders", "order": i, "cached": True}):
                for n in range(5):
                    with span("step", {"table": "orders", "row": n, "cached": True}):
                        pass

    def eventful(self, count: int) -> None:
        """Make child spans with an event."""
        start = obs.span
        with start("parent"):
            for i in range(count):
                with start("work", {"route": "/orders", "order": i, "cached": True}) as span:
                    span.add_event("row", {"table": "orders"})

    def measured(self, count: int) -> None:
        """Make transactions that share no reading of the memory, as those of any length do not."""
        from testpilot_obs.tracing import _live, _memory

        fresh_s = _memory.FRESH_S
        assert _live.fresh_s == fresh_s > 0
        _live.fresh_s = _memory.FRESH_S = 0.0
        try:
            self.measured_burst(count)
        finally:
            _live.fresh_s = _memory.FRESH_S = fresh_s

    def measured_burst(self, count: int) -> None:
        """Make transactions as fast as can be."""
        start = obs.start_transaction
        for i in range(count):
            with start("work", attributes={"route": "/orders", "order": i, "cached": True}):
                pass

    def request(self) -> None:
        """Serve one request: the span of the request and those of four steps, a wait in each."""
        start = obs.span
        with start("request", {"route": "/orders", "order": 17, "cached": True}):
            time.sleep(WAIT_S)
            for n in range(4):
                with start("step", {"table": "orders", "row": n, "cached": True}):
                    time.sleep(WAIT_S)

    def decorate(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Use the one decorator for all kinds."""
        return obs.traced(name="work")(function)

    def counter(self, count: int) -> None:
        """Update a bound series."""
        series = obs.metrics.counter("jobs", "Jobs.", ["kind", "status"]).labels("a", "b")
        for _ in range(count):
            series.inc()

    def histogram(self, count: int) -> None:
        """Update a bound series."""
        family = obs.metrics.histogram("wait", "Waiting.", ["kind", "status"])
        series = family.labels("a", "b")
        for _ in range(count):
            series.observe(0.3)

    def counter_labels(self, count: int) -> None:
        """Look the series up each time."""
        family = obs.metrics.counter("jobs", "Jobs.", ["kind", "status"])
        for _ in range(count):
            family.labels("a", "b").inc()

    def histogram_labels(self, count: int) -> None:
        """Look the series up each time."""
        family = obs.metrics.histogram("wait", "Waiting.", ["kind", "status"])
        for _ in range(count):
            family.labels("a", "b").observe(0.3)

    def fill(self, what: str) -> Callable[[], object]:
        """Make the series; the scrape is of ours alone, as the other's registry is."""
        from testpilot_obs import exporters
        from testpilot_obs.metrics import _foreign

        metrics = obs.metrics
        _foreign.use(registry=False)
        for n in range(5):
            family = metrics.counter(f"jobs{n}", "Jobs.", ["kind", "status"])
            for i in range(2000 if what == "encode_metrics" else 1000):
                family.labels(f"kind-{i}", "success").inc(i)
        if what == "encode_metrics":
            return lambda: exporters.assemble(
                "metrics",
                {"service.name": "bench"},
                {b"": [exporters.encode_metric(one) for one in metrics.collect()]},
            )
        wait = metrics.histogram("wait", "Waiting.", ["kind"])
        for i in range(294):
            wait.labels(f"kind-{i}").observe(i / 30)
        return lambda: metrics.render(openmetrics=what == "scrape_open")

    def offer(self, count: int) -> None:
        """Offer label sets."""
        family = obs.metrics.counter("offered", "Offered.", ["id"])
        for i in range(count):
            family.labels(f"customer-{i}").inc()
        obs.metrics.collect()

    def spans(self, count: int) -> list[Any]:
        """Collect the records that exporters are given."""
        kept: list[Any] = []
        obs.init(service_name="bench", exporters=[Count(kept)])
        for _ in range(-(-count // 4096)):
            self.eventful(4096)
            self.drain()
        return kept[:count]

    def start_logs(self, row: str, folder: str) -> None:
        """Initialise with a folder for the files, and redaction on."""
        settings: dict[str, Any] = {"traces_exporter": "none"} if row != "log_line_otlp" else {}
        settings["exporters"] = [self._count] if row == "log_line_otlp" else []
        obs.init(service_name="bench", log_dir=folder, log_format="none", **settings)
        self._log = obs.get_logger("shop")

    def log_line(self, count: int) -> None:
        """Write lines."""
        info = self._log.info
        for i in range(count):
            info("placed", order=i, user="u-1234", amount=12.5, paid=True, route="/orders")

    def log_disabled(self, count: int) -> None:
        """Write lines that are not wanted."""
        debug = self._log.debug
        for i in range(count):
            debug("placed", order=i, user="u-1234", amount=12.5, paid=True, route="/orders")

    def encode(self, spans: list[Any]) -> bytes:
        """Do as delivery does: each record once, then the request around them."""
        from testpilot_obs import exporters

        groups: dict[Any, list[bytes]] = {}
        for span in spans:
            entry = exporters.encode_record("traces", span)
            groups.setdefault(exporters.scope_key("traces", span), []).append(entry)
        return exporters.assemble("traces", {"service.name": "bench"}, groups)
