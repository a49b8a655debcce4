"""A small OTLP receiver in your own process: what was really sent, decoded, to look at.

It speaks OTLP/HTTP (protobuf, gzip or not) and OTLP/gRPC on free loopback ports, decodes with the
official ``opentelemetry-proto`` messages and keeps everything. For tests and demonstrations; it
needs the packages ``opentelemetry-proto`` and, for gRPC, ``grpcio``.

    with OtlpReceiver() as receiver:
        init(service_name="shop", otlp_endpoint=receiver.http_endpoint)
        ...
        receiver.wait_for(spans=2)
        assert receiver.spans[0].attributes["order"] == 7
"""

import socket
import ssl
import threading
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, get_args

from testpilot_obs.protocols import Signal

_GZIP_FORMAT = 31
_BAD_REQUEST, _NOT_FOUND, _UNSUPPORTED_TYPE = 400, 404, 415
_CONTENT_TYPE = "application/x-protobuf"


@dataclass(frozen=True)
class Received:
    """One span, log record or metric, with where it came from.

    Fields of the protobuf message are read through: ``received.name``, ``received.trace_id``.
    """

    record: Any
    """``Span``, ``LogRecord`` or ``Metric`` of ``opentelemetry.proto``."""
    resource: Mapping[str, Any]
    """Attributes of the resource, as plain Python values."""
    scope: Any
    """``InstrumentationScope`` of ``opentelemetry.proto``."""

    @property
    def attributes(self) -> dict[str, Any]:
        """The record's attributes as plain Python values."""
        return plain_attributes(self.record.attributes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.record, name)


@dataclass(frozen=True)
class ReceivedRequest:
    """One request, whether it was accepted or not."""

    signal: Signal
    protocol: Literal["http", "grpc"]
    headers: Mapping[str, str]
    """By lower-case name; for gRPC its metadata."""
    size_bytes: int
    """Of the body as it came, compressed or not."""
    message: Any
    """The decoded ``Export…ServiceRequest``."""


@dataclass
class _Answer:
    status: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    retry_delay_s: float | None = None


class OtlpReceiver:
    """Receives OTLP while its ``with`` block runs.

    All lists are in order of arrival and may be read at any time.

    Args:
        tls: A server's ``ssl.SSLContext``, to speak HTTPS instead of HTTP.
        grpc_credentials: ``grpc.ServerCredentials``, to speak gRPC over TLS.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, grpc_credentials: Any = None) -> None:
        self.spans: list[Received] = []
        self.logs: list[Received] = []
        self.metrics: list[Received] = []
        self.requests: list[ReceivedRequest] = []
        self._answers: dict[str, deque[_Answer]] = {"http": deque(), "grpc": deque()}
        self._changed = threading.Condition()
        self._http = _HttpServer(self, tls)
        self._grpc_credentials = grpc_credentials
        self._grpc: Any = None
        self._grpc_port = 0

    def __enter__(self) -> "OtlpReceiver":  # Self is younger than Python 3.10
        """Start to listen."""
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop listening and hang up; what was received stays."""
        self._http.stop()
        if self._grpc is not None:
            self._grpc.stop(None).wait()

    @property
    def http_endpoint(self) -> str:
        """Base URL for ``OTEL_EXPORTER_OTLP_ENDPOINT`` with ``http/protobuf``."""
        scheme = "https" if self._http.is_tls else "http"
        return f"{scheme}://127.0.0.1:{self._http.server_port}"

    @property
    def grpc_endpoint(self) -> str:
        """URL for ``OTEL_EXPORTER_OTLP_ENDPOINT`` with ``grpc``; asking for it starts gRPC."""
        if self._grpc is None:
            self._grpc, self._grpc_port = _start_grpc(self, self._grpc_credentials)
        scheme = "https" if self._grpc_credentials else "http"
        return f"{scheme}://localhost:{self._grpc_port}"

    def wait_for(
        self,
        *,
        spans: int = 0,
        logs: int = 0,
        metrics: int = 0,
        requests: int = 0,
        timeout_s: float = 5.0,
    ) -> None:
        """Wait until at least so many have come.

        Raises:
            TimeoutError: If they have not after *timeout_s* seconds; says what has.
        """
        wanted = {"spans": spans, "logs": logs, "metrics": metrics, "requests": requests}

        def is_enough() -> bool:
            return all(len(getattr(self, kind)) >= number for kind, number in wanted.items())

        with self._changed:
            if not self._changed.wait_for(is_enough, timeout_s):
                got = {kind: len(getattr(self, kind)) for kind in wanted}
                msg = f"after {timeout_s} s: wanted {wanted}, got {got}"
                raise TimeoutError(msg)

    def clear(self) -> None:
        """Forget what was received."""
        with self._changed:
            for received in (self.spans, self.logs, self.metrics, self.requests):
                received.clear()

    def answer(
        self,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        times: int = 1,
    ) -> None:
        """Answer the next *times* HTTP requests so; their records are kept only for status 200."""
        answers = [_Answer(status, headers or {}, body) for _ in range(times)]
        self._answers["http"].extend(answers)

    def answer_grpc(
        self,
        code: Any,
        details: str = "",
        *,
        retry_delay_s: float | None = None,
        times: int = 1,
    ) -> None:
        """Answer the next *times* gRPC calls with a ``grpc.StatusCode`` other than OK.

        With *retry_delay_s* (seconds) a ``google.rpc.RetryInfo`` goes with it.
        """
        answer = _Answer(code, body=details.encode(), retry_delay_s=retry_delay_s)
        self._answers["grpc"].extend([answer] * times)

    def take(
        self, protocol: Literal["http", "grpc"], signal: Signal, data: bytes, **about: Any
    ) -> _Answer | None:
        """Decode and keep one request that came in; return the scripted answer, if there is one.

        Raises:
            ValueError: If *data* is not the signal's request.
        """
        message = _decode(signal, data)
        request = ReceivedRequest(signal, protocol, message=message, **about)
        with self._changed:
            answers = self._answers[protocol]
            answer = answers.popleft() if answers else None
            self.requests.append(request)
            if answer is None or answer.status == 200:  # noqa: PLR2004
                kept = {"traces": self.spans, "logs": self.logs, "metrics": self.metrics}
                kept[signal].extend(_flat(signal, message))
            self._changed.notify_all()
        return answer


def plain_attributes(pairs: Any) -> dict[str, Any]:
    """Return a list of protobuf ``KeyValue`` as a dictionary of plain Python values."""
    return {pair.key: plain_value(pair.value) for pair in pairs}


def plain_value(value: Any) -> Any:
    """Return a protobuf ``AnyValue`` as a plain Python value; an empty one is ``None``."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return plain_attributes(value.kvlist_value.values)
    return getattr(value, kind)


def _request_types() -> dict[str, Any]:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceRequest,
    )

    return {
        "traces": ExportTraceServiceRequest,
        "logs": ExportLogsServiceRequest,
        "metrics": ExportMetricsServiceRequest,
    }


def _decode(signal: Signal, data: bytes) -> Any:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return _request_types()[signal].FromString(data)
    except DecodeError:
        msg = f"not an Export request of {signal}"
        raise ValueError(msg) from None


_LEVELS: dict[Signal, tuple[str, str, str]] = {
    "traces": ("resource_spans", "scope_spans", "spans"),
    "logs": ("resource_logs", "scope_logs", "log_records"),
    "metrics": ("resource_metrics", "scope_metrics", "metrics"),
}


def _flat(signal: Signal, message: Any) -> Iterator[Received]:
    by_resource, by_scope, records = _LEVELS[signal]
    for resource_group in getattr(message, by_resource):
        resource = plain_attributes(resource_group.resource.attributes)
        for scope_group in getattr(resource_group, by_scope):
            for record in getattr(scope_group, records):
                yield Received(record, resource, scope_group.scope)


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, receiver: OtlpReceiver, tls: ssl.SSLContext | None) -> None:
        self.receiver = receiver
        self.is_tls = tls is not None
        self._open: set[Any] = set()
        super().__init__(("127.0.0.1", 0), _HttpHandler)
        if tls is not None:
            # The handshake happens at the first read, in the connection's own thread.
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet: clients hang up, garbage comes in, handshakes fail."""

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _HttpHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: _HttpServer

    def do_POST(self) -> None:
        """Take one request."""
        data = self.rfile.read(int(self.headers.get("content-length", 0)))
        signal = self.path.partition("?")[0].rpartition("/v1/")[2]
        if signal not in get_args(Signal):
            return self._reply(_NOT_FOUND)
        if self.headers.get("content-type") != _CONTENT_TYPE:
            return self._reply(_UNSUPPORTED_TYPE)
        about = {
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "size_bytes": len(data),
        }
        try:
            if self.headers.get("content-encoding") == "gzip":
                data = zlib.decompress(data, _GZIP_FORMAT)
            answer = self.server.receiver.take("http", signal, data, **about)  # type: ignore[arg-type]
        except (ValueError, zlib.error):
            return self._reply(_BAD_REQUEST)
        if answer is None:
            return self._reply(200)
        return self._reply(answer.status, answer.headers, answer.body)

    def _reply(
        self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        self.send_response(status)
        sent = {"content-type": _CONTENT_TYPE, "content-length": str(len(body))}
        for name, value in {**sent, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Stay quiet."""


_SERVICES: dict[Signal, str] = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}


def _start_grpc(receiver: OtlpReceiver, credentials: Any) -> tuple[Any, int]:
    from concurrent.futures import ThreadPoolExecutor

    import grpc  # type: ignore[import-untyped]

    server = grpc.server(ThreadPoolExecutor(4))
    for signal, service in _SERVICES.items():
        handler = grpc.unary_unary_rpc_method_handler(_grpc_call(receiver, signal))
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {"Export": handler}),)
        )
    if credentials is None:
        port = server.add_insecure_port("localhost:0")
    else:
        port = server.add_secure_port("localhost:0", credentials)
    server.start()
    return server, port


def _grpc_call(receiver: OtlpReceiver, signal: Signal) -> Any:
    import grpc

    def export(data: bytes, context: Any) -> bytes:
        metadata = dict(context.invocation_metadata())
        try:
            answer = receiver.take("grpc", signal, data, headers=metadata, size_bytes=len(data))
        except ValueError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        if answer is None:
            return b""
        if answer.retry_delay_s is not None:
            details = _retry_details(answer.retry_delay_s)
            context.set_trailing_metadata([("grpc-status-details-bin", details)])
        return context.abort(answer.status, answer.body.decode())  # type: ignore[no-any-return]

    return export


def _retry_details(delay_s: float) -> bytes:
    from google.protobuf.any_pb2 import Any as AnyMessage  # type: ignore[import-untyped]
    from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
    from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

    info = RetryInfo()
    info.retry_delay.FromNanoseconds(int(delay_s * 1e9))
    packed = AnyMessage()
    packed.Pack(info)
    details: bytes = Status(code=14, details=[packed]).SerializeToString()
    return details
