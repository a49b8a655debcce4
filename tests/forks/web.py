"""A service under test: each request is one span, one log line and one count."""

import os

import testpilot_obs as obs

answered = obs.metrics.counter("shop_requests", "Requests answered.")
obs.init(service_name="shop", log_format="none")
log = obs.get_logger("shop")


def answer(number):
    """Do the work of one request; return the process that did it."""
    with obs.span("request", number=number):
        answered.inc()
        log.info("answered", number=number)
    return str(os.getpid()).encode()


def app(environ, start_response):
    """Answer as WSGI asks."""
    body = answer(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    """Answer as ASGI asks."""
    if scope["type"] != "http":
        return
    body = answer(scope["query_string"].decode())
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
