"""The HTTP half of the receiver: raw sockets, as it must be able to break every rule."""

import contextlib
import socket
import ssl
import threading
from pathlib import Path
from typing import NamedTuple

from tests.faults import modes

_BACKLOG = 128


class Request(NamedTuple):
    """One POST."""

    signal: str
    body: bytes
    """As it came, compressed or not."""
    encoding: str


class HttpReceiver:
    """Listens on a port, in a mode that can be changed at any moment.

    A connection that is open when the mode changes is cut, so that nothing goes on hanging.

    Args:
        port: Where to listen.
        journal: Keeps what is accepted.
        certificates: Folder with ``<name>.pem`` for TLS.
    """

    def __init__(self, port, journal, certificates):
        self._journal = journal
        self._certificates = Path(certificates)
        self._port = port
        self._mode, self._options = "well", {}
        self._open = set()
        self._fillers = []
        self._generation = 0
        # Held from keeping the data to the end of the answer, so that going from "well" to a fault
        # never makes one that keeps what it does not confirm.
        self._confirming = threading.Lock()
        self._ended = threading.Event()
        self._socket = None
        self._bind()

    def set_mode(self, mode, **options):
        """Behave as *mode* of `modes` from now on.

        Args:
            mode: A name there.
            options: For its function; ``certificate`` speaks TLS with that one, ``times`` goes
                back to "well" after so many connections or requests.
        """
        modes.prepare(mode)
        with self._confirming:
            self._generation += 1
            self._ended.set()
            self._ended = threading.Event()
            self._mode, self._options = mode, options
            self.hang_up()
            self._bind()

    def hang_up(self):
        """Cut all connections."""
        for connection in [*self._open, *self._fillers]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()
        self._fillers.clear()

    def _bind(self):
        """Take the port anew: bound and not listening it refuses, and stays ours."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", self._port))
        if self._mode == "closed":
            return
        if self._mode == "backlog_full":
            self._fill_backlog()
            return
        self._socket.listen(_BACKLOG)
        threading.Thread(target=self._accept, args=(self._socket,), daemon=True).start()

    def _fill_backlog(self):
        self._socket.listen(0)
        for _ in range(4):
            filler = socket.socket()
            filler.settimeout(0)
            filler.connect_ex(("127.0.0.1", self._port))
            self._fillers.append(filler)

    def _accept(self, listening):
        generation = self._generation
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection, generation), daemon=True).start()

    def _serve(self, connection, generation):
        try:
            mode, options = self._mode, self._options
            if mode in modes.SILENT:
                self._use_up()
                modes.SILENT[mode](connection, wait=self._ended.wait, **options)
            else:
                self._answer_all(self._with_tls(connection), generation)
        except (OSError, ValueError):
            # The client hung up, or sent what is none of a receiver's concern.
            pass
        finally:
            self._open.discard(connection)
            with contextlib.suppress(OSError):
                connection.close()

    def _with_tls(self, connection):
        certificate = self._options.get("certificate")
        if certificate is None:
            return connection
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificates / f"{certificate}.pem")
        # Wrapping takes the socket over; the new one is what must be cut.
        wrapped = context.wrap_socket(connection, server_side=True)
        self._open.add(wrapped)
        return wrapped

    def _answer_all(self, connection, generation):
        file = connection.makefile("rb")
        with contextlib.closing(connection):
            while generation == self._generation and (request := _read(file)) is not None:
                if not self._answer(connection, request, generation):
                    return

    def _answer(self, connection, request, generation):
        mode, options = self._mode, self._options
        given = {"accept": self._take, "wait": self._ended.wait, **options}
        with self._confirming if mode == "well" else contextlib.nullcontext():
            if generation != self._generation:
                return False
            self._use_up()
            return modes.ANSWERS[mode](connection, request, **given)

    def _use_up(self):
        """Count a mode that lasts for some requests down."""
        left = self._options.get("times")
        if left == 1:
            self._mode, self._options = "well", {}
        elif left is not None:
            self._options = {**self._options, "times": left - 1}

    def _take(self, request, *, share=1.0):
        data = modes.unpack(request.body, request.encoding)
        return self._journal.accept(request.signal, data, share=share)


def _read(file):
    """Return the next request of a connection, ``None`` at its end."""
    first = file.readline()
    if not first:
        return None
    headers = {}
    while (line := file.readline().strip()) != b"":
        name, _, text = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = text.strip()
    length = int(headers.get("content-length", 0))
    body = file.read(length)
    if len(body) < length:
        return None
    path = first.split(b" ")[1].decode("latin-1")
    return Request(path.rpartition("/v1/")[2], body, headers.get("content-encoding", ""))
