"""A process that accepts OTLP over HTTP at once, and counts the spans only when asked.

``GET /count`` decodes what has come since the last time; so it takes no CPU from the sender
while that is being measured.
"""

import gzip
import http.server
import json
import sys
import threading

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_bodies: list[bytes] = []


class Handler(http.server.BaseHTTPRequestHandler):
    """Two paths: whatever is posted is accepted, ``/count`` counts."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        """Keep the body if it is of traces."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            packed = self.headers.get("Content-Encoding") == "gzip"
            _bodies.append(body if packed else gzip.compress(body))
        self._reply(b"", "application/x-protobuf")

    def do_GET(self) -> None:
        """Count and forget."""
        spans = 0
        while _bodies:
            request = ExportTraceServiceRequest.FromString(gzip.decompress(_bodies.pop()))
            spans += sum(len(s.spans) for r in request.resource_spans for s in r.scope_spans)
        self._reply(json.dumps({"spans": spans}).encode(), "application/json")

    def _reply(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def main() -> None:
    """Print the port and serve until standard input is closed."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
