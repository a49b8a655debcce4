"""POST over HTTP/1.1 and one kept connection: no redirects, no proxies, no netrc, no surprises.

Everything (name, connect, TLS, send, receive) shares one deadline. A general client would bring
connection pools, cookies, retries and environment variables of its own, and no total deadline.
"""

import base64
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from testpilot_obs.exporters._dial import NotSentError, dial, not_sent, remaining_s
from testpilot_obs.exporters._http_reply import Reply, ReplyReader

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SEND_BYTES = 256 << 10
_LOOK_UP_S = 0.25
"""How long a server may leave us sending before we look whether it has answered already."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go."""

    host: str
    port: int
    path: str
    """With its query; a request's target."""
    is_tls: bool
    credentials: str
    """Value of the ``Authorization`` header made from the URL's user and password, or ``""``."""

    @classmethod
    def of_url(cls, url: str) -> "Target":
        """Return the target of an ``http`` or ``https`` URL.

        Raises:
            ValueError: If it is no such URL; the message does not repeat it.
        """
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            msg = "the endpoint is not an http:// or https:// URL"
            raise ValueError(msg)
        credentials = ""
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            credentials = "Basic " + base64.b64encode(pair.encode()).decode()
        query = f"?{parts.query}" if parts.query else ""
        return cls(
            host=parts.hostname,
            port=parts.port or _DEFAULT_PORTS[parts.scheme],
            path=(parts.path or "/") + query,
            is_tls=parts.scheme == "https",
            credentials=credentials,
        )

    @property
    def netloc(self) -> str:
        """Host and port, as in a URL and in the ``Host`` header; no user, no password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_default = self.port == _DEFAULT_PORTS["https" if self.is_tls else "http"]
        return host if is_default else f"{host}:{self.port}"

    def __str__(self) -> str:
        scheme = "https" if self.is_tls else "http"
        return f"{scheme}://{self.netloc}{self.path.partition('?')[0]}"


class HttpClient:
    """Posts to one target; used by one thread at a time.

    Args:
        headers: Sent with every request, besides ``Host`` and ``Content-Length``.
        tls: An ``ssl.SSLContext`` for ``https``.
    """

    def __init__(
        self,
        target: Target,
        *,
        headers: Mapping[str, str],
        tls: Any = None,
    ) -> None:
        self._target = target
        self._tls = tls
        lines = [f"POST {target.path} HTTP/1.1", f"Host: {target.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._head = "\r\n".join(lines).encode("latin-1", "replace")
        self._connection: socket.socket | None = None

    def post(self, body: bytes, *, deadline: float) -> Reply:
        """Send *body* and return the reply, whatever its status.

        A kept connection that turns out to be dead is opened anew, once, unless the server may
        have read the whole request. *deadline* is when to give up, in seconds of
        ``clock.monotonic``.

        Raises:
            NotSentError: If no whole reply came before the deadline.
        """
        kept, self._connection = self._connection, None
        if kept is not None and _is_quiet(kept):
            try:
                return self._exchange(kept, body, deadline)
            except _StaleConnectionError as error:
                if error.may_have_arrived:
                    raise self._in_words(error.cause) from None
        elif kept is not None:
            kept.close()
        return self._exchange_anew(body, deadline)

    def close(self) -> None:
        """Close the kept connection.

        Closes this process's descriptor and says nothing to the server, so that a forked child
        may call it while the parent goes on.
        """
        kept, self._connection = self._connection, None
        if kept is not None:
            kept.close()

    def _exchange_anew(self, body: bytes, deadline: float) -> Reply:
        try:
            connection = self._open(deadline)
        except OSError as error:
            raise self._in_words(error) from None
        try:
            return self._exchange(connection, body, deadline)
        except _StaleConnectionError as error:
            failure = self._in_words(error.cause)
            if self._tls is not None and failure.reason != "tls":
                # With TLS 1.3 this is how a server may say that it misses a certificate.
                message = f"{failure}; {_client_certificate_hint()}"
                failure = NotSentError(failure.reason, message)
            raise failure from None

    def _open(self, deadline: float) -> socket.socket:
        plain = dial(self._target.host, self._target.port, deadline=deadline)
        if self._tls is None:
            return plain
        try:
            plain.settimeout(remaining_s(deadline))
            secured: socket.socket = self._tls.wrap_socket(plain, server_hostname=self._target.host)
        except BaseException:
            plain.close()
            raise
        return secured

    def _exchange(self, connection: socket.socket, body: bytes, deadline: float) -> Reply:
        reader = ReplyReader(connection, deadline)
        is_kept = is_whole = False
        try:
            is_whole = self._send(connection, body, deadline)
            reply = reader.read()
            is_kept = reply.can_reuse and is_whole
        except (OSError, NotSentError) as error:
            if not reader.has_begun and not isinstance(error, TimeoutError):
                # Who hangs up in order has read everything; who has not sends a reset.
                may_have_arrived = is_whole and isinstance(error, NotSentError)
                raise _StaleConnectionError(error, may_have_arrived=may_have_arrived) from None
            raise self._in_words(error) from None
        finally:
            if is_kept:
                self._connection = connection
            else:
                connection.close()
        return reply

    def _send(self, connection: socket.socket, body: bytes, deadline: float) -> bool:
        """Send the request; False if the server stopped reading, and its answer is to be read."""
        head = self._head + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
        left = memoryview(head + body)
        while left:
            try:
                connection.settimeout(min(remaining_s(deadline), _LOOK_UP_S))
                left = left[connection.send(left[:_SEND_BYTES]) :]
            except TimeoutError:
                remaining_s(deadline)
                # What TLS has to say is no answer yet, so it is only looked for without.
                if self._tls is None and not _is_quiet(connection):
                    return False
            except OSError:
                # A server may answer (413, say, or a TLS alert) and hang up before it has read
                # all; reading tells the answer, if there is one, or else what is wrong.
                return False
        return True

    def _in_words(self, error: BaseException) -> NotSentError:
        if isinstance(error, NotSentError):
            return NotSentError(error.reason, f"{self._target}: {error}")
        if self._tls is not None:
            # Here ssl is loaded already; elsewhere it would cost memory for nothing.
            from testpilot_obs.exporters import _tls

            if _tls.is_tls(error):
                return NotSentError("tls", f"{self._target}: {_tls.words(error)}")
        return not_sent(error, str(self._target))


def _client_certificate_hint() -> str:
    from testpilot_obs.exporters import _tls

    return _tls.CLIENT_CERTIFICATE_HINT


class _StaleConnectionError(Exception):
    """A connection ended before the first byte of a reply."""

    def __init__(self, cause: Exception, *, may_have_arrived: bool) -> None:
        super().__init__()
        self.cause = cause
        self.may_have_arrived = may_have_arrived


def _is_quiet(connection: Any) -> bool:
    """Return False if a kept connection was closed, or the server said something unasked."""
    try:
        connection.settimeout(0)
        # The plain method even for TLS: bytes that wait undecrypted are a goodbye too.
        socket.socket.recv(connection, 1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
