"""How an HTTP receiver can misbehave: one function for each way.

``SILENT`` ways act on a new connection and read nothing. The others are given each request, and
answer it or not; what they return says whether the connection may be used again. ``accept``
writes a request down, ``wait`` waits, but not longer than the mode lasts.
"""

import gzip
import socket
import struct
import zlib
from functools import lru_cache, partial

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

FOREVER_S = 600.0
HUGE_BYTES = 256 << 20
_PIECE = b"\0" * (1 << 20)
_REASONS = {200: "OK", 301: "Moved", 307: "Moved", 429: "Slow down", 503: "Busy"}


def head(status=200, length=0, **headers):
    """Return the first lines of an answer."""
    lines = [
        f"HTTP/1.1 {status} {_REASONS.get(status, 'No')}",
        "Content-Type: application/x-protobuf",
        f"Content-Length: {length}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


# -- for a new connection


def reset(connection, **_options):
    """Hang up with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def never_read(connection, *, wait, **_options):
    """Read nothing, say nothing."""
    wait(FOREVER_S)


def talk_plainly(connection, **_options):
    """Answer a TLS greeting in plain text, as a server does whose port is not the right one."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


# -- for a request


def well(connection, request, *, accept, **_options):
    """Accept it."""
    accept(request)
    connection.sendall(head())
    return True


def slow(connection, request, *, accept, wait, seconds=0.2, **_options):
    """Accept it after a while."""
    wait(seconds)
    accept(request)
    connection.sendall(head())
    return True


def hang_before_head(connection, request, *, wait, **_options):
    """Read it, and say nothing."""
    wait(FOREVER_S)
    return False


def hang_after_head(connection, request, *, accept, wait, **_options):
    """Accept it, say that an answer comes, and never send it."""
    accept(request)
    connection.sendall(head(length=100))
    wait(FOREVER_S)
    return False


def drip(connection, request, *, accept, wait, **_options):
    """Accept it, and answer one byte a second."""
    accept(request)
    for byte in head(length=500) + b"\0" * 500:
        connection.sendall(bytes([byte]))
        wait(1.0)
    return False


def refuse(connection, request, *, status, headers=None, **_options):
    """Refuse it with a status."""
    connection.sendall(head(status, **(headers or {})))
    return True


def refuse_large(connection, request, *, accept, max_bytes, **_options):
    """Accept it if it is small, 413 otherwise."""
    if len(request.body) > max_bytes:
        connection.sendall(head(413))
        return True
    return well(connection, request, accept=accept)


def accept_in_part(connection, request, *, accept, **_options):
    """Accept all but a third of it, and say so."""
    rejected = accept(request, share=2 / 3)
    said = ExportTraceServiceResponse()
    said.partial_success.rejected_spans = rejected
    said.partial_success.error_message = "no room for more"
    body = said.SerializeToString()
    connection.sendall(head(length=len(body)) + body)
    return True


def cut_short(connection, request, *, accept, **_options):
    """Accept it, and hang up in the middle of the answer."""
    accept(request)
    connection.sendall(head(length=100) + b"\0" * 10)
    return False


def cut_off(connection, request, *, accept, **_options):
    """Accept it, and hang up instead of an answer."""
    accept(request)
    return False


def answer_at_length(connection, request, *, accept, **_options):
    """Accept it, and answer with 256 MB."""
    accept(request)
    connection.sendall(head(length=HUGE_BYTES))
    for _ in range(HUGE_BYTES // len(_PIECE)):
        connection.sendall(_PIECE)
    return False


def bomb(connection, request, *, accept, **_options):
    """Accept it, and answer with 256 MB that are one megabyte when compressed."""
    accept(request)
    body = _bomb()
    connection.sendall(head(length=len(body), Content_Encoding="gzip") + body)
    return True


@lru_cache
def _bomb():
    packer = zlib.compressobj(1, wbits=31)
    pieces = [packer.compress(_PIECE) for _ in range(HUGE_BYTES // len(_PIECE))]
    return b"".join([*pieces, packer.flush()])


def prepare(mode):
    """Do what would take too long during an answer."""
    if mode == "bomb":
        _bomb()


def unpack(body, encoding):
    """Return the body of a request as it was before it was compressed."""
    return gzip.decompress(body) if encoding == "gzip" else body


SILENT = {"rst": reset, "black_hole": never_read, "plain_text": talk_plainly}

ANSWERS = {
    "well": well,
    "slow": slow,
    "hang_before_head": hang_before_head,
    "hang_after_head": hang_after_head,
    "drip": drip,
    "refuse_large": refuse_large,
    "partial": accept_in_part,
    "cut_short": cut_short,
    "cut_off": cut_off,
    "huge": answer_at_length,
    "bomb": bomb,
    **{
        str(status): partial(refuse, status=status)
        for status in (301, 307, 400, 401, 404, 413, 429, 500, 503)
    },
}

CLOSED = {"closed", "backlog_full"}
"""Ways of the listening socket itself."""
