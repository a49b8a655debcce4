"""A request for metrics and the answer to it; the same for the server, ASGI and WSGI.

Source:
    RFC 9110 on ``Accept`` and ``Accept-Encoding``; Prometheus sends versions and weights.
"""

import zlib
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qs

from testpilot_obs.metrics._render import CONTENT_TYPE, OPENMETRICS_CONTENT_TYPE, render

Header = tuple[str, str]

GZIP_LEVEL = 1
"""Costs a tenth of level 9 and makes 15 % more bytes."""
_GZIP_FORMAT = 31
_METHODS = ("GET", "HEAD")


class Request(NamedTuple):
    """What matters of an HTTP request."""

    method: str = "GET"
    query: str = ""
    accept: str = ""
    accept_encoding: str = ""
    authorization: str = ""


class Answer(NamedTuple):
    """What to send back."""

    status: int
    reason: str
    headers: list[Header]
    body: bytes


def answer(request: Request, *, token: str = "") -> Answer:
    """Return the metrics as *request* wants them.

    Args:
        request: Who wants what.
        token: If given, the request must carry it as a bearer token.
    """
    if token and not _is_allowed(request.authorization, token):
        return _refusal(401, "Unauthorized", ("WWW-Authenticate", "Bearer"))
    if request.method not in _METHODS:
        return _refusal(405, "Method Not Allowed", ("Allow", ", ".join(_METHODS)))
    names = frozenset(parse_qs(request.query).get("name[]", ()))
    is_open = _wants_openmetrics(request.accept)
    body = render(openmetrics=is_open, names=names)
    headers = [
        ("Content-Type", OPENMETRICS_CONTENT_TYPE if is_open else CONTENT_TYPE),
        ("Vary", "Accept, Accept-Encoding"),
    ]
    if _weights(request.accept_encoding).get("gzip", 0.0) > 0:
        packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
        body = packer.compress(body) + packer.flush()
        headers.append(("Content-Encoding", "gzip"))
    headers.append(("Content-Length", str(len(body))))
    return Answer(200, "OK", headers, b"" if request.method == "HEAD" else body)


def _refusal(status: int, reason: str, header: Header) -> Answer:
    body = f"{reason}\n".encode()
    plain = ("Content-Type", "text/plain; charset=utf-8")
    return Answer(status, reason, [plain, header, ("Content-Length", str(len(body)))], body)


def _is_allowed(authorization: str, token: str) -> bool:
    import hmac  # brings OpenSSL along: 3.5 MB that few need

    scheme, _, given = authorization.partition(" ")
    is_same = hmac.compare_digest(given.strip().encode(), token.encode())
    return is_same and scheme.lower() == "bearer"


def _wants_openmetrics(accept: str) -> bool:
    weights = _weights(accept)
    opened = weights.get("application/openmetrics-text", 0.0)
    plain = weights.get("text/plain", 0.0)
    return opened > 0 and opened >= plain


def _weights(header: str) -> dict[str, float]:
    """Return the greatest weight of each thing that a header accepts."""
    weights: dict[str, float] = {}
    for name, weight in _accepted(header):
        weights[name] = max(weight, weights.get(name, 0.0))
    return weights


def _accepted(header: str) -> Iterator[tuple[str, float]]:
    for part in header.split(","):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        weight = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        try:
            yield name, float(weight)
        except ValueError:
            continue
