"""What the service tells about itself: one middleware and the metrics of the plan."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from opentelemetry.trace import StatusCode
from starlette.routing import BaseRoute, Match

import testpilot_obs as obs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SERVER_ERROR = 500

generations = obs.metrics.counter(
    "code_generation_total",
    "Code generations that ended, by outcome and project.",
    ["status", "project_id"],
)
generation_duration = obs.metrics.histogram(
    "code_generation_duration_seconds",
    "How long one code generation took.",
    unit="seconds",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60),
)
active_sessions = obs.metrics.gauge("active_sessions_total", "Requests in progress.")


def record_code_generation(status: str, project_id: int, duration_s: float) -> None:
    """Count one generation that ended, ``"success"`` or ``"error"``, and how long it took."""
    generations.labels(status=status, project_id=str(project_id)).inc()
    generation_duration.observe(duration_s)


class Requests:
    """ASGI middleware: one transaction for each HTTP request, child of the caller's span."""

    def __init__(self, app: App, *, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or pass on what is not a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        active_sessions.inc()
        try:
            await self._handle(scope, receive, send)
        finally:
            active_sessions.dec()

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._route_of(scope)
        attributes = {"http.request.method": scope["method"], "http.route": route}
        name = f"{scope['method']} {route}"
        async with obs.start_transaction(
            name, kind="server", attributes=attributes, parent=obs.extract(_headers(scope))
        ) as transaction:

            async def watch(message: Message) -> None:
                if message["type"] == "http.response.start":
                    transaction.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= SERVER_ERROR:
                        transaction.set_status(StatusCode.ERROR)
                await send(message)

            await self._app(scope, receive, watch)

    def _route_of(self, scope: Scope) -> str:
        """Return the path with its parameters' names, so that there are few names."""
        for route in self._routes:
            if route.matches(scope)[0] is Match.FULL:
                return str(getattr(route, "path", "?"))
        return "unknown"


def _headers(scope: Scope) -> dict[str, str]:
    return {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
