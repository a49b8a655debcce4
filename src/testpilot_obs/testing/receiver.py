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

import ssl
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from testpilot_obs.protocols import Signal
from testpilot_obs.testing import _receiver_grpc
from testpilot_obs.testing._receiver_http import HttpServer

_OK = 200


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
        self._http = HttpServer(self.take, tls)
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
            self._grpc, self._grpc_port = _receiver_grpc.start(self.take, self._grpc_credentials)
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
            if answer is None or answer.status == _OK:
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
