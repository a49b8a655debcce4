"""A small HTTP server for ``/metrics``; off until it is asked for."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from testpilot_obs._core import diagnostics, fork
from testpilot_obs.metrics._answer import Answer, Request, answer

TIMEOUT_S = 10.0
"""Longest that a client may take to send its request or to take its answer, in seconds."""
MAX_CLIENTS = 32
"""Most clients that are served at once; further ones are hung up on."""
_PATHS = ("/", "/metrics")
_NOT_FOUND = Answer(
    404,
    "Not Found",
    [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "28")],
    b"The metrics are at /metrics\n",
)


class MetricsServer:
    """Serves the metrics until it is closed.

    Args:
        host: The address to listen at; ``"127.0.0.1"`` is only for this machine.
        port: 0 for any that is free.
        token: If given, whoever asks must send it as a bearer token.
        is_shared: True to share the port with other processes that serve the same numbers.

    Raises:
        OSError: If the port cannot be had.
    """

    def __init__(self, host: str, port: int, *, token: str = "", is_shared: bool = False) -> None:
        self._server = _Server(host, port, token=token, is_shared=is_shared)
        self.host: str = host
        self.port: int = int(self._server.server_address[1])
        """The port it listens at."""
        self._is_open = True
        fork.after_in_child(self._leave)
        threading.Thread(
            target=self._server.serve_forever,
            args=(0.1,),
            name="testpilot_obs metrics",
            daemon=True,
        ).start()

    def close(self) -> None:
        """Serve no more."""
        if self._is_open:
            self._is_open = False
            self._server.shutdown()
            self._server.server_close()

    def _leave(self) -> None:
        """Leave the port to the parent process, in a forked child."""
        if self._is_open:
            self._is_open = False
            self._server.socket.close()


def serve(host: str, port: int, *, token: str, is_shared: bool) -> MetricsServer | None:
    """Return a server, or None with a warning if the port cannot be had."""
    try:
        return MetricsServer(host, port, token=token, is_shared=is_shared)
    except (OSError, OverflowError) as error:
        diagnostics.warn_once(
            "metrics server",
            "metrics cannot be served at %s:%s (%s): set OTEL_EXPORTER_PROMETHEUS_PORT to a free "
            "port",
            host,
            port,
            error,
        )
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, *, token: str, is_shared: bool) -> None:
        self.token = token
        self._room = threading.BoundedSemaphore(MAX_CLIENTS)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family = found[0][0]
        super().__init__((host, port), _Handler, bind_and_activate=False)
        try:
            if is_shared:
                # Python 3.10 does not know allow_reuse_port.
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self.server_bind()
            self.server_activate()
        except BaseException:
            self.server_close()
            raise

    def server_bind(self) -> None:
        # Without the look-up of a name for the address, which may take seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:
            self._room.release()
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet: clients hang up."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "testpilot_obs"
    sys_version = ""
    timeout = TIMEOUT_S
    wbufsize = -1

    def do_GET(self) -> None:
        """Answer with the metrics."""
        path, _, query = self.path.partition("?")
        read = self.headers.get
        request = Request(
            self.command,
            query,
            read("Accept", ""),
            read("Accept-Encoding", ""),
            read("Authorization", ""),
        )
        self._send(answer(request, token=self.server.token) if path in _PATHS else _NOT_FOUND)

    do_HEAD = do_GET  # noqa: N815  # so the standard library calls them
    do_POST = do_GET  # noqa: N815

    def _send(self, given: Answer) -> None:
        self.send_response(given.status, given.reason)
        for name, value in given.headers:
            self.send_header(name, value)
        if self.command == "POST":
            # Its body was not read.
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(given.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Stay quiet."""
