"""The environment: which variable is which setting. The only reader of ``os.environ``.

Source:
    OpenTelemetry specification, "Environment Variable Specification" and "OpenTelemetry Protocol
    Exporter".
"""

import os
from collections.abc import Mapping

from testpilot_obs.config import _otlp
from testpilot_obs.config._parse import MILLISECOND_S
from testpilot_obs.protocols import SIGNALS

CONFIG_FILE = "TESTPILOT_OBS_CONFIG_FILE"
"""Names a TOML file to read instead of ``pyproject.toml``; not a setting itself."""


def _otlp_variables() -> dict[str, str]:
    scopes = ("", *(f"{signal}_" for signal in SIGNALS))
    return {
        f"OTEL_EXPORTER_OTLP_{scope}{option.removesuffix('_s')}".upper(): f"otlp_{scope}{option}"
        for scope in scopes
        for option in _otlp.OPTIONS
    }


# The resource comes first, as settings of their own win over what it says.
VARIABLES: Mapping[str, str] = {
    "OTEL_RESOURCE_ATTRIBUTES": "resource_attributes",
    "OTEL_SERVICE_NAME": "service_name",
    "OTEL_SDK_DISABLED": "disabled",
    "TESTPILOT_OBS_PROVIDERS": "providers",
    "LOG_LEVEL": "log_level",
    "TESTPILOT_OBS_LOG_LEVELS": "log_levels",
    "TESTPILOT_OBS_LOG_FORMAT": "log_format",
    "TESTPILOT_OBS_LOG_SCHEMA": "log_schema",
    "TESTPILOT_OBS_LOG_CALLER": "log_caller",
    "TESTPILOT_OBS_LOG_LOCALS": "log_locals",
    "TESTPILOT_OBS_LOG_LOGGERS": "log_loggers",
    "TESTPILOT_OBS_LOG_DIR": "log_dir",
    "TESTPILOT_OBS_LOG_FILE_SIZE": "log_file_size",
    "TESTPILOT_OBS_LOG_FILE_INTERVAL": "log_file_interval_s",
    "TESTPILOT_OBS_LOG_FILE_COUNT": "log_file_count",
    "TESTPILOT_OBS_LOG_FILE_AGE": "log_file_age_s",
    "TESTPILOT_OBS_LOG_FILE_GZIP": "log_file_gzip",
    "TESTPILOT_OBS_AUDIT_FILE": "audit_file",
    "TESTPILOT_OBS_LOG_RATE_LIMIT": "log_rate_limit",
    "TESTPILOT_OBS_LOG_DEBUG_BUFFER": "log_debug_buffer",
    "TESTPILOT_OBS_LOG_LEVEL_SIGNAL": "log_level_signal",
    "TESTPILOT_OBS_LOG_LEVEL_HEADER": "log_level_header",
    "TESTPILOT_OBS_REDACTION": "redaction",
    "TESTPILOT_OBS_REDACT_KEYS": "redact_keys",
    "TESTPILOT_OBS_REDACT_ALLOW": "redact_allow",
    "TESTPILOT_OBS_REDACT_PATTERNS": "redact_patterns",
    "TESTPILOT_OBS_REDACT_EMAIL": "redact_email",
    "OTEL_LOG_LEVEL": "otel_log_level",
    "OTEL_TRACES_EXPORTER": "traces_exporter",
    "OTEL_METRICS_EXPORTER": "metrics_exporter",
    "OTEL_LOGS_EXPORTER": "logs_exporter",
    "TESTPILOT_OBS_OTLP_FILE": "otlp_file",
    **_otlp_variables(),
    "OTEL_BSP_SCHEDULE_DELAY": "bsp_schedule_delay_s",
    "OTEL_BSP_MAX_QUEUE_SIZE": "bsp_max_queue_size",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "bsp_max_export_batch_size",
    "OTEL_BSP_EXPORT_TIMEOUT": "bsp_export_timeout_s",
    "OTEL_BLRP_SCHEDULE_DELAY": "blrp_schedule_delay_s",
    "OTEL_BLRP_MAX_QUEUE_SIZE": "blrp_max_queue_size",
    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "blrp_max_export_batch_size",
    "OTEL_BLRP_EXPORT_TIMEOUT": "blrp_export_timeout_s",
    "OTEL_METRIC_EXPORT_INTERVAL": "metric_export_interval_s",
    "OTEL_METRIC_EXPORT_TIMEOUT": "metric_export_timeout_s",
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "metrics_temporality",
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "metrics_histograms",
    "OTEL_METRICS_EXEMPLAR_FILTER": "metrics_exemplars",
    "OTEL_EXPORTER_PROMETHEUS_HOST": "prometheus_host",
    "OTEL_EXPORTER_PROMETHEUS_PORT": "prometheus_port",
    "TESTPILOT_OBS_METRICS_TOKEN": "metrics_token",
    "TESTPILOT_OBS_MAX_LABEL_SETS": "max_label_sets",
    "TESTPILOT_OBS_MAX_LABEL_LENGTH": "max_label_length",
    "TESTPILOT_OBS_MULTIPROCESS": "multiprocess",
    "TESTPILOT_OBS_MULTIPROCESS_DIR": "multiprocess_dir",
    "TESTPILOT_OBS_QUEUE_BYTES": "queue_bytes",
    "TESTPILOT_OBS_EXIT_TIMEOUT": "exit_timeout_s",
    "TESTPILOT_OBS_DURABILITY": "durability",
    "TESTPILOT_OBS_SPOOL": "spool",
    "TESTPILOT_OBS_SPOOL_DIR": "spool_dir",
    "TESTPILOT_OBS_SPOOL_MAX_BYTES": "spool_max_bytes",
    "TESTPILOT_OBS_SPOOL_MAX_AGE": "spool_max_age_s",
    "TESTPILOT_OBS_SPOOL_KEY": "spool_key",
    "OTEL_ATTRIBUTE_COUNT_LIMIT": "attribute_count_limit",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "attribute_value_length_limit",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "span_attribute_count_limit",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "span_attribute_value_length_limit",
    "OTEL_SPAN_EVENT_COUNT_LIMIT": "span_event_count_limit",
    "OTEL_SPAN_LINK_COUNT_LIMIT": "span_link_count_limit",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "event_attribute_count_limit",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": "link_attribute_count_limit",
    "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": "logrecord_attribute_count_limit",
    "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT": "logrecord_attribute_value_length_limit",
    "OTEL_TRACES_SAMPLER": "traces_sampler",
    "OTEL_TRACES_SAMPLER_ARG": "traces_sampler_arg",
    "OTEL_PROPAGATORS": "propagators",
    "TESTPILOT_OBS_MEMORY": "memory",
    "TESTPILOT_OBS_SLOW_TRANSACTION": "slow_transaction_s",
    "TESTPILOT_OBS_TRANSACTION_BUCKETS": "transaction_buckets",
}
"""Every variable that is read, and the setting that it sets."""

NOT_USED: Mapping[str, str] = {
    "OTEL_CONFIG_FILE": "",
    "OTEL_EXPERIMENTAL_CONFIG_FILE": "",
    "OTEL_EXPORTER_ZIPKIN_ENDPOINT": "",
    "OTEL_EXPORTER_ZIPKIN_TIMEOUT": "",
    "OTEL_EXPORTER_ZIPKIN_PROTOCOL": "",
    "OTEL_EXPORTER_JAEGER_AGENT_HOST": "",
    "OTEL_EXPORTER_JAEGER_AGENT_PORT": "",
    "OTEL_EXPORTER_JAEGER_ENDPOINT": "",
    "OTEL_EXPORTER_JAEGER_PASSWORD": "",
    "OTEL_EXPORTER_JAEGER_PROTOCOL": "",
    "OTEL_EXPORTER_JAEGER_TIMEOUT": "",
    "OTEL_EXPORTER_JAEGER_USER": "",
}
"""Variables of the specification that are known and change nothing here, and the value that asks
for what is done anyway (empty if there is none): any other value gets a warning."""

_PROXIES = frozenset({"ALL_PROXY", "GRPC_PROXY", "HTTPS_PROXY", "HTTP_PROXY"})

OF_OTHERS = (
    "OTEL_ENTITIES",
    "OTEL_EXPERIMENTAL_",
    "OTEL_EXPORTER_OTLP_PROFILES_",
    "OTEL_INSTRUMENTATION_",
    "OTEL_PROFILES_EXPORTER",
    "OTEL_PYTHON_",
    "OTEL_RESOURCE_PROVIDERS_",
    "OTEL_SEMCONV_",
)
"""What names begin with that other parts of OpenTelemetry read; never remarked upon."""


def snapshot(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that are set, trimmed; an empty one counts as not set."""
    raw = os.environ if environ is None else environ
    return {name: text for name, value in raw.items() if (text := value.strip())}


def bare_s(variable: str) -> float:
    """Return how many seconds a number without a unit in *variable* counts for."""
    return MILLISECOND_S if variable.startswith("OTEL_") else 1.0


def proxies(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the variables that name a proxy, which other programs use and we do not."""
    return tuple(name for name in sorted(snapshot(environ)) if name.upper() in _PROXIES)


def known_names() -> tuple[str, ...]:
    """Return the names of all environment variables that testpilot_obs reads."""
    return (*VARIABLES, CONFIG_FILE)
