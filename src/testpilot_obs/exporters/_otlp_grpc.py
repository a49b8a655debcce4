"""OTLP over gRPC: one call a batch, with our own bytes, and what its status means.

grpc takes 23 MB and 130 ms to import, so nobody pays for it who does not ask for this exporter.

Source:
    OpenTelemetry protocol specification, "OTLP/gRPC".
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from testpilot_obs._core import clock
from testpilot_obs.config import OtlpSettings
from testpilot_obs.errors import ConfigError, Problem
from testpilot_obs.exporters import _otlp_reply, _wire
from testpilot_obs.exporters._clear_text import warn_of_clear_text
from testpilot_obs.protocols import SENT, Batch, Outcome, Signal, Verdict

_METHODS: dict[Signal, str] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
_RETRYABLE = frozenset(
    {
        "CANCELLED",
        "DEADLINE_EXCEEDED",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNAVAILABLE",
        "DATA_LOSS",
    }
)
_AWAY = frozenset({"DEADLINE_EXCEEDED", "UNAVAILABLE"})
_EXHAUSTED = "RESOURCE_EXHAUSTED"
_REMEDIES = {
    "UNAUTHENTICATED": "set credentials in OTEL_EXPORTER_OTLP_HEADERS",
    "PERMISSION_DENIED": "the credentials in OTEL_EXPORTER_OTLP_HEADERS are not allowed to do this",
    "UNIMPLEMENTED": "check OTEL_EXPORTER_OTLP_ENDPOINT; this is not an OTLP receiver",
    "UNAVAILABLE": "is a receiver at OTEL_EXPORTER_OTLP_ENDPOINT, and does it speak TLS or not?",
}
MAX_REPLY_BYTES = 4 << 20
"""Most of a reply that is read; OTLP's replies are some hundred bytes."""

_NEVER_TOO_LARGE_BYTES = 64 << 10

_OPTIONS = (
    # Delivery retries, with a spool behind it; two layers of retries would multiply.
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", MAX_REPLY_BYTES),
    # Each exporter has its own connection, also when several go to one place.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.primary_user_agent", "testpilot-obs"),
)
# Channels of a parent process: freeing them in a forked child would hang or disturb the parent.
_left_to_the_parent: list[Any] = []


class OtlpGrpcExporter:
    """Call ``Export`` with each batch.

    Raises:
        ConfigError: If a TLS file cannot be read.
    """

    wants_records = False

    def __init__(self, settings: OtlpSettings, signal: Signal) -> None:
        import grpc  # type: ignore[import-untyped]

        with suppress(ImportError):
            # grpc loads it with its first channel: 10 ms, here rather than beside the application.
            import grpc._channel  # type: ignore[import-untyped]

        self._grpc = grpc
        self._signal = signal
        self._timeout_s = settings.timeout_s
        self._target, self._credentials = _target(grpc, settings)
        if self._credentials is None and (host := _remote_host(self._target)):
            warn_of_clear_text(self._target, host, has_secrets=bool(settings.headers))
        self._compression = grpc.Compression.Gzip if settings.compression == "gzip" else None
        self._metadata = tuple((name.lower(), value) for name, value in settings.headers.items())
        self._secrets = _otlp_reply.secrets_of(settings.headers.values())
        self._channel: Any = None
        self._call: Any = None

    def export(self, batch: Batch, *, timeout_s: float) -> Outcome:
        """Call with *batch*; see `Exporter`."""
        deadline = clock.monotonic() + min(timeout_s, self._timeout_s)
        body = batch.otlp()
        try:
            if self._call is None:
                self._open()
            reply = self._call(
                body,
                timeout=max(deadline - clock.monotonic(), 0.0),
                metadata=self._metadata,
                compression=self._compression,
            )
        except self._grpc.RpcError as error:
            if error.code().name in _AWAY:
                # A channel waits up to minutes until it dials again and fails all calls meanwhile,
                # also when the receiver is back. A new one dials at once, and delivery pauses.
                self.close()
            return self._outcome(error, size_bytes=len(body))
        except ValueError as error:
            # A channel that was closed under us is opened anew; what grpc says may hold secrets.
            self._channel = self._call = None
            return Outcome(Verdict.RETRY, "grpc_error", f"{self._target}: {type(error).__name__}")
        return _otlp_reply.accepted(reply)

    def close(self) -> None:
        """Close the channel."""
        if self._channel is not None:
            self._channel.close()
        self._channel = self._call = None

    def after_fork(self) -> None:
        """Leave the channel to the parent process."""
        _left_to_the_parent.append((self._channel, self._call))
        self._channel = self._call = None

    def _open(self) -> None:
        if self._credentials is None:
            self._channel = self._grpc.insecure_channel(self._target, options=_OPTIONS)
        else:
            self._channel = self._grpc.secure_channel(
                self._target, self._credentials, options=_OPTIONS
            )
        # No serializers: bytes go out and come in as they are.
        self._call = self._channel.unary_unary(_METHODS[self._signal])

    def _is_about_the_reply(self, details: str, size_bytes: int) -> bool:
        """Return whether it is the reply that is too large, to a batch that was then accepted.

        Of what unpacks too large grpc does not say whose message it was; splitting a batch ends
        at a size that no receiver refuses.
        """
        if "Decompressed message larger than max" in details:
            return self._compression is None or size_bytes < _NEVER_TOO_LARGE_BYTES
        return "CLIENT: Received message larger than max" in details

    def _outcome(self, error: Any, *, size_bytes: int) -> Outcome:
        code = error.code().name
        details = _otlp_reply.printable((error.details() or "").encode("utf-8", "replace"))
        message = f"{self._target} answered {code} to {self._signal}"
        if details:
            message += f" ({details})"
        if remedy := _REMEDIES.get(code):
            message += f"; {remedy}"
        message = _otlp_reply.without(self._secrets, message)
        reason = f"grpc_{code.lower()}"
        wait_s = retry_delay_s(error.trailing_metadata() or ())
        if code in _RETRYABLE or (code == _EXHAUSTED and wait_s is not None):
            return Outcome(Verdict.RETRY, reason, message, retry_after_s=wait_s)
        if code == _EXHAUSTED and self._is_about_the_reply(details, size_bytes):
            return SENT
        if code == _EXHAUSTED and "larger than max" in details:
            return Outcome(Verdict.TOO_LARGE, "too_large", message)
        return Outcome(Verdict.REFUSED, reason, message)


def retry_delay_s(metadata: Iterable[tuple[str, str | bytes]]) -> float | None:
    """Return the delay of a ``google.rpc.RetryInfo`` in trailing metadata, in seconds.

    Source:
        google/rpc/status.proto (details = 3), google/protobuf/any.proto (type_url = 1,
        value = 2), google/rpc/error_details.proto (retry_delay = 1), duration.proto (seconds = 1,
        nanos = 2).
    """
    for key, value in metadata:
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            try:
                return _delay_of_status(value)
            except (ValueError, TypeError):
                return None
    return None


def _delay_of_status(status: bytes) -> float | None:
    for number, detail in _wire.fields(status):
        if number != 3:  # noqa: PLR2004
            continue
        packed = dict(_wire.fields(_body(detail)))
        if _body(packed.get(1, b"")).endswith(b"google.rpc.RetryInfo"):
            info = dict(_wire.fields(_body(packed.get(2, b""))))
            delay = dict(_wire.fields(_body(info.get(1, b""))))
            seconds, nanos = _number(delay.get(1, 0)), _number(delay.get(2, 0))
            return max(seconds + nanos / 1e9, 0.0)
    return None


def _body(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise TypeError
    return value


def _number(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise TypeError
    return _wire.signed(value)


def _target(grpc: Any, settings: OtlpSettings) -> tuple[str, Any]:
    """Return grpc's name of the endpoint, and credentials unless it is to be without TLS."""
    endpoint, is_insecure = settings.endpoint, settings.insecure
    scheme, separator, _ = endpoint.partition("://")
    if separator and scheme.lower() in {"http", "https"}:
        is_insecure = scheme.lower() == "http"
        endpoint = urlsplit(endpoint).netloc.rpartition("@")[2]
        if not endpoint.rpartition("]")[2].count(":"):
            endpoint += ":80" if is_insecure else ":443"
    if is_insecure:
        return endpoint, None
    credentials = grpc.ssl_channel_credentials(
        _read("OTEL_EXPORTER_OTLP_CERTIFICATE", settings.certificate),
        _read("OTEL_EXPORTER_OTLP_CLIENT_KEY", settings.client_key),
        _read("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", settings.client_certificate),
    )
    return endpoint, credentials


def _remote_host(target: str) -> str:
    """Return the host in grpc's name of an endpoint; ``""`` if that leads to no other machine."""
    scheme, separator, rest = target.partition(":")
    if separator and scheme in {"unix", "unix-abstract", "vsock", "xds"}:
        return ""
    address = rest if scheme in {"dns", "ipv4", "ipv6"} else target
    host = address.rpartition("/")[2].partition(",")[0]
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] or host


def _read(setting: str, path: str) -> bytes | None:
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        expected = f"a readable file in PEM format ({error.strerror})"
        raise ConfigError([Problem(setting, path, "settings", expected)]) from None
