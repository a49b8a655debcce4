"""One HTTP/1.1 reply, read from a socket within bounds of size and time.

Source:
    RFC 9112 "HTTP/1.1", sections 4 (status line), 6 (message body) and 7 (chunked).
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from testpilot_obs._core import clock
from testpilot_obs.exporters._dial import NotSentError, remaining_s

MAX_BODY_BYTES = 256 << 10
"""Most of a reply that is read; OTLP's replies are some hundred bytes."""

_MAX_HEAD_BYTES = 64 << 10
_RECV_BYTES = 64 << 10
_BODY_S = 1.0
"""Longest wait for a body after its head; OTLP's replies come in one piece."""
_BAD_REPLY, _CLOSED = "bad_reply", "connection_closed"
_HTTP_1 = b"HTTP/1."
_NOT_HTTP = "the answer is not HTTP; is this the right port?"
_TLS_STARTS = (b"\x15\x03", b"\x16\x03")
_SETTINGS_FRAME = 4
"""Type of the frame that a server of HTTP/2 sends first (RFC 9113, section 3.4)."""
_NO_BODY = frozenset({204, 304})
_FIRST_FINAL_STATUS = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name; the last of equal names."""
    body: bytes
    """Empty if it did not come whole, or is said to be larger than `MAX_BODY_BYTES`."""
    can_reuse: bool
    """Whether the connection stands at the beginning of a next reply."""


class ReplyReader:
    """Reads from one connection until a deadline."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._buffer = bytearray()
        self.has_begun = False
        """Whether any byte of a reply came."""

    def read(self) -> Reply:
        """Return the next reply that is not an interim one (1xx).

        Its status is the answer: a body that is cut off, makes no sense or drips is left out,
        as sending a batch again that was accepted would double it.

        Raises:
            NotSentError: If the connection is closed before the head is whole, or what comes
                is not HTTP.
            OSError: What the socket raises, ``TimeoutError`` at the deadline.
        """
        while True:
            version, status, headers = self._head()
            if status >= _FIRST_FINAL_STATUS:
                break
        self._deadline = min(self._deadline, clock.monotonic() + _BODY_S)
        try:
            body, is_whole = self._body(status, headers)
        except (OSError, NotSentError):
            body, is_whole = b"", False
        wish = headers.get("connection", "").lower()
        keeps = "close" not in wish and (version == "HTTP/1.1" or "keep-alive" in wish)
        can_reuse = keeps and is_whole and not self._buffer
        return Reply(status, headers, body, can_reuse)

    def _head(self) -> tuple[str, int, Mapping[str, str]]:
        while len(self._buffer) < len(_HTTP_1):
            self._receive_some()
        if not self._buffer.startswith(_HTTP_1):
            raise NotSentError(_BAD_REPLY, _what_is(self._buffer))
        head = self._until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head.split("\r\n")
        version, _, rest = first.partition(" ")
        digits = rest[:3]
        if not (digits.isascii() and digits.isdigit()):
            raise NotSentError(_BAD_REPLY, _NOT_HTTP)
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return version, int(digits), headers

    def _body(self, status: int, headers: Mapping[str, str]) -> tuple[bytes, bool]:
        """Return the body, and whether the connection stands right behind it."""
        if status in _NO_BODY:
            return b"", True
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunks()
        length = headers.get("content-length")
        if length is None:
            return self._to_the_end()
        return self._whole(_number(length, 10), room=MAX_BODY_BYTES)

    def _chunks(self) -> tuple[bytes, bool]:
        body = bytearray()
        while True:
            size = _number(self._until(b"\r\n").decode("latin-1").partition(";")[0], 16)
            if size == 0:
                break
            chunk, is_whole = self._whole(size, room=MAX_BODY_BYTES - len(body))
            if not is_whole:
                return b"", False
            body += chunk
            self._until(b"\r\n")
        while self._until(b"\r\n"):
            pass
        return bytes(body), True

    def _to_the_end(self) -> tuple[bytes, bool]:
        while len(self._buffer) < MAX_BODY_BYTES and self._receive():
            pass
        return bytes(self._buffer[:MAX_BODY_BYTES]), False

    def _whole(self, size: int, *, room: int) -> tuple[bytes, bool]:
        """Return *size* bytes, or nothing at once if there is no room for them.

        Until the reply is read, its batch is not settled: who is killed meanwhile sends it again.
        """
        if size > room:
            return b"", False
        while len(self._buffer) < size:
            self._receive_some()
        return self._take(size), True

    def _until(self, end: bytes) -> bytes:
        """Return what comes before *end*, and step over both."""
        while (found := self._buffer.find(end)) < 0:
            if len(self._buffer) > _MAX_HEAD_BYTES:
                raise NotSentError(_BAD_REPLY, "the answer's head does not end")
            self._receive_some()
        return self._take(found + len(end))[:found]

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _receive_some(self) -> None:
        if not self._receive():
            raise NotSentError(_CLOSED, "the connection was closed within the reply")

    def _receive(self) -> int:
        self._connection.settimeout(remaining_s(self._deadline))
        data = self._connection.recv(_RECV_BYTES)
        self.has_begun = self.has_begun or bool(data)
        self._buffer += data
        return len(data)


def _what_is(answer: bytearray) -> str:
    """Return what a person should read about an answer that is not HTTP/1."""
    if answer.startswith(_TLS_STARTS):
        return "the answer is TLS; begin OTEL_EXPORTER_OTLP_ENDPOINT with https://"
    if answer[0] == 0 and answer[3] == _SETTINGS_FRAME:
        return (
            "the answer is HTTP/2, so this is a port for gRPC; set OTEL_EXPORTER_OTLP_PROTOCOL=grpc"
        )
    return _NOT_HTTP


def _number(text: str, base: int) -> int:
    try:
        number = int(text.strip(), base)
    except ValueError:
        number = -1
    if number < 0:
        raise NotSentError(_BAD_REPLY, "the answer has a length that is no number")
    return number
