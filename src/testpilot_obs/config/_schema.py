"""Every setting: its type, its default, what it accepts and, in a sentence, what it is for.

The field is what `init()` takes as an argument and what a file calls it; `_env` has the table of
environment variables.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import PurePath
from typing import Any, Literal, TypeVar

from testpilot_obs.config import _otlp
from testpilot_obs.config._check import check
from testpilot_obs.config._draft import ARGUMENT, DEFAULT, Draft
from testpilot_obs.config._otlp import OtlpSettings
from testpilot_obs.config._pairs import Pairs, SecretPairs
from testpilot_obs.config._rules import (
    BOOLEAN,
    BUCKETS,
    DURATION,
    DURATION_OR_ZERO,
    HEADERS,
    LEVEL,
    LEVELS,
    NAMES,
    OPTIONAL_DURATION,
    PAIRS,
    PATH,
    PATTERNS,
    SAMPLER_ARG,
    SECRET,
    SIGNAL,
    SIZE,
    SPOOL_KEY,
    TEXT,
    TIMEOUT,
    URL,
    Rule,
    choice,
    integer,
    name_list,
)
from testpilot_obs.errors import ConfigError
from testpilot_obs.protocols import Signal

_T = TypeVar("_T")

_POSITIVE = integer(1)
_COUNT = integer(0)
_PORT = integer(0, 65_535)
_PROTOCOL = choice("http/protobuf", "grpc")
_COMPRESSION = choice("none", "gzip")
_EXPORTERS = name_list("otlp", "console", "otlp_file", none_is=("none",))
_METRICS_EXPORTERS = name_list("otlp", "console", "prometheus", "otlp_file", none_is=("none",))
_PROPAGATORS = name_list("tracecontext", "baggage", "b3", "b3multi", none_is=())
_SAMPLER = choice(
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)
_SDK_LEVEL = choice(
    "none",
    "error",
    "warn",
    "info",
    "debug",
    warning="warn",
    critical="error",
    fatal="error",
    trace="debug",
    verbose="debug",
    all="debug",
)
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


def _setting(default: _T, rule: Rule) -> _T:
    made: _T = field(default=default, metadata={"rule": rule})
    return made


def _unknown_service() -> str:
    # Semantic conventions, "Service": unknown_service: and the name of the executable.
    return f"unknown_service:{PurePath(sys.executable or 'python').name}"


# Python would generate __eq__ and __hash__ with 80 fields written out, which costs every start.
@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Config:
    """All settings of one `init()`, checked; durations in seconds, sizes in bytes.

    Made by `load`. Made by hand it holds what it is given, unchecked.
    """

    service_name: str = field(default_factory=_unknown_service, metadata={"rule": TEXT})
    """The service, as people know it."""
    service_version: str = _setting("", TEXT)
    """Its version; `service.version` in `OTEL_RESOURCE_ATTRIBUTES` does the same."""
    environment: str = _setting("", TEXT)
    """`production` and so on; `deployment.environment.name` in `OTEL_RESOURCE_ATTRIBUTES` does the
    same."""
    resource_attributes: Mapping[str, str] = _setting(Pairs(), PAIRS)
    """More attributes of the resource; those of several sources are merged."""
    disabled: bool = _setting(default=False, rule=BOOLEAN)
    """True to record and send nothing."""
    strict: bool = _setting(default=False, rule=BOOLEAN)
    """True to raise for a bad setting from any source; only an argument of `init()`."""
    providers: Literal["auto", "join", "own"] = _setting("auto", choice("auto", "join", "own"))
    """Whether a tracer provider that the application has set already is joined or replaced."""

    log_level: str = _setting("INFO", LEVEL)
    """Least severe log line that is kept."""
    log_levels: Mapping[str, str] = _setting(Pairs(), LEVELS)
    """Levels of single loggers, by name or pattern; the last that fits wins."""
    log_format: Literal["auto", "console", "json", "logfmt", "none"] = _setting(
        "auto", choice("auto", "console", "json", "logfmt", "none")
    )
    """How log lines are printed; `auto` is readable at a terminal and JSON otherwise."""
    log_schema: Literal["default", "ecs", "gcp", "datadog"] = _setting(
        "default", choice("default", "ecs", "gcp", "datadog")
    )
    """What the fields of a JSON line are called: as we like it, or as Elastic, Google Cloud or
    Datadog expect it."""
    log_caller: bool = _setting(default=False, rule=BOOLEAN)
    """True to say in each line which function, file and line wrote it."""
    log_locals: bool = _setting(default=False, rule=BOOLEAN)
    """True to add the local variables, redacted, to the frames of exceptions."""
    log_loggers: tuple[str, ...] = _setting((), NAMES)
    """Loggers of `logging` with `propagate=False` whose records are taken as well."""
    log_dir: str = _setting("", PATH)
    """Folder for `combined.log` and `error.log` (level error and up), JSON lines."""
    log_file_size: int = _setting(100 * 1024 * 1024, SIZE)
    """A log file of this size is put aside and a new one begun, in bytes."""
    log_file_interval_s: float | None = _setting(None, OPTIONAL_DURATION)
    """The same after this time, counted from midnight UTC, in seconds; `off` for never."""
    log_file_count: int = _setting(10, _COUNT)
    """Most old files that are kept of each."""
    log_file_age_s: float | None = _setting(None, OPTIONAL_DURATION)
    """Older ones are deleted, in seconds; `off` for never."""
    log_file_gzip: bool = _setting(default=False, rule=BOOLEAN)
    """True to compress old files."""
    audit_file: str = _setting("", PATH)
    """File for the audit log; empty: `audit.log` in `log_dir`."""
    log_rate_limit: int = _setting(0, _COUNT)
    """Most lines a second with the same logger, level and event; the rest are counted, and one
    line tells the count. 0 for no limit."""
    log_debug_buffer: int = _setting(0, _COUNT)
    """Debug lines of a transaction that are kept back, and written if it fails; 0 for none."""
    log_level_signal: str = _setting("", SIGNAL)
    """Signal that switches debug lines on, and off again, e.g. `SIGUSR1`."""
    log_level_header: str = _setting("", TEXT)
    """Request header that may set the level for one request, e.g. `x-log-level`."""

    redaction: bool = _setting(default=True, rule=BOOLEAN)
    """False to let secrets out as they are."""
    redact_keys: tuple[str, ...] = _setting((), NAMES)
    """More names whose values are secret; with `*`, patterns of whole keys."""
    redact_allow: tuple[str, ...] = _setting((), NAMES)
    """Names, patterns of keys, or kinds of values that are not secret."""
    redact_patterns: Mapping[str, str] = _setting(Pairs(), PATTERNS)
    """More values that are secret: kinds, each with a regular expression."""
    redact_email: bool = _setting(default=False, rule=BOOLEAN)
    """True to redact e-mail addresses."""
    otel_log_level: str = _setting("info", _SDK_LEVEL)
    """How much the library says about itself."""

    traces_exporter: tuple[str, ...] = _setting((), _EXPORTERS)
    """Where spans go; empty: `otlp` if there is an endpoint, else the console."""
    metrics_exporter: tuple[str, ...] = _setting((), _METRICS_EXPORTERS)
    """Where metrics go; empty: `otlp` if there is an endpoint, else nowhere but `render()`."""
    logs_exporter: tuple[str, ...] = _setting((), _EXPORTERS)
    """Where log records go, besides the printed lines; empty: `otlp` if there is an endpoint."""
    otlp_file: str = _setting("", PATH)
    """File that gets one line of OTLP JSON a batch; setting it adds the exporter `otlp_file`."""

    otlp_endpoint: str = _setting("", URL)
    """Base URL of the receiver; `/v1/traces` and so on are added for HTTP."""
    otlp_headers: Mapping[str, str] = _setting(SecretPairs(), HEADERS)
    """Headers of every request, e.g. credentials; the values are never shown."""
    otlp_protocol: Literal["http/protobuf", "grpc"] = _setting("http/protobuf", _PROTOCOL)
    """How OTLP travels."""
    otlp_compression: Literal["none", "gzip"] = _setting("none", _COMPRESSION)
    """What is done to the body of a request."""
    otlp_timeout_s: float = _setting(10.0, TIMEOUT)
    """Longest time for one request, in seconds."""
    otlp_certificate: str = _setting("", PATH)
    """File with the authorities that the server's certificate is checked against."""
    otlp_client_key: str = _setting("", PATH)
    """File with our private key, for mutual TLS."""
    otlp_client_certificate: str = _setting("", PATH)
    """File with our certificate, for mutual TLS."""
    otlp_insecure: bool = _setting(default=False, rule=BOOLEAN)
    """gRPC to an endpoint without a scheme: true to talk without TLS."""

    otlp_traces_endpoint: str = _setting("", URL)
    """URL of the receiver for spans, used as it is."""
    otlp_traces_headers: Mapping[str, str] = _setting(SecretPairs(), HEADERS)
    """Headers of requests with spans, instead of the general ones."""
    otlp_traces_protocol: Literal["", "http/protobuf", "grpc"] = _setting("", _PROTOCOL)
    """How OTLP travels for spans."""
    otlp_traces_compression: Literal["", "none", "gzip"] = _setting("", _COMPRESSION)
    """What is done to the body of a request with spans."""
    otlp_traces_timeout_s: float | None = _setting(None, TIMEOUT)
    """Longest time for one request with spans, in seconds."""
    otlp_traces_certificate: str = _setting("", PATH)
    """The same for spans."""
    otlp_traces_client_key: str = _setting("", PATH)
    """The same for spans."""
    otlp_traces_client_certificate: str = _setting("", PATH)
    """The same for spans."""
    otlp_traces_insecure: bool | None = _setting(None, BOOLEAN)
    """The same for spans."""

    otlp_metrics_endpoint: str = _setting("", URL)
    """URL of the receiver for metrics, used as it is."""
    otlp_metrics_headers: Mapping[str, str] = _setting(SecretPairs(), HEADERS)
    """Headers of requests with metrics, instead of the general ones."""
    otlp_metrics_protocol: Literal["", "http/protobuf", "grpc"] = _setting("", _PROTOCOL)
    """How OTLP travels for metrics."""
    otlp_metrics_compression: Literal["", "none", "gzip"] = _setting("", _COMPRESSION)
    """What is done to the body of a request with metrics."""
    otlp_metrics_timeout_s: float | None = _setting(None, TIMEOUT)
    """Longest time for one request with metrics, in seconds."""
    otlp_metrics_certificate: str = _setting("", PATH)
    """The same for metrics."""
    otlp_metrics_client_key: str = _setting("", PATH)
    """The same for metrics."""
    otlp_metrics_client_certificate: str = _setting("", PATH)
    """The same for metrics."""
    otlp_metrics_insecure: bool | None = _setting(None, BOOLEAN)
    """The same for metrics."""

    otlp_logs_endpoint: str = _setting("", URL)
    """URL of the receiver for log records, used as it is."""
    otlp_logs_headers: Mapping[str, str] = _setting(SecretPairs(), HEADERS)
    """Headers of requests with log records, instead of the general ones."""
    otlp_logs_protocol: Literal["", "http/protobuf", "grpc"] = _setting("", _PROTOCOL)
    """How OTLP travels for log records."""
    otlp_logs_compression: Literal["", "none", "gzip"] = _setting("", _COMPRESSION)
    """What is done to the body of a request with log records."""
    otlp_logs_timeout_s: float | None = _setting(None, TIMEOUT)
    """Longest time for one request with log records, in seconds."""
    otlp_logs_certificate: str = _setting("", PATH)
    """The same for log records."""
    otlp_logs_client_key: str = _setting("", PATH)
    """The same for log records."""
    otlp_logs_client_certificate: str = _setting("", PATH)
    """The same for log records."""
    otlp_logs_insecure: bool | None = _setting(None, BOOLEAN)
    """The same for log records."""

    bsp_schedule_delay_s: float = _setting(5.0, DURATION)
    """Longest time that a span waits to be sent, in seconds."""
    bsp_max_queue_size: int = _setting(32_768, _POSITIVE)
    """Most spans that wait; further ones push out the oldest. More than the 2048 of the
    specification, as `queue_bytes` bounds the memory."""
    bsp_max_export_batch_size: int = _setting(512, _POSITIVE)
    """Most spans in one batch; at most the size of the queue."""
    bsp_export_timeout_s: float = _setting(30.0, TIMEOUT)
    """Longest time for one try to send a batch of spans, in seconds."""
    blrp_schedule_delay_s: float = _setting(1.0, DURATION)
    """Longest time that a log record waits to be sent, in seconds."""
    blrp_max_queue_size: int = _setting(32_768, _POSITIVE)
    """Most log records that wait; further ones push out the oldest."""
    blrp_max_export_batch_size: int = _setting(512, _POSITIVE)
    """Most log records in one batch; at most the size of the queue."""
    blrp_export_timeout_s: float = _setting(30.0, TIMEOUT)
    """Longest time for one try to send a batch of log records, in seconds."""
    metric_export_interval_s: float = _setting(60.0, DURATION)
    """Time from one sending of the metrics to the next, in seconds."""
    metric_export_timeout_s: float = _setting(30.0, TIMEOUT)
    """Longest time for one try to send the metrics, in seconds."""
    queue_bytes: int = _setting(16 * 1024 * 1024, SIZE)
    """Most memory for records that wait, in bytes, for each signal."""
    exit_timeout_s: float = _setting(2.0, DURATION_OR_ZERO)
    """Longest time that sending what is left may delay the end of the process, in seconds."""
    durability: Literal["normal", "always"] = _setting("normal", choice("normal", "always"))
    """`always` writes everything to disk before it is sent, 0.1 s after it was recorded."""
    spool: Literal["on", "exit", "off"] = _setting("on", choice("on", "exit", "off"))
    """Whether what cannot be sent is kept on disk: as soon as that is known, at the end of the
    process only, or never."""
    spool_dir: str = _setting("", PATH)
    """Folder for it; empty: in the user's folder for state."""
    spool_max_bytes: int = _setting(128 * 1024 * 1024, SIZE)
    """Most that lies there of each signal and destination, in bytes; the oldest goes first."""
    spool_max_age_s: float = _setting(48 * 3600.0, DURATION)
    """What has lain there longer is not sent any more, in seconds."""
    spool_key: str = _setting("", SPOOL_KEY)
    """Key that encrypts it: 32 bytes in URL-safe base64."""

    attribute_count_limit: int | None = _setting(None, _COUNT)
    """Most attributes of anything that has no limit of its own."""
    attribute_value_length_limit: int | None = _setting(None, _COUNT)
    """Longest text of an attribute, in characters, of anything that has no limit of its own."""
    span_attribute_count_limit: int = _setting(128, _COUNT)
    """Most attributes of a span."""
    span_attribute_value_length_limit: int | None = _setting(None, _COUNT)
    """Longest text of a span's attribute, in characters."""
    span_event_count_limit: int = _setting(128, _COUNT)
    """Most events of a span."""
    span_link_count_limit: int = _setting(128, _COUNT)
    """Most links of a span."""
    event_attribute_count_limit: int = _setting(128, _COUNT)
    """Most attributes of a span's event."""
    link_attribute_count_limit: int = _setting(128, _COUNT)
    """Most attributes of a span's link."""
    logrecord_attribute_count_limit: int = _setting(128, _COUNT)
    """Most attributes of a log record."""
    logrecord_attribute_value_length_limit: int | None = _setting(None, _COUNT)
    """Longest text of a log record's attribute, in characters."""

    traces_sampler: str = _setting("parentbased_always_on", _SAMPLER)
    """Which traces are recorded."""
    traces_sampler_arg: str = _setting("", SAMPLER_ARG)
    """For the `traceidratio` samplers: the share of traces that is recorded; empty is 1."""
    propagators: tuple[str, ...] = _setting(("tracecontext", "baggage"), _PROPAGATORS)
    """In which formats a trace crosses to other processes; empty for `none`."""

    metrics_temporality: Literal["cumulative", "delta", "lowmemory"] = _setting(
        "cumulative", choice("cumulative", "delta", "lowmemory")
    )
    """What pushed counters and histograms say: the total since the start, or what came since the
    push before (`delta` and `lowmemory`)."""
    metrics_histograms: Literal[
        "explicit_bucket_histogram", "base2_exponential_bucket_histogram"
    ] = _setting(
        "explicit_bucket_histogram",
        choice("explicit_bucket_histogram", "base2_exponential_bucket_histogram"),
    )
    """Which ranges pushed histograms have; a scrape always has the explicit ones."""
    metrics_exemplars: Literal["trace_based", "always_on", "always_off"] = _setting(
        "trace_based", choice("trace_based", "always_on", "always_off")
    )
    """Which updates may become exemplars: those in sampled traces, all, or none."""
    max_label_sets: int = _setting(2_000, _POSITIVE)
    """Most label sets of a metric; further ones share one series."""
    max_label_length: int = _setting(256, _POSITIVE)
    """Longest value of a label, in characters."""
    prometheus_host: str = _setting("127.0.0.1", TEXT)
    """Address that serves the metrics, if `metrics_exporter` has `prometheus`."""
    prometheus_port: int = _setting(9464, _PORT)
    """Port that serves the metrics; 0 for any."""
    metrics_token: str = _setting("", SECRET)
    """Whoever asks for metrics over HTTP must send this as a bearer token; empty for no check."""
    multiprocess: bool = _setting(default=False, rule=BOOLEAN)
    """True if several worker processes are one service: each scrape tells the numbers of all."""
    multiprocess_dir: str = _setting("", PATH)
    """Folder that these processes share; empty: one in the folder for temporary files, made for
    their process group."""

    memory: Literal["rss", "alloc", "off"] = _setting("rss", choice("rss", "alloc", "off"))
    """Which memory a transaction measures: that of the process, that of Python objects (slow) or
    none."""
    slow_transaction_s: float | None = _setting(1.0, OPTIONAL_DURATION)
    """A transaction that takes longer gets a log line, in seconds; `off` for none."""
    transaction_buckets: tuple[float, ...] = _setting(_BUCKETS_S, BUCKETS)
    """Upper bounds of the histogram of transaction durations, in seconds."""

    _sources: Mapping[str, str] = Pairs()

    def __post_init__(self) -> None:
        # Whoever makes settings by hand may pass plain dicts: they can be changed and show secrets.
        for name, rule in _OF_PAIRS.items():
            kind = SecretPairs if rule.secret else Pairs
            if type(self._get(name)) is not kind:
                object.__setattr__(self, name, kind(self._get(name)))

    def source_of(self, name: str) -> str:
        """Return where the value of setting *name* is from.

        Returns:
            ``"argument"``, ``"environment"``, the path of the file, or ``"default"``.

        Raises:
            KeyError: If there is no setting *name*.
        """
        if name not in RULES:
            raise KeyError(name)
        is_default = DEFAULTS[name] is MISSING or self._get(name) == DEFAULTS[name]
        return self._sources.get(name, DEFAULT if is_default else ARGUMENT)

    def describe(self) -> Iterator[tuple[str, str, str]]:
        """Yield (name, value as text, source) for every setting, without secrets."""
        for name, rule in RULES.items():
            yield name, rule.show(self._get(name)), self.source_of(name)

    def otlp(self, signal: Signal) -> OtlpSettings:
        """Return what an OTLP exporter of *signal* needs, per-signal settings first."""
        return _otlp.settings(self._get, signal)

    def exporters(self, signal: Signal) -> tuple[str, ...] | None:
        """Return the names of the exporters for *signal*.

        Returns:
            The names; ``()`` if the user wants none; ``None`` if the user has named none, set no
            endpoint and no file, so that the library's own default applies.
        """
        named: tuple[str, ...] = self._get(f"{signal}_exporter")
        if named == ("none",):
            return ()
        has_endpoint = bool(_otlp.pick(self._get, signal, "endpoint"))
        chosen = named or (("otlp",) if has_endpoint else ())
        if self.otlp_file and "otlp_file" not in chosen:
            chosen = (*chosen, "otlp_file")
        return chosen or None

    def with_(self, **changes: Any) -> "Config":
        """Return a copy with *changes*, checked like arguments of `init()`.

        ``None`` counts as not given, so it changes nothing.

        Raises:
            ConfigError: If a setting does not exist or a value cannot be used; lists all.
        """
        draft = start_draft()
        for name in RULES:
            source = self.source_of(name)
            if source != DEFAULT or name == "service_name":
                draft.set(name, self._get(name), typed=name, source=source)
        draft.offer_all(changes, source=ARGUMENT)
        config = finish(draft)
        if draft.problems:
            raise ConfigError(draft.problems)
        return config

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Config):
            return NotImplemented
        return all(self._get(name) == getattr(other, name) for name in RULES)

    def __hash__(self) -> int:
        return hash(tuple(self._get(name) for name in RULES))

    def _get(self, name: str) -> Any:
        return getattr(self, name)

    def __repr__(self) -> str:
        shown = (
            f"{name}={rule.show(self._get(name))}"
            for name, rule in RULES.items()
            if name == "service_name" or self._get(name) != DEFAULTS.get(name)
        )
        return f"Config({', '.join(shown)})"


RULES: Mapping[str, Rule] = {
    made.name: made.metadata["rule"] for made in fields(Config) if "rule" in made.metadata
}
"""What each setting accepts."""

_OF_PAIRS = {
    name: rule for name, rule in RULES.items() if rule in (PAIRS, HEADERS, LEVELS, PATTERNS)
}

DEFAULTS: Mapping[str, Any] = {
    made.name: made.default for made in fields(Config) if made.name in RULES
}
"""Each setting's default; ``MISSING`` for those that are computed."""


def start_draft() -> Draft:
    """Return a draft in which nothing is set."""
    return Draft(RULES, DEFAULTS)


def finish(draft: Draft) -> Config:
    """Make what is in *draft* fit together and return it; the draft keeps the problems."""
    check(draft)
    return Config(**draft.values, _sources=Pairs(draft.sources))
