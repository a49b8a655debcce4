"""Run the demo: start a receiver and a service, send requests, show what arrived, compare.

The exit status is 0 only if everything that was sent has arrived.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping

import httpx

import testpilot_obs as obs
from examples.demo.child import Child, ChildError, forget_settings
from examples.demo.compare import Result, recorded
from examples.demo.evidence import Evidence
from examples.demo.screen import BOLD, GREEN, RED, Screen
from examples.demo.traffic import Driver, Tally

INTERRUPTED = 130
METRICS = (
    "code_generation_total",
    "code_generation_duration_seconds",
    "transaction_duration_seconds",
    "active_sessions_total",
)

NEXT = """\
  .venv/bin/python examples/quickstart.py   the first program, no network
  .venv/bin/testpilot-obs config            every setting and its source
  docs/architecture.md                      the way from a span to the receiver

  Your own service, to any OTLP receiver:
  OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 python your_service.py"""


def main() -> int:
    """Run the demo and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--requests", type=int, default=120, help="code generations (120)")
    parser.add_argument("--port", type=int, default=0, help="port of the service (any free one)")
    options = parser.parse_args()
    forget_settings()
    try:
        return run(Screen.of_stdout(), requests=options.requests, port=options.port)
    except (ChildError, httpx.HTTPError) as error:
        print(f"\nthe demo cannot go on: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; its processes have ended", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, e.g. head, has seen enough. Python would complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def run(screen: Screen, *, requests: int, port: int) -> int:
    """Start everything, let it run, show and judge the result."""
    print(screen.paint("testpilot_obs demo", BOLD) + ": a real service, watched over OTLP\n")
    with Child("examples.demo.receive") as receiver:
        endpoint = str(receiver.answer()["endpoint"])
        screen.step(1, "receiver", f"{endpoint}  decodes OTLP with opentelemetry-proto")
        tally, counts = produce(screen, endpoint, requests=requests, port=port)
        got = Evidence.of(receiver.ask("report"))
    arrived = f"{len(got.spans):,} spans, {len(got.logs):,} log lines, {got.point_count:,} points"
    screen.step(4, "arrived", f"{arrived} in {got.requests} OTLP requests")
    show(screen, got)
    return judge(screen, Result(got, tally, counts))


def produce(
    screen: Screen, endpoint: str, *, requests: int, port: int
) -> tuple[Tally, list[Mapping[str, int]]]:
    """Run the service and send it requests; return what driver and service say they sent."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_METRIC_EXPORT_INTERVAL": "1000"}
    with Child("examples.demo.serve", f"--port={port}", **environ) as service:
        url = str(service.answer()["url"])
        screen.step(2, "service", f"{url}  FastAPI on uvicorn, a process of its own")
        handle = obs.init(service_name="driver", otlp_endpoint=endpoint, log_format="none")
        started = time.perf_counter()
        with handle, httpx.Client(base_url=url, timeout=30.0) as client:
            tally = Driver(client).run(requests)
            own = recorded(handle.shutdown(timeout_s=5.0))
        answers = ", ".join(f"{status}: {n}" for status, n in sorted(tally.answers.items()))
        took = f"{time.perf_counter() - started:.1f} s"
        screen.step(3, "requests", f"{sum(tally.answers.values())} in {took}  ({answers})")
        return tally, [own, service.finish()]


def show(screen: Screen, got: Evidence) -> None:
    """Print one trace, its log lines and the metrics."""
    trace_id = got.most_telling_trace()
    spans = got.trace(trace_id)
    services = " and ".join(sorted({span.service for span in spans}))
    screen.title(f"one trace of {len(spans)} spans, {services}", trace_id)
    screen.waterfall(spans)
    screen.title("its log lines", "sent as OTLP logs with the same trace id")
    screen.log_lines(got.logs_of(trace_id), spans[0].start_ns)
    screen.title(
        "the metrics of the run", "as pushed; render() gives the same numbers to a scraper"
    )
    for metric in METRICS:
        screen.numbers(got, metric)


def judge(screen: Screen, result: Result) -> int:
    """Print the summary; return 0 if all that was sent has arrived."""
    screen.title("summary", "left: counted where it was sent; right: counted by the receiver")
    screen.comparison(list(result.rows()))
    for surprise in result.tally.surprises:
        print(f"  {surprise}")
    good = result.is_good()
    print(screen.paint(f"\n  lost: {result.lost()}", GREEN if good else RED))
    if not good:
        print("  the two sides differ: the demo failed")
        return 1
    screen.title("what next")
    print(NEXT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
