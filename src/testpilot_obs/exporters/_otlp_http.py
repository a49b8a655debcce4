"""OTLP over HTTP: one POST a batch, and what its status means.

Source:
    OpenTelemetry protocol specification, "OTLP/HTTP".
"""

import zlib

from testpilot_obs._core import clock, fork
from testpilot_obs.config import OtlpSettings
from testpilot_obs.errors import ConfigError, Problem
from testpilot_obs.exporters import _otlp_reply
from testpilot_obs.exporters._clear_text import warn_of_clear_text
from testpilot_obs.exporters._dial import NotSentError
from testpilot_obs.exporters._http_client import HttpClient, Target
from testpilot_obs.exporters._http_reply import MAX_BODY_BYTES, Reply
from testpilot_obs.protocols import Batch, Outcome, Signal, Verdict

_RETRYABLE = frozenset({429, 502, 503, 504})
_ACCEPTED, _TOO_LARGE = range(200, 300), 413
_REDIRECTS = range(300, 400)
_REMEDIES = {
    400: "the receiver cannot read it; is it an OTLP receiver that takes http/protobuf?",
    401: "set credentials in OTEL_EXPORTER_OTLP_HEADERS",
    403: "the credentials in OTEL_EXPORTER_OTLP_HEADERS are not allowed to do this",
    404: "check the path of OTEL_EXPORTER_OTLP_ENDPOINT, which gets /v1/traces and so on added",
    405: "check OTEL_EXPORTER_OTLP_ENDPOINT; this is not an OTLP receiver",
    415: "the receiver does not take protobuf; check OTEL_EXPORTER_OTLP_ENDPOINT",
}
# Level 1 costs 0.6 µs a span and makes 5 % more bytes than level 9, which costs 8 µs.
_GZIP_LEVEL, _GZIP_FORMAT = 1, 31
_CONTENT_TYPE = "application/x-protobuf"
_FIXED_HEADERS = frozenset(
    {"content-type", "content-encoding", "content-length", "host", "transfer-encoding", "expect"}
)
_LAST_YEAR = 9_999
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""The most days of each month."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_UTC = frozenset({"GMT", "UTC", "+0000", "-0000"})


class OtlpHttpExporter:
    """Post each batch as protobuf to one URL.

    Raises:
        ConfigError: If the endpoint or a TLS file cannot be used.
    """

    wants_records = False

    def __init__(self, settings: OtlpSettings, signal: Signal) -> None:
        self._signal = signal
        self._timeout_s = settings.timeout_s
        self._is_gzip = settings.compression == "gzip"
        try:
            self._target = Target.of_url(settings.endpoint)
        except ValueError:
            problem = Problem("OTEL_EXPORTER_OTLP_ENDPOINT", "***", "settings", "an http(s) URL")
            raise ConfigError([problem]) from None
        headers = self._headers(settings)
        if not self._target.is_tls:
            has_secrets = bool(settings.headers or self._target.credentials)
            warn_of_clear_text(self._target.netloc, self._target.host, has_secrets=has_secrets)
        self._secrets = _otlp_reply.secrets_of(
            [*settings.headers.values(), self._target.credentials]
        )
        tls = None
        if self._target.is_tls:
            from testpilot_obs.exporters._tls import client_context

            tls = client_context(settings)
        self._client = HttpClient(self._target, headers=headers, tls=tls)
        fork.needs("email.utils")

    def export(self, batch: Batch, *, timeout_s: float) -> Outcome:
        """Post *batch*; see `Exporter`."""
        deadline = clock.monotonic() + min(timeout_s, self._timeout_s)
        body = batch.otlp()
        if self._is_gzip:
            packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
            body = packer.compress(body) + packer.flush()
        try:
            reply = self._client.post(body, deadline=deadline)
        except NotSentError as error:
            return Outcome(Verdict.RETRY, reason=error.reason, message=str(error))
        return self._outcome(reply)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def after_fork(self) -> None:
        """Leave the connection to the parent process."""
        self._client.close()

    def _headers(self, settings: OtlpSettings) -> dict[str, str]:
        headers = {"user-agent": "testpilot-obs", "content-type": _CONTENT_TYPE}
        if self._is_gzip:
            headers["content-encoding"] = "gzip"
        if self._target.credentials:
            headers["authorization"] = self._target.credentials
        for name, value in settings.headers.items():
            if name.lower() not in _FIXED_HEADERS and f"{name}{value}".isprintable():
                headers[name.lower()] = value
        return headers

    def _outcome(self, reply: Reply) -> Outcome:
        status = reply.status
        if status in _ACCEPTED:
            if reply.headers.get("content-type", "").lower().startswith("text/html"):
                message = f"{self._target} answered {status} with a web page; {_REMEDIES[405]}"
                return Outcome(Verdict.SENT, message=message)
            return _otlp_reply.accepted(_body(reply))
        reason, message = f"http_{status}", self._message(reply)
        if status in _RETRYABLE:
            wait_s = retry_after_s(reply.headers.get("retry-after", ""))
            return Outcome(Verdict.RETRY, reason, message, retry_after_s=wait_s)
        if status == _TOO_LARGE:
            return Outcome(Verdict.TOO_LARGE, "too_large", message)
        return Outcome(Verdict.REFUSED, reason, message)

    def _message(self, reply: Reply) -> str:
        message = f"{self._target} answered {reply.status} to {self._signal}"
        if said := _words(reply):
            message += f" ({said})"
        if reply.status in _REDIRECTS:
            message += "; redirects are not followed: " + _new_place(reply)
        elif remedy := _REMEDIES.get(reply.status):
            message += f"; {remedy}"
        return _otlp_reply.without(self._secrets, message)


def retry_after_s(header: str) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, ``None`` if it cannot be read.

    >>> retry_after_s("120"), retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT"), retry_after_s("soon")
    (120.0, 0.0, None)

    Source:
        RFC 9110, "Retry-After": seconds, or a date as in section 5.6.7 (its preferred form).
    """
    header = header.strip()
    if header.isascii() and header.isdigit():
        return float(header)
    when_s = _seconds_of_date(header)
    return None if when_s is None else max(when_s - clock.time_ns() / 1e9, 0.0)


def _seconds_of_date(date: str) -> float | None:
    # Written out, as the email package would be imported here: a child that is forked meanwhile
    # would hang on the lock of that import.
    parts = date.replace(",", " ").split()
    try:
        _, day, month, year, time_of_day, zone = parts
        if zone not in _UTC:
            return None
        hour, minute, second = map(int, time_of_day.split(":"))
        number = _MONTHS.index(month.lower()) + 1
        days = _days_since_1970(int(year), number, int(day))
    except ValueError:
        return None
    return float(((days * 24 + hour) * 60 + minute) * 60 + second)


def _days_since_1970(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date of the Gregorian calendar.

    Source:
        Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    """
    if not (1 <= year <= _LAST_YEAR and 1 <= day <= _LONGEST[month - 1]):
        raise ValueError
    # The year begins in March, so that a leap day is its last.
    year -= month <= 2  # noqa: PLR2004
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return 365 * year + year // 4 - year // 100 + year // 400 + day_of_year - 719_468


def _body(reply: Reply) -> bytes:
    """Return the body, unpacked no further than `MAX_BODY_BYTES`."""
    if reply.headers.get("content-encoding", "").lower() != "gzip":
        return reply.body
    try:
        return zlib.decompressobj(_GZIP_FORMAT).decompress(reply.body, MAX_BODY_BYTES)
    except zlib.error:
        return b""


def _words(reply: Reply) -> str:
    """Return what the receiver said in its body, as far as it is meant for reading."""
    kind = reply.headers.get("content-type", "")
    if kind.startswith(_CONTENT_TYPE):
        return _otlp_reply.status_message(_body(reply))
    if kind.startswith(("text/plain", "application/json")):
        return _otlp_reply.printable(_body(reply))
    return ""


def _new_place(reply: Reply) -> str:
    location = reply.headers.get("location", "")
    try:
        place = str(Target.of_url(location))
    except ValueError:
        return "set OTEL_EXPORTER_OTLP_ENDPOINT to where the receiver is"
    return (
        f"set OTEL_EXPORTER_OTLP_ENDPOINT to the new place, {_otlp_reply.printable(place.encode())}"
    )
