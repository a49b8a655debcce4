"""Every environment variable: its default, a good value, and what happens with a bad one."""

from typing import Any, NamedTuple

import pytest

from testpilot_obs.config import Config, Pairs, SecretPairs, known_names, load
from testpilot_obs.config._env import CONFIG_FILE, NOT_USED, VARIABLES
from testpilot_obs.errors import ConfigError

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
TWO_LINES = "a\nb"
OFF, ON = False, True


class Row(NamedTuple):
    """What one variable must do."""

    variable: str
    field: str
    default: Any
    good: str
    value: Any
    bad: str
    needs: tuple[tuple[str, str], ...] = ()


def otlp_rows(scope, default):
    """Return the rows of the nine OTLP variables of all signals or of one."""
    name, field = f"OTEL_EXPORTER_OTLP_{scope.upper()}", f"otlp_{scope}"
    headers = SecretPairs({"api-key": "a,b", "x": "1="})
    return [
        Row(f"{name}ENDPOINT", f"{field}endpoint", "", "http://c:1", "http://c:1", "c:4318"),
        Row(f"{name}HEADERS", f"{field}headers", {}, "Api-Key=a%2Cb, x=1=", headers, "nonsense"),
        Row(f"{name}PROTOCOL", f"{field}protocol", default[0], "grpc", "grpc", "http/json"),
        Row(f"{name}COMPRESSION", f"{field}compression", default[1], "GZIP", "gzip", "zstd"),
        Row(f"{name}TIMEOUT", f"{field}timeout_s", default[2], "2500", 2.5, "-1"),
        Row(f"{name}CERTIFICATE", f"{field}certificate", "", "C:\\ca.pem", "C:\\ca.pem", TWO_LINES),
        Row(f"{name}CLIENT_KEY", f"{field}client_key", "", "/k.pem", "/k.pem", TWO_LINES),
        Row(
            f"{name}CLIENT_CERTIFICATE",
            f"{field}client_certificate",
            "",
            "/my certs/c.pem",
            "/my certs/c.pem",
            TWO_LINES,
        ),
        Row(f"{name}INSECURE", f"{field}insecure", default[3], "True", ON, "1"),
    ]


def batch_rows(kind, delay_s):
    """Return the rows of one of the two batching queues."""
    name, field = f"OTEL_{kind.upper()}", kind
    return [
        Row(f"{name}_SCHEDULE_DELAY", f"{field}_schedule_delay_s", delay_s, "200", 0.2, "-5"),
        Row(f"{name}_MAX_QUEUE_SIZE", f"{field}_max_queue_size", 32768, "4096", 4096, "0"),
        Row(f"{name}_MAX_EXPORT_BATCH_SIZE", f"{field}_max_export_batch_size", 512, "9", 9, "0"),
        Row(f"{name}_EXPORT_TIMEOUT", f"{field}_export_timeout_s", 30.0, "1s", 1.0, "soon"),
    ]


def metrics_rows():
    """Return the rows of metrics."""
    explicit, base2 = "explicit_bucket_histogram", "base2_exponential_bucket_histogram"
    otlp = "OTEL_EXPORTER_OTLP_METRICS"
    return [
        Row(
            f"{otlp}_TEMPORALITY_PREFERENCE",
            "metrics_temporality",
            "cumulative",
            "Delta",
            "delta",
            "x",
        ),
        Row(
            f"{otlp}_DEFAULT_HISTOGRAM_AGGREGATION",
            "metrics_histograms",
            explicit,
            base2,
            base2,
            "x",
        ),
        Row(
            "OTEL_METRICS_EXEMPLAR_FILTER",
            "metrics_exemplars",
            "trace_based",
            "always_off",
            "always_off",
            "some",
        ),
        Row(
            "OTEL_EXPORTER_PROMETHEUS_HOST",
            "prometheus_host",
            "127.0.0.1",
            "::1",
            "::1",
            TWO_LINES,
        ),
        Row("OTEL_EXPORTER_PROMETHEUS_PORT", "prometheus_port", 9464, "0", 0, "65536"),
        Row("TESTPILOT_OBS_METRICS_TOKEN", "metrics_token", "", "s3cret", "s3cret", TWO_LINES),
        Row("TESTPILOT_OBS_MAX_LABEL_SETS", "max_label_sets", 2_000, "10", 10, "0"),
        Row("TESTPILOT_OBS_MAX_LABEL_LENGTH", "max_label_length", 256, "64", 64, "0"),
        Row("TESTPILOT_OBS_MULTIPROCESS", "multiprocess", OFF, "true", ON, "yes"),
        Row(
            "TESTPILOT_OBS_MULTIPROCESS_DIR", "multiprocess_dir", "", "/run/x", "/run/x", TWO_LINES
        ),
    ]


def limit_rows():
    """Return the rows of the limits."""
    counts = ("span_attribute", "span_event", "span_link", "event_attribute", "link_attribute")
    return [
        Row("OTEL_ATTRIBUTE_COUNT_LIMIT", "attribute_count_limit", None, "64", 64, "-1"),
        *(
            Row(f"OTEL_{name}_COUNT_LIMIT".upper(), f"{name}_count_limit", 128, "0", 0, "many")
            for name in (*counts, "logrecord_attribute")
        ),
        *(
            Row(f"OTEL_{name}_LIMIT".upper(), f"{name}_limit", None, "4096", 4096, "1.5")
            for name in (
                "attribute_value_length",
                "span_attribute_value_length",
                "logrecord_attribute_value_length",
            )
        ),
    ]


def log_rows():
    """Return the rows of the settings of logs."""
    name, levels = "TESTPILOT_OBS_LOG", Pairs({"app.*": "DEBUG", "a": "WARNING"})
    return [
        Row(f"{name}_LEVELS", "log_levels", {}, "app.*=debug,a=warn", levels, "app=loud"),
        Row(f"{name}_SCHEMA", "log_schema", "default", "ECS", "ecs", "splunk"),
        Row(f"{name}_CALLER", "log_caller", OFF, "true", ON, "1"),
        Row(f"{name}_LOCALS", "log_locals", OFF, "true", ON, "1"),
        Row(f"{name}_LOGGERS", "log_loggers", (), "a, b.c", ("a", "b.c"), TWO_LINES),
        Row(f"{name}_DIR", "log_dir", "", "logs", "logs", TWO_LINES),
        Row(f"{name}_FILE_SIZE", "log_file_size", 104857600, "64kb", 65536, "0"),
        Row(f"{name}_FILE_INTERVAL", "log_file_interval_s", None, "24h", 86400.0, "daily"),
        Row(f"{name}_FILE_COUNT", "log_file_count", 10, "0", 0, "-1"),
        Row(f"{name}_FILE_AGE", "log_file_age_s", None, "48h", 172800.0, "long"),
        Row(f"{name}_FILE_GZIP", "log_file_gzip", OFF, "true", ON, "yes"),
        Row("TESTPILOT_OBS_AUDIT_FILE", "audit_file", "", "a.log", "a.log", TWO_LINES),
        Row(f"{name}_RATE_LIMIT", "log_rate_limit", 0, "100", 100, "few"),
        Row(f"{name}_DEBUG_BUFFER", "log_debug_buffer", 0, "50", 50, "few"),
        Row(f"{name}_LEVEL_SIGNAL", "log_level_signal", "", "usr1", "SIGUSR1", "USR9"),
        Row(f"{name}_LEVEL_HEADER", "log_level_header", "", "x-level", "x-level", TWO_LINES),
    ]


def redaction_rows():
    """Return the rows of the settings of redaction."""
    name, kinds = "TESTPILOT_OBS_REDACT", Pairs({"ticket": "T-[0-9]{6}"})
    return [
        Row(f"{name}ION", "redaction", ON, "false", OFF, "no"),
        Row(f"{name}_KEYS", "redact_keys", (), "pin, x_*", ("pin", "x_*"), TWO_LINES),
        Row(f"{name}_ALLOW", "redact_allow", (), "session", ("session",), TWO_LINES),
        Row(f"{name}_PATTERNS", "redact_patterns", {}, "ticket=T-[0-9]{6}", kinds, "a=("),
        Row(f"{name}_EMAIL", "redact_email", OFF, "true", ON, "1"),
    ]


EXPORTERS = ("otlp", "console")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
RATIO = (("OTEL_TRACES_SAMPLER", "traceidratio"),)
TABLE = [
    Row("OTEL_SERVICE_NAME", "service_name", Config().service_name, " shop ", "shop", TWO_LINES),
    Row(
        "OTEL_RESOURCE_ATTRIBUTES",
        "resource_attributes",
        {},
        "team=core,note=a%2Cb%3D",
        Pairs({"team": "core", "note": "a,b="}),
        "team=core,nonsense",
    ),
    Row("OTEL_SDK_DISABLED", "disabled", OFF, "TRUE", ON, "yes"),
    Row("TESTPILOT_OBS_PROVIDERS", "providers", "auto", "join", "join", "share"),
    Row("LOG_LEVEL", "log_level", "INFO", "warn", "WARNING", "loud"),
    Row("TESTPILOT_OBS_LOG_FORMAT", "log_format", "auto", "JSON", "json", "xml"),
    *log_rows(),
    *redaction_rows(),
    Row("OTEL_LOG_LEVEL", "otel_log_level", "info", "DEBUG", "debug", "loud"),
    Row("OTEL_TRACES_EXPORTER", "traces_exporter", (), "otlp, console,", EXPORTERS, "zipkin"),
    Row(
        "OTEL_METRICS_EXPORTER", "metrics_exporter", (), "prometheus", ("prometheus",), "none,otlp"
    ),
    Row("OTEL_LOGS_EXPORTER", "logs_exporter", (), "none", ("none",), "prometheus"),
    Row("TESTPILOT_OBS_OTLP_FILE", "otlp_file", "", "C:\\out.jsonl", "C:\\out.jsonl", TWO_LINES),
    *otlp_rows("", ("http/protobuf", "none", 10.0, False)),
    *otlp_rows("traces_", ("", "", None, None)),
    *otlp_rows("metrics_", ("", "", None, None)),
    *otlp_rows("logs_", ("", "", None, None)),
    *batch_rows("bsp", 5.0),
    *batch_rows("blrp", 1.0),
    Row("OTEL_METRIC_EXPORT_INTERVAL", "metric_export_interval_s", 60.0, "15000", 15.0, "0"),
    Row("OTEL_METRIC_EXPORT_TIMEOUT", "metric_export_timeout_s", 30.0, "5m", 300.0, "1 day"),
    *metrics_rows(),
    Row("TESTPILOT_OBS_QUEUE_BYTES", "queue_bytes", 16 << 20, "64kb", 65536, "0"),
    Row("TESTPILOT_OBS_EXIT_TIMEOUT", "exit_timeout_s", 2.0, "0.5", 0.5, "-1"),
    Row("TESTPILOT_OBS_DURABILITY", "durability", "normal", "ALWAYS", "always", "never"),
    Row("TESTPILOT_OBS_SPOOL", "spool", "on", "exit", "exit", "true"),
    Row("TESTPILOT_OBS_SPOOL_DIR", "spool_dir", "", "state", "state", TWO_LINES),
    Row("TESTPILOT_OBS_SPOOL_MAX_BYTES", "spool_max_bytes", 128 << 20, "1gb", 1 << 30, "0"),
    Row("TESTPILOT_OBS_SPOOL_MAX_AGE", "spool_max_age_s", 172_800.0, "12h", 43_200.0, "0"),
    Row("TESTPILOT_OBS_SPOOL_KEY", "spool_key", "", KEY, KEY, "c2hvcnQ="),
    *limit_rows(),
    Row(
        "OTEL_TRACES_SAMPLER",
        "traces_sampler",
        "parentbased_always_on",
        "traceidratio",
        "traceidratio",
        "jaeger_remote",
    ),
    Row("OTEL_TRACES_SAMPLER_ARG", "traces_sampler_arg", "", "0.25", "0.25", "1.5", RATIO),
    Row(
        "OTEL_PROPAGATORS",
        "propagators",
        ("tracecontext", "baggage"),
        "b3,b3,baggage",
        ("b3", "baggage"),
        "pigeon",
    ),
    Row("TESTPILOT_OBS_MEMORY", "memory", "rss", "alloc", "alloc", "all"),
    Row("TESTPILOT_OBS_SLOW_TRANSACTION", "slow_transaction_s", 1.0, "off", None, "never"),
    Row(
        "TESTPILOT_OBS_TRANSACTION_BUCKETS",
        "transaction_buckets",
        BUCKETS,
        "100ms,1,10",
        (0.1, 1.0, 10.0),
        "1,0.5",
    ),
]

rows = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.variable)


@pytest.fixture
def load_with(tmp_path):
    """Load with some variables set and no file."""

    def load_these(environ, **arguments):
        return load(arguments, environ=environ, cwd=tmp_path)

    return load_these


def test_表は読まれる変数をすべて含む():
    """The table has one row for each variable that is read."""
    assert sorted(row.variable for row in TABLE) == sorted(VARIABLES)
    assert set(known_names()) == {*VARIABLES, CONFIG_FILE}
    assert not set(VARIABLES) & set(NOT_USED)


@rows
def test_未設定と空は既定値になる(row, load_with, caplog):
    """A variable that is not set, or empty, leaves the default, in silence."""
    unset, empty = load_with({}), load_with({row.variable: "  "})

    assert getattr(unset, row.field) == getattr(empty, row.field) == row.default
    assert unset.source_of(row.field) == "default"
    assert not caplog.records


@rows
def test_正しい値は使われる(row, load_with, caplog):
    """A good value is converted and remembers that it is from the environment."""
    config = load_with({row.variable: row.good, **dict(row.needs)})

    assert getattr(config, row.field) == row.value
    assert type(getattr(config, row.field)) is type(row.value)
    assert config.source_of(row.field) == "environment"
    assert not caplog.records


@rows
def test_誤った値は警告され既定値になる(row, load_with, caplog):
    """A bad value leaves the default; one warning names variable, value and what is expected."""
    config = load_with({row.variable: row.bad, **dict(row.needs)})

    [record] = caplog.records
    is_secret = any(word in row.variable for word in ("HEADERS", "TOKEN", "SPOOL_KEY"))
    shown = "***" if is_secret else repr(row.bad)
    assert f"{row.variable} = {shown} (from environment): expected " in record.getMessage()
    assert getattr(config, row.field) == row.default
    assert config.source_of(row.field) == "default"


@rows
def test_厳格なら誤った値は例外になる(row, load_with):
    """With strict=True a bad value raises and names the variable."""
    with pytest.raises(ConfigError) as raised:
        load_with({row.variable: row.bad, **dict(row.needs)}, strict=True)

    assert [problem.setting for problem in raised.value.problems] == [row.variable]


@rows
def test_誤った引数は例外になる(row, load_with):
    """An argument that cannot be used raises and names the argument."""
    wrong_type = object()

    with pytest.raises(ConfigError) as raised:
        load_with({}, **{row.field: wrong_type})

    [problem] = raised.value.problems
    assert (problem.setting, problem.source) == (row.field, "argument")
    assert problem.value in {"<object>", "***"}


def test_仕様の使われない変数は一度だけ知らされる(load_with, caplog):
    """A variable of the specification that changes nothing is reported, once."""
    environ = {
        "OTEL_EXPORTER_ZIPKIN_PROTOCOL": "http/json",
    }

    load_with(environ)
    load_with(environ)

    [record] = caplog.records
    assert "ZIPKIN_PROTOCOL is set, but testpilot_obs does not use it" in record.getMessage()


@pytest.mark.parametrize("value", ["0", "0ms"])
def test_待ち時間ゼロは無制限を意味する(load_with, value):
    """A timeout of 0 is no limit, for which the longest time of 32 bits stands."""
    config = load_with({"OTEL_EXPORTER_OTLP_TIMEOUT": value})

    assert config.otlp("traces").timeout_s == pytest.approx(2_147_483.647)


def test_一般の上限は個別の上限がないものに効く(load_with):
    """The general limits apply where there is no limit of its own."""
    config = load_with(
        {
            "OTEL_ATTRIBUTE_COUNT_LIMIT": "10",
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "99",
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "20",
        }
    )

    assert config.span_attribute_count_limit == 20
    assert config.event_attribute_count_limit == 10
    assert config.logrecord_attribute_value_length_limit == 99
    assert config.source_of("event_attribute_count_limit") == "environment"
    assert config.span_event_count_limit == 128


def test_小さな待ち行列には一束も合わせられる(load_with, caplog):
    """A queue smaller than the default batch makes the batch smaller, in silence."""
    config = load_with({"OTEL_BSP_MAX_QUEUE_SIZE": "100"})

    assert config.bsp_max_export_batch_size == 100
    assert not caplog.records


def test_待ち行列より大きな束は断られる(load_with, caplog):
    """A batch larger than the queue is refused, and the default made to fit."""
    config = load_with(
        {"OTEL_BLRP_MAX_QUEUE_SIZE": "100", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "101"}
    )

    assert config.blrp_max_export_batch_size == 100
    assert "expected at most the size of the queue, 100" in caplog.text


def test_比率でない標本器の引数は無視される(load_with, caplog):
    """The sampler's argument is of no interest to a sampler that takes none."""
    load_with({"OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_SAMPLER_ARG": "blue"})

    assert not caplog.records


@pytest.mark.parametrize("ratio", ["nan", "-0.1", "x"])
def test_比率は零から一でなければならない(load_with, caplog, ratio):
    """A ratio that is not from 0 to 1 counts as not set."""
    sampler = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio"}

    config = load_with({**sampler, "OTEL_TRACES_SAMPLER_ARG": ratio})

    assert config.traces_sampler_arg == ""
    assert "expected a number from 0 to 1" in caplog.text


@pytest.mark.parametrize("name", ["jaeger", "xray", "ottrace"])
def test_使えない伝搬形式は受け取らない(name):
    """A format that nothing here writes is refused, not taken for another one."""
    with pytest.raises(ConfigError, match="tracecontext, baggage, b3, b3multi"):
        load({"propagators": name}, environ={})


def test_伝播なしは空になる(load_with):
    """The propagators `none` are no propagators."""
    assert load_with({"OTEL_PROPAGATORS": "none"}).propagators == ()


def test_ファイル出力には経路が要る(load_with, caplog):
    """The exporter otlp_file without a path is refused."""
    config = load_with({"OTEL_LOGS_EXPORTER": "otlp_file"})

    assert config.exporters("logs") is None
    assert "OTEL_LOGS_EXPORTER" in caplog.text
    assert "expected otlp_file only with a path" in caplog.text
