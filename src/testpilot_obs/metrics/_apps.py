"""The metrics as applications to mount: ASGI and WSGI."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from testpilot_obs.metrics._answer import Request, answer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def asgi_app(*, token: str = "") -> AsgiApp:
    """Return an ASGI application that serves the metrics, e.g. mounted at ``/metrics``.

    Args:
        token: If given, whoever asks must send it as ``Authorization: Bearer <token>``.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            return
        given = await _in_thread(_asgi_request(scope), token)
        headers = [(name.lower().encode(), value.encode()) for name, value in given.headers]
        start = {"type": "http.response.start", "status": given.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": given.body})

    return app


def wsgi_app(*, token: str = "") -> WsgiApp:
    """Return a WSGI application that serves the metrics.

    Args:
        token: If given, whoever asks must send it as ``Authorization: Bearer <token>``.
    """

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(
            environ.get("REQUEST_METHOD", "GET"),
            environ.get("QUERY_STRING", ""),
            environ.get("HTTP_ACCEPT", ""),
            environ.get("HTTP_ACCEPT_ENCODING", ""),
            environ.get("HTTP_AUTHORIZATION", ""),
        )
        given = answer(request, token=token)
        start_response(f"{given.status} {given.reason}", given.headers)
        return [given.body]

    return app


def _asgi_request(scope: Scope) -> Request:
    headers = {name.lower(): value.decode("latin-1") for name, value in scope.get("headers", ())}
    return Request(
        scope.get("method", "GET"),
        scope.get("query_string", b"").decode("latin-1"),
        headers.get(b"accept", ""),
        headers.get(b"accept-encoding", ""),
        headers.get(b"authorization", ""),
    )


async def _in_thread(request: Request, token: str) -> Any:
    """Write the scrape beside the event loop, as callbacks may take their time."""
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        # Another kind of event loop (trio) runs this.
        return answer(request, token=token)
    return await loop.run_in_executor(None, lambda: answer(request, token=token))


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
