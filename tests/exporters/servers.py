"""Servers that behave as badly as a test wants."""

import contextlib
import socket
import struct
import threading

from testpilot_obs.config import OtlpSettings
from testpilot_obs.exporters import OtlpHttpExporter
from tests.exporters.builders import Batch, Span

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
BATCH = Batch(Span())


class RawServer:
    """Accepts connections on a free port and leaves each to a function in a thread of its own.

    The function is called with the connection and its number, from 0; what it raises when the
    client hangs up or the server stops is ignored.
    """

    def __init__(self, serve, host="127.0.0.1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, 0), family=family)
        self._serve = serve
        self._open = []
        self.accepted = 0
        netloc = f"[{host}]" if ":" in host else host
        self.url = f"http://{netloc}:{self._socket.getsockname()[1]}/v1/traces"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception):
        for opened in [self._socket, *self._open]:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(connection)
            number, self.accepted = self.accepted, self.accepted + 1
            threading.Thread(target=self._run, args=(connection, number), daemon=True).start()

    def _run(self, connection, number):
        with contextlib.suppress(OSError, ValueError):
            self._serve(connection, number)
            connection.close()


def read_request(connection):
    """Return the head and body of one request."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    size = int(lengths[0].partition(b":")[2])
    while len(body) < size:
        body += receive(connection)
    return head, body


def receive(connection):
    """Return some bytes; raise when the client has hung up."""
    data = connection.recv(65536)
    if not data:
        raise ConnectionError
    return data


def answering(*replies):
    """Return a server's function that answers each request of a connection with the next reply."""

    def serve(connection, _number):
        for reply in replies:
            read_request(connection)
            connection.sendall(reply)

    return serve


def reset(connection):
    """Hang up with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextlib.contextmanager
def exporting_to(url, **settings):
    """Give an exporter of spans to *url*."""
    exporter = OtlpHttpExporter(OtlpSettings(endpoint=url, **settings), "traces")
    try:
        yield exporter
    finally:
        exporter.close()


def export_once(url, *, batch=BATCH, timeout_s=5.0, **settings):
    """Return the outcome of one export to *url*."""
    with exporting_to(url, **settings) as exporter:
        return exporter.export(batch, timeout_s=timeout_s)


def closed_port():
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
