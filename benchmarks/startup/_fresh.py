"""Run by path in a fresh interpreter, so that nothing but the library itself gets imported.

``python _fresh.py LIBRARY`` prints: seconds to import, seconds to initialise, bytes of resident
memory gained.
"""

import os
import sys
import time

IMPORT = {
    "limit": "import opentelemetry.trace",
    "import_api": "import opentelemetry.trace",
    # Lazy names are asked for, as decorators in a program do; alone the import is nearly free.
    "import_ours": "from testpilot_obs import span, start_transaction, traced",
    "testpilot_obs": "import testpilot_obs",
    "logfire": "import logfire",
    "sentry": "import sentry_sdk",
    "elastic": "import elasticapm",
    "opentelemetry": """
from opentelemetry import _logs, metrics, trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
""",
}
INIT = {
    "testpilot_obs": "testpilot_obs.init(service_name='bench')",
    "logfire": "logfire.configure(service_name='bench', send_to_logfire=False, console=False)",
    "sentry": "sentry_sdk.init('http://key@127.0.0.1:9/1', traces_sample_rate=1.0)",
    "elastic": "elasticapm.Client(service_name='bench', server_url='http://127.0.0.1:9')",
    "opentelemetry": """
resource = Resource.create({"service.name": "bench"})
traces = TracerProvider(resource=resource)
traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(traces)
reader = PeriodicExportingMetricReader(OTLPMetricExporter())
metrics.set_meter_provider(MeterProvider([reader], resource=resource))
logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
_logs.set_logger_provider(logs)
""",
}


def resident_bytes() -> int:
    """Return the resident memory of this process; its peak where there is no /proc."""
    try:
        file = os.open("/proc/self/statm", os.O_RDONLY)
        return int(os.read(file, 128).split()[1]) * 4096
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(name: str) -> None:
    """Import, initialise, print."""
    # A script's own folder is first in the path: nothing of it shall be found.
    sys.path.pop(0)
    scope: dict[str, object] = {}
    bare = resident_bytes()
    began = time.perf_counter()
    exec(IMPORT[name], scope)
    imported = time.perf_counter()
    exec(INIT.get(name, ""), scope)
    ended = time.perf_counter()
    gained = resident_bytes() - bare
    print(imported - began, ended - imported, gained, flush=True)
    # What a library does at exit is not measured, and its endpoint is a dead port.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
