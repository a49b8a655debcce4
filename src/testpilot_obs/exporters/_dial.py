"""A connected socket before a deadline, whatever the name server and the host do."""

import errno
import os
import selectors
import socket
import threading
from collections.abc import Sequence
from typing import Any

from testpilot_obs._core import clock

Address = tuple[Any, Any, int, str, Any]
"""One answer of ``socket.getaddrinfo``."""

_REASONS = {
    errno.ECONNREFUSED: "connection_refused",
    errno.ECONNRESET: "connection_reset",
    errno.EPIPE: "connection_reset",
    errno.ECONNABORTED: "connection_reset",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.ETIMEDOUT: "timeout",
    errno.EMFILE: "too_many_open_files",
    errno.ENFILE: "too_many_open_files",
}

_UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)
_HEAD_START_S = 0.25
"""How long an address is tried alone (RFC 8305, "Happy Eyeballs", section 5)."""


class NotSentError(Exception):
    """A request did not get a whole reply; another try may."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        """One word for the counters, e.g. ``"connection_refused"``."""


def remaining_s(deadline: float) -> float:
    """Return the seconds left until *deadline* (of ``clock.monotonic``).

    Raises:
        TimeoutError: If there are none.
    """
    left = deadline - clock.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def not_sent(error: BaseException, where: str) -> NotSentError:
    """Return *error*, met while talking to *where*, in words for people and for counters."""
    if isinstance(error, TimeoutError):
        return NotSentError("timeout", f"{where} did not answer in time")
    if isinstance(error, socket.gaierror):
        return NotSentError("dns", f"the name of {where} cannot be resolved: {error.strerror}")
    number = getattr(error, "errno", None)
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return NotSentError(_REASONS.get(number or 0, "io_error"), f"{where}: {words}")


def dial(host: str, port: int, *, deadline: float) -> socket.socket:
    """Return a socket connected to the first of the addresses of *host* that answers.

    Raises:
        OSError: Why none of them could be reached, or the name not be resolved.
        TimeoutError: At the deadline.
    """
    addresses = resolve(host, port, deadline=deadline)
    if len(addresses) == 1:
        connection = _connect(addresses[0], remaining_s(deadline))
    else:
        connection = _first_to_answer(addresses, deadline)
    try:
        # Head and body are two sends; without this the second may wait for an acknowledgement.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        connection.close()
        raise
    return connection


def resolve(host: str, port: int, *, deadline: float) -> Sequence[Address]:
    """Return the addresses of *host*, as ``socket.getaddrinfo`` does, before *deadline*.

    The system's resolver knows no deadline, so a thread waits for it. Where no thread can be
    started (a process that is ending) the caller waits itself.

    Raises:
        socket.gaierror: If there are none.
        TimeoutError: At the deadline; the thread ends when the resolver gives up.
    """
    try:
        return _look_up(host, port, socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass
    answers: list[Sequence[Address] | OSError] = []

    def ask() -> None:
        try:
            answers.append(_look_up(host, port, 0))
        except OSError as error:
            answers.append(error)

    asking = threading.Thread(target=ask, name="testpilot_obs dns", daemon=True)
    try:
        asking.start()
    except RuntimeError:
        ask()
    else:
        asking.join(remaining_s(deadline))
    return _answer(answers)


def _look_up(host: str, port: int, flags: int) -> Sequence[Address]:
    # Given text, getaddrinfo() imports a codec: a child forked meanwhile would hang on that lock.
    name: str | bytes = host.encode("ascii") if host.isascii() else host
    try:
        return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=flags)
    except UnicodeError:
        # An empty or overlong label, which no name server is asked about.
        raise socket.gaierror(socket.EAI_NONAME, "this is not a host name") from None


def _answer(answers: Sequence[Sequence[Address] | OSError]) -> Sequence[Address]:
    if not answers:
        raise TimeoutError
    answer = answers[0]
    if isinstance(answer, OSError):
        raise answer
    return answer


def _connect(address: Address, timeout_s: float) -> socket.socket:
    family, kind, protocol, _, target = address
    connection = socket.socket(family, kind, protocol)
    try:
        connection.settimeout(timeout_s)
        connection.connect(target)
    except BaseException:
        connection.close()
        raise
    return connection


def _first_to_answer(addresses: Sequence[Address], deadline: float) -> socket.socket:
    """Try each address when the one before has failed, or has had its head start.

    So an IPv6 address that swallows everything costs a quarter of a second, not the deadline.
    """
    failure: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
    left = list(reversed(addresses))
    begun: list[Any] = []
    with selectors.DefaultSelector() as selector:
        try:
            while left or begun:
                try:
                    if left:
                        begun.append(_begin(left.pop()))
                        selector.register(begun[-1], selectors.EVENT_WRITE)
                except OSError as error:
                    failure = error
                    continue
                wait_s = remaining_s(deadline)
                for key, _ in selector.select(min(wait_s, _HEAD_START_S) if left else wait_s):
                    selector.unregister(key.fileobj)
                    connection = begun.pop(begun.index(key.fileobj))
                    number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if not number:
                        return connection  # type: ignore[no-any-return]
                    connection.close()
                    failure = OSError(number, os.strerror(number))
        finally:
            for connection in begun:
                connection.close()
    raise failure


def _begin(address: Address) -> socket.socket:
    """Return a socket that is being connected."""
    family, kind, protocol, _, target = address
    connection = socket.socket(family, kind, protocol)
    connection.settimeout(0)
    number = connection.connect_ex(target)
    if number not in _UNDER_WAY:
        connection.close()
        raise OSError(number, os.strerror(number))
    return connection
