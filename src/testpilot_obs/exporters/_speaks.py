"""What a port speaks, found out by asking; for those who look for the reason of a failure."""

import contextlib
import socket
import ssl

from testpilot_obs._core import clock
from testpilot_obs.exporters._dial import dial, remaining_s
from testpilot_obs.exporters._place import Place

HTTP_1, HTTP_2, TLS, NOTHING = "HTTP/1.1", "gRPC (HTTP/2)", "TLS", ""

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""What a client of HTTP/2 says first, and no settings (RFC 9113, section 3.4)."""
_QUESTIONS = (_PREFACE, b"GET / HTTP/1.0\r\n\r\n")
_FRAME_HEAD_BYTES, _SETTINGS = 9, 4
_TLS_STARTS = (b"\x15\x03", b"\x16\x03")
_ASK_S = 1.0


def spoken_at(place: Place, *, deadline: float, is_tls: bool) -> str:
    """Return `HTTP_1`, `HTTP_2`, `TLS` or, if it cannot be told, `NOTHING`.

    Nothing of what was to be sent is sent, and no certificate is checked.

    Args:
        place: With host and port.
        deadline: When to give up, in seconds of ``clock.monotonic``.
        is_tls: Whether to ask within TLS.
    """
    for question in _QUESTIONS:
        with contextlib.suppress(OSError):
            answer = _ask(place, question, deadline=deadline, is_tls=is_tls)
            if kind := _kind_of(answer):
                return kind
    if not is_tls and handshakes(place, deadline=deadline):
        return TLS
    return NOTHING


def handshakes(place: Place, *, deadline: float) -> bool:
    """Return whether a TLS handshake succeeds, with whatever certificate."""
    try:
        secured(place, deadline=deadline).close()
    except OSError:
        return False
    return True


def secured(place: Place, *, deadline: float) -> ssl.SSLSocket:
    """Return a connection with TLS to whoever it is: to look at, not to send anything.

    Raises:
        OSError: If there is no connection, or no handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    plain = dial(place.host, place.port, deadline=deadline)
    try:
        plain.settimeout(remaining_s(deadline))
        return context.wrap_socket(plain, server_hostname=place.host)
    except BaseException:
        plain.close()
        raise


def _ask(place: Place, question: bytes, *, deadline: float, is_tls: bool) -> bytes:
    until = min(deadline, clock.monotonic() + _ASK_S)
    answer = b""
    with _open(place, deadline=until, is_tls=is_tls) as connection:
        connection.settimeout(remaining_s(until))
        connection.sendall(question)
        with contextlib.suppress(OSError):
            while len(answer) < _FRAME_HEAD_BYTES:
                connection.settimeout(remaining_s(until))
                data = connection.recv(4096)
                if not data:
                    break
                answer += data
    return answer


def _open(place: Place, *, deadline: float, is_tls: bool) -> socket.socket:
    if is_tls:
        return secured(place, deadline=deadline)
    return dial(place.host, place.port, deadline=deadline)


def _kind_of(answer: bytes) -> str:
    if answer.startswith(b"HTTP/1."):
        return HTTP_1
    if answer.startswith(_TLS_STARTS):
        return TLS
    is_frame = len(answer) >= _FRAME_HEAD_BYTES and answer[3] == _SETTINGS
    return HTTP_2 if is_frame and answer[5:9] == bytes(4) else NOTHING
