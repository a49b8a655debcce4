"""An exporter that answers as a test says, and a delivery to it."""

import threading
import time
from collections import deque

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from testpilot_obs import delivery
from testpilot_obs.config import Config
from testpilot_obs.protocols import SENT, LogRecord, Outcome, Verdict

UNREACHABLE = Outcome(Verdict.RETRY, reason="connection_refused")
REFUSED = Outcome(Verdict.REFUSED, reason="http_400", message="the receiver cannot read it")
TOO_LARGE = Outcome(Verdict.TOO_LARGE, reason="http_413")


class Collector:
    """An exporter of bytes that keeps the texts of the log records it accepted.

    Args:
        answers: What to answer, in turn; an exception is raised. After the last one: *then*.
        gate: An event to wait for before each answer, for as long as the test says.
    """

    wants_records = False

    def __init__(self, *answers, then=SENT, gate=None):
        self.bodies = []
        self.sizes = []
        self.timeouts_s = []
        self.threads = []
        self.closed = 0
        self._answers = deque(answers)
        self._then = then
        self._gate = gate
        self._changed = threading.Condition()

    def export(self, batch, *, timeout_s):
        """Answer as planned."""
        with self._changed:
            self.sizes.append(len(batch))
            self.timeouts_s.append(timeout_s)
            self.threads.append(threading.current_thread())
            self._changed.notify_all()
        if self._gate is not None:
            self._gate.wait(30)
        answer = self._answers.popleft() if self._answers else self._then
        if isinstance(answer, Exception):
            raise answer
        if answer == SENT:
            self.bodies += bodies_in(batch.otlp()) if batch.signal == "logs" else []
        return answer

    def recover(self):
        """Accept everything from now on."""
        self._then = SENT

    def close(self):
        """Count."""
        self.closed += 1

    def after_fork(self):
        """Share nothing."""

    def wait_for_tries(self, number, timeout_s=5.0):
        """Wait until there were so many tries."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.sizes) >= number, timeout_s)


class Printer(Collector):
    """An exporter of records."""

    wants_records = True

    def export(self, batch, *, timeout_s):
        """Keep the records too."""
        outcome = super().export(batch, timeout_s=timeout_s)
        self.records = [*getattr(self, "records", []), *batch.records]
        return outcome


def bodies_in(request):
    """Return the texts in an OTLP request of logs."""
    message = ExportLogsServiceRequest.FromString(request)
    return [
        record.body.string_value
        for resource in message.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


def line(body="hello", *, logger="test"):
    """Return a log record."""
    return LogRecord(
        time_ns=1,
        severity_number=9,
        severity_text="INFO",
        body=body,
        attributes={},
        logger=logger,
    )


def deliver_to(*exporters, signals=("logs",), collect=None, uses_threads=True, **settings):
    """Return a delivery to *exporters*, which drains only when told to or pressed."""
    slow = {"blrp_schedule_delay_s": 3600.0, "bsp_schedule_delay_s": 3600.0}
    settings = {**slow, "spool": "off", **settings}
    destinations = [
        delivery.Destination(f"to{place}", exporter, signals)
        for place, exporter in enumerate(exporters)
    ]
    return delivery.build(
        Config(service_name="test", **settings),
        {"service.name": "test"},
        destinations,
        collect=collect,
        uses_threads=uses_threads,
    )


def put(queue, *records):
    """Append as the signals do."""
    for record in records:
        queue.append(record)
        if len(queue.items) > queue.high:
            queue.pressure()


def put_lines(made, number, *, first=0):
    """Append log lines "0", "1", … to the queue of a delivery."""
    put(made.queue("logs"), *(line(str(n)) for n in range(first, first + number)))


def spooled_by(made, number):
    """Flush until so many records are on disk; return whether that comes about."""
    deadline = time.monotonic() + 20
    while made.stats()["logs"].spooled < number and time.monotonic() < deadline:
        assert not made.flush(0.2)
    return made.stats()["logs"].spooled == number


def balance(stats):
    """Return what the books of each signal are out by; all zeros if they are right."""
    return [
        tally.recorded - tally.delivered - tally.spooled - tally.queued - tally.lost
        for signal in stats.values()
        for tally in (signal, *signal.destinations.values())
    ]
