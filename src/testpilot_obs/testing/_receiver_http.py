"""The HTTP half of the OTLP receiver."""

import socket
import ssl
import zlib
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, get_args

from testpilot_obs.protocols import Signal

Take = Callable[..., Any]
"""``OtlpReceiver.take``: keeps a request, returns the scripted answer or ``None``."""

_GZIP_FORMAT = 31
_OK, _BAD_REQUEST, _NOT_FOUND, _UNSUPPORTED_TYPE = 200, 400, 404, 415
_CONTENT_TYPE = "application/x-protobuf"


class HttpServer(ThreadingHTTPServer):
    """Takes ``POST /v1/traces`` and its like on a free loopback port."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, take: Take, tls: ssl.SSLContext | None) -> None:
        self.take = take
        self.is_tls = tls is not None
        self._open: set[Any] = set()
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            # The handshake happens at the first read, in the connection's own thread.
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, to hang up at the end."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that has ended."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet: clients hang up, garbage comes in, handshakes fail."""

    def stop(self) -> None:
        """Stop listening and hang up."""
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: HttpServer

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
            answer = self.server.take("http", signal, data, **about)
        except (ValueError, zlib.error):
            return self._reply(_BAD_REQUEST)
        if answer is None:
            return self._reply(_OK)
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
