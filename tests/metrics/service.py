"""A service under test, run by servers and by itself: counts what it is asked to count."""

import os

import testpilot_obs as obs
from testpilot_obs import metrics

jobs = metrics.counter("shop_jobs", "Jobs done.", ["kind"])
wait = metrics.histogram("shop_wait", "Waiting.", unit="seconds", buckets=(0.1, 1))
workers = metrics.gauge("shop_workers", "Workers that live.")
busy = metrics.gauge("shop_busy", "Busy, by worker.", processes="liveall")

obs.init(service_name="shop", traces_exporter="none", log_format="none")
serve = metrics.wsgi_app()


def app(environ, start_response):
    """Serve /metrics; any other path counts one job."""
    if environ["PATH_INFO"] == "/metrics":
        return serve(environ, start_response)
    workers.set(1)
    busy.set(os.getpid() % 7)
    jobs.labels("web").inc()
    wait.observe(0.5)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


async def asgi(scope, receive, send):
    """Do the same for ASGI servers."""
    if scope["type"] != "http" or scope["path"] == "/metrics":
        await metrics.asgi_app()(scope, receive, send)
        return
    workers.set(1)
    jobs.labels("web").inc()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
