"""Where finished records can go: OTLP over HTTP or gRPC, OTLP files, the console, memory."""

from testpilot_obs.exporters._console import ConsoleExporter
from testpilot_obs.exporters._memory import MemoryExporter
from testpilot_obs.exporters._otlp_file import OtlpFileExporter
from testpilot_obs.exporters._otlp_grpc import OtlpGrpcExporter
from testpilot_obs.exporters._otlp_http import OtlpHttpExporter
from testpilot_obs.exporters._otlp_logs import encode_line, encode_log
from testpilot_obs.exporters._otlp_metrics import encode_metric
from testpilot_obs.exporters._otlp_request import (
    assemble,
    encode_record,
    named_scope_key,
    scope_key,
)
from testpilot_obs.exporters._otlp_spans import encode_span, span_encoder
from testpilot_obs.exporters._otlp_split import count_records, split_request
from testpilot_obs.exporters._table import open  # noqa: A004  # exporters.open() reads well

__all__ = [
    "ConsoleExporter",
    "MemoryExporter",
    "OtlpFileExporter",
    "OtlpGrpcExporter",
    "OtlpHttpExporter",
    "assemble",
    "count_records",
    "encode_line",
    "encode_log",
    "encode_metric",
    "encode_record",
    "encode_span",
    "named_scope_key",
    "open",
    "scope_key",
    "span_encoder",
    "split_request",
]
