"""The gRPC half of the OTLP receiver."""

from collections.abc import Callable
from typing import Any

from testpilot_obs.protocols import Signal

Take = Callable[..., Any]
"""``OtlpReceiver.take``: keeps a request, returns the scripted answer or ``None``."""

_SERVICES: dict[Signal, str] = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}


def start(take: Take, credentials: Any) -> tuple[Any, int]:
    """Return a running server on a free loopback port, and the port."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc  # type: ignore[import-untyped]

    server = grpc.server(ThreadPoolExecutor(4))
    for signal, service in _SERVICES.items():
        handler = grpc.unary_unary_rpc_method_handler(_call(take, signal))
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {"Export": handler}),)
        )
    if credentials is None:
        port = server.add_insecure_port("localhost:0")
    else:
        port = server.add_secure_port("localhost:0", credentials)
    server.start()
    return server, port


def _call(take: Take, signal: Signal) -> Any:
    import grpc

    def export(data: bytes, context: Any) -> bytes:
        metadata = dict(context.invocation_metadata())
        try:
            answer = take("grpc", signal, data, headers=metadata, size_bytes=len(data))
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
