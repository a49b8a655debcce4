"""The table of what is measured, with the figures that must and should be reached."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

SDK = "opentelemetry"
OURS = "testpilot_obs"
LIMIT = "limit"
CORE = (LIMIT, SDK, OURS)
PROMETHEUS = "prometheus"
OTHERS = ("logfire", "sentry", "elastic", "ddtrace", "newrelic")


class Kind(enum.Enum):
    """How two figures are compared; a ratio above 1 always means that ours is better."""

    CPU = "CPU time, the SDK's over ours"
    OFF = "nanoseconds over the bare call, and the SDK's over ours"
    RATE = "spans a second, ours over the SDK's"
    ADDED = "milliseconds that are added"
    EXCESS = "p99 over that without telemetry, the SDK's over ours"
    AGAINST_EACH = "the least of the other libraries, over ours"
    IMPORT = "the OpenTelemetry API's import over ours"
    AT_MOST = "what is allowed, over ours"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result."""

    name: str
    title: str
    kind: Kind
    does: str
    """What is measured, as sentences."""
    must: float | None = None
    """Least ratio; None for a row that only informs."""
    aim: float | None = None
    must_ns: float | None = None
    """OFF and ADDED only: most nanoseconds, or of the unit of the row."""
    aim_ns: float | None = None
    figure: str = "caller"
    """Which of the figures measured is compared."""
    unit: str = "ns"
    source: str = ""
    """Which measurement is ours, if it is not called like the row."""
    sdk_source: str = ""
    """Which measurement of the SDK it is compared with, if another."""
    against: str = SDK
    """The library that it is compared with."""
    allowed: float = 0.0
    """AT_MOST only: the most that is allowed."""

    def measured_as(self, peer: str) -> str:
        """Return the name of the measurement that stands in this row for *peer*."""
        ours = self.source or self.name
        return (self.sdk_source or ours) if peer == SDK else ours


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are measured one after the other in one process."""

    run: str
    rows: tuple[str, ...]
    peers: tuple[str, ...] = CORE
    environ: Mapping[str, str] = field(default_factory=dict)
    needs_receiver: bool = False


METRICS = (PROMETHEUS, SDK, OURS)
_OTLP = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
_NO_RECEIVER = {**_OTLP, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}

_NOBODY = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_METRICS_EXPORTER": "none",
}

GROUPS = (
    Group("benchmarks.tracing.spans:run", ("root", "child", "transaction"), CORE + OTHERS),
    Group("benchmarks.tracing.spans:run", ("child_by_api", "measured", "measured_burst")),
    Group(
        "benchmarks.tracing.spans:run_unsampled",
        ("unsampled",),
        environ={"OTEL_TRACES_SAMPLER": "parentbased_always_off"},
    ),
    Group("benchmarks.tracing.decorators:run", ("sync", "coroutine", "generator"), CORE + OTHERS),
    Group("benchmarks.tracing.decorators:run_off", ("before_init",)),
    Group(
        "benchmarks.tracing.decorators:run_off",
        ("disabled",),
        environ={"OTEL_SDK_DISABLED": "true"},
    ),
    Group("benchmarks.tracing.threads:run", ("threads_1", "threads_2", "threads_8")),
    Group("benchmarks.delivery.encode:run", ("encode",)),
    Group("benchmarks.delivery.export:run", ("export",), environ=_OTLP, needs_receiver=True),
    Group("benchmarks.delivery.spool:run", ("spool",), (OURS,), environ=_NO_RECEIVER),
    Group(
        "benchmarks.delivery.spool:run_drain",
        ("drain_latency",),
        (OURS,),
        environ=_OTLP,
        needs_receiver=True,
    ),
    Group("benchmarks.delivery.latency:run", ("latency",), environ=_OTLP, needs_receiver=True),
    Group("benchmarks.logs.lines:run", ("log_line",)),
    Group("benchmarks.logs.lines:run", ("log_line_otlp",)),
    Group("benchmarks.logs.lines:run", ("log_disabled",)),
    Group("benchmarks.logs.latency:run", ("log_latency",), environ=_NOBODY),
    Group(
        "benchmarks.metrics.updates:run",
        ("counter", "histogram", "counter_labels", "histogram_labels"),
        METRICS,
    ),
    Group("benchmarks.metrics.reading:run", ("scrape", "scrape_open"), (PROMETHEUS, OURS)),
    Group("benchmarks.metrics.reading:run", ("encode_metrics",), (SDK, OURS)),
    Group("benchmarks.metrics.memory:run", ("label_sets",), METRICS),
    Group("startup", ("startup",), (*CORE, "logfire", "sentry", "elastic")),
)

ROWS = (
    Row(
        "root",
        "root span with 3 attributes, as the current span",
        Kind.CPU,
        "`with span(name, {…})` where nothing is current.",
        7,
        10,
    ),
    Row(
        "child",
        "child span with 3 attributes",
        Kind.CPU,
        "The same under one root span.",
        9,
        13,
    ),
    Row(
        "transaction",
        "transaction with 5 child spans (plain spans)",
        Kind.CPU,
        "A root span around five children, three attributes on each of the six.",
        8,
        12,
    ),
    Row(
        "start_transaction",
        "`start_transaction` with all it measures",
        Kind.CPU,
        "Our transaction notes wall time, CPU time, memory and RED metrics; "
        "it is compared with the SDK's root span of the first row, which notes none of these. "
        "In a loop, as all rows are: transactions that begin or end within 0.2 ms of each other "
        "share a reading of the memory. The next row has none of that.",
        3,
        5,
        source="measured_burst",
    ),
    Row(
        "fresh",
        "the same, each with readings of its own",
        Kind.CPU,
        "Each reads the memory twice, as transactions of more than 0.2 ms do.",
        source="measured",
        sdk_source="measured_burst",
    ),
    Row(
        "same_by_hand",
        "the same, the SDK made to measure as much",
        Kind.CPU,
        "Here the SDK's span is surrounded by hand with two reads of the CPU clock and of "
        "`/proc/self/statm`, a histogram and an up-down counter.",
        source="measured",
    ),
    Row(
        "child_by_api",
        "child span through the OpenTelemetry API",
        Kind.CPU,
        "`opentelemetry.trace.get_tracer(…).start_as_current_span` with our provider behind it.",
        source="child_by_api",
    ),
    Row(
        "sync",
        "`@traced` sync function",
        Kind.CPU,
        "A call with one argument under a root span, no attributes; the bare call is included. "
        "For the SDK: `@tracer.start_as_current_span(name)`.",
        10,
        18,
    ),
    Row(
        "coroutine",
        "`@traced` coroutine",
        Kind.CPU,
        "The same awaited; nothing in it suspends.",
        8,
        12,
    ),
    Row(
        "generator",
        "`@traced` generator",
        Kind.CPU,
        "A generator of three values, exhausted. "
        "The SDK's decorator ends the span before the first value: there a `with` stands inside.",
        8,
        12,
    ),
    Row(
        "unsampled",
        "child of an unsampled trace",
        Kind.CPU,
        "As the child span, with `OTEL_TRACES_SAMPLER=parentbased_always_off`.",
        10,
        30,
    ),
    Row(
        "before_init",
        "`@traced` before `init`, over the bare call",
        Kind.OFF,
        "The cost of the decorated call less that of the bare one. For the SDK: its API alone.",
        5,
        5,
        300,
        100,
    ),
    Row(
        "disabled",
        "`@traced` with `OTEL_SDK_DISABLED=true`, over the bare call",
        Kind.OFF,
        "The same after initialisation with telemetry switched off in the environment.",
        5,
        5,
        300,
        100,
    ),
    Row(
        "encode",
        "encode a span to OTLP protobuf",
        Kind.CPU,
        "512 spans a request, three attributes (one of them never seen before) and one event "
        "on each, to the bytes of the request.",
        6,
        8,
    ),
    Row(
        "export",
        "CPU a span from `end()` to accepted, HTTP gzip",
        Kind.CPU,
        "12,000 spans as those of the row before, made in a loop, then a flush: CPU time of "
        "the whole process less that of the loop's thread. "
        "The receiver is another process and counts what it got.",
        8,
        11,
    ),
    Row(
        "spool",
        "CPU a span from `end()` to the disk, with nobody there to take it",
        Kind.CPU,
        "The bursts of the row before with an endpoint where nobody listens, until all of it is "
        "on disk; compared with the SDK's sending to a receiver that is well, in the row before.",
        3,
        5,
        sdk_source="export",
    ),
    Row(
        "drain_latency",
        "p99 of a 1 ms request while a backlog is sent from disk, over the same after it",
        Kind.ADDED,
        "600 requests a second on 8 threads, each with five spans, while 60,000 spans that an "
        "earlier run has left are sent; less the p99 when all of them have gone, in turns.",
        0,
        0,
        1.0,
        0.5,
        figure="excess",
        unit="ms",
    ),
    Row(
        "latency",
        "p99 of a 1 ms request while spans are exported, excess",
        Kind.EXCESS,
        "600 requests a second on 8 threads, each five spans around a wait of 0.2 ms, timed "
        "from the moment it is due. Shown is the p99 less that of the same round without "
        "telemetry; what is smaller than the noise of the latter counts as that noise.",
        8,
        30,
        figure="p99",
        unit="ms",
    ),
    Row("threads_1", "1 thread", Kind.RATE, "Child spans made by one thread.", 7, 10, unit="/s"),
    Row("threads_2", "2 threads", Kind.RATE, "By two at once.", 7, 10, unit="/s"),
    Row("threads_8", "8 threads", Kind.RATE, "By eight at once.", 7, 10, unit="/s"),
    Row(
        "log_line",
        "JSON line with 5 fields and trace ids, to a file",
        Kind.CPU,
        "Ours with redaction on and files that several processes share; compared with structlog's "
        "documented fast setup (orjson, no redaction, one process) and a processor for trace ids.",
        1,
        1.3,
    ),
    Row(
        "log_line_otlp",
        "the same, and as OTLP",
        Kind.CPU,
        "As before; both hand each line to OTLP too, structlog by OpenTelemetry's handler and its "
        "batch processor. The exporters only count.",
        2,
        4,
    ),
    Row(
        "log_disabled",
        "a debug call that is not wanted",
        Kind.CPU,
        "Compared with structlog's filtering logger: at most one and a half times as long.",
        0.67,
        1,
    ),
    Row(
        "log_latency",
        "p99 of a request under 10,000 lines/s with the collector down, over no lines",
        Kind.ADDED,
        "600 requests a second on 8 threads, each with 17 lines around a wait of 1 ms, to a file "
        "and to an OTLP endpoint where nobody listens; less the p99 without lines, measured in "
        "turns in the same process.",
        0,
        0,
        1.0,
        0.5,
        figure="excess",
        unit="ms",
    ),
    Row(
        "startup_time",
        "import and `init` with OTLP/HTTP, wall",
        Kind.AGAINST_EACH,
        "A fresh interpreter; compared with the fastest of the SDK with its exporters for "
        "three signals, logfire and sentry-sdk.",
        1,
        2,
        source="startup",
        unit="ms",
    ),
    Row(
        "startup_memory",
        "import and `init` with OTLP/HTTP, resident memory",
        Kind.AGAINST_EACH,
        "What the same adds to the bare interpreter; compared with the smallest of the three.",
        1,
        2,
        figure="rss",
        source="startup",
        unit="MB",
    ),
    Row(
        "import",
        "`from testpilot_obs import span, start_transaction, traced` alone, wall",
        Kind.IMPORT,
        "What a program with decorators imports before `init`, compared with `import "
        "opentelemetry.trace` alone: at most twice as long. (`import testpilot_obs` by itself "
        "loads next to nothing.)",
        0.5,
        0.5,
        figure="import",
        source="startup",
        unit="ms",
    ),
    Row(
        "counter_bound",
        "counter, bound, against prometheus-client",
        Kind.CPU,
        "`inc()` of a child with two labels that was looked up before; adding up is included.",
        0.83,
        1.2,
        source="counter",
        against=PROMETHEUS,
    ),
    Row(
        "counter_sdk",
        "counter, bound, against the SDK",
        Kind.CPU,
        "The same; the SDK has no bound children, so it is given the attributes each time.",
        7,
        15,
        source="counter",
    ),
    Row(
        "histogram_bound",
        "histogram, bound, against prometheus-client",
        Kind.CPU,
        "`observe(0.3)` of such a child.",
        0.83,
        2,
        source="histogram",
        against=PROMETHEUS,
    ),
    Row(
        "histogram_sdk",
        "histogram, bound, against the SDK",
        Kind.CPU,
        "The same against `record(0.3, attributes)`.",
        7,
        15,
        source="histogram",
    ),
    Row(
        "counter_labels",
        "counter, labels each time, against prometheus-client",
        Kind.CPU,
        "`labels(a, b).inc()`.",
        1,
        3,
        against=PROMETHEUS,
    ),
    Row(
        "histogram_labels",
        "histogram, labels each time, against prometheus-client",
        Kind.CPU,
        "`labels(a, b).observe(0.3)`.",
        1,
        3,
        against=PROMETHEUS,
    ),
    Row(
        "scrape",
        "scrape of 10,000 series, text, against prometheus-client",
        Kind.CPU,
        "Five counters of 1,000 series each, and 5,000 lines of histograms; "
        "prometheus-client without its `_created` series, so that both write the same bytes.",
        5,
        10,
        against=PROMETHEUS,
    ),
    Row(
        "scrape_open",
        "scrape of 10,000 series, OpenMetrics, against prometheus-client",
        Kind.CPU,
        "The same in OpenMetrics.",
        5,
        10,
        against=PROMETHEUS,
    ),
    Row(
        "encode_metrics",
        "collect and encode 10,000 series for OTLP",
        Kind.CPU,
        "Five counters of 2,000 series each, from the numbers to the bytes of the request.",
        4,
        8,
    ),
    Row(
        "label_sets",
        "100,000 label sets offered to a counter: more memory",
        Kind.AT_MOST,
        "Resident memory before and after; at most 40 MB. The others keep all or 2,000 of them.",
        1,
        4,
        unit="MB",
        allowed=40.0,
        against=PROMETHEUS,
    ),
)
