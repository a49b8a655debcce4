"""The table: what goes wrong, and how the process ends meanwhile.

Tests run a part of it, ``scripts/measure_reliability.py`` all of it. A case is a fault and a way
to end; each counts all three signals.
"""

from typing import NamedTuple

NUMBER = 90
"""Spans, log lines and series that each program records."""


class Fault(NamedTuple):
    """One thing that goes wrong with the collector."""

    name: str
    """As the documentation calls it."""
    mode: str = "well"
    """Of the receiver."""
    options: dict = {}  # noqa: RUF012  # nobody changes it
    """For the mode."""
    protocol: str = "http"
    """"http" or "grpc"."""
    course: str = "lasts"
    """"lasts" until the program has ended, "passes" while it runs, "dies" meanwhile, or
    "dies_and_returns"."""
    tls: bool = False
    """Whether the program speaks TLS."""
    dns: bool = False
    """Whether the name of the collector is never resolved."""
    is_refusal: bool = False
    """Whether the collector says for good that it does not want the data: losing it is right."""
    may_double: bool = False
    """Whether the collector keeps what it does not confirm, so that it must come again."""


class Exit(NamedTuple):
    """One way to end."""

    name: str
    """As the documentation calls it."""
    how: str
    """For the program."""
    durability: str = "normal"
    """The setting of that name."""
    may_lose: bool = False
    """Whether what waits in memory may be lost: nobody is asked."""


class Case(NamedTuple):
    """One cell of the table."""

    fault: Fault
    exit: Exit

    @property
    def name(self):
        """For people."""
        return f"{self.fault.name} / {self.exit.name}"


def _http(name, mode, *, is_refusal=False, may_double=False, course="lasts", tls=False, **options):
    return Fault(
        name,
        mode,
        options,
        is_refusal=is_refusal,
        may_double=may_double,
        course=course,
        tls=tls,
    )


def _grpc(name, mode, *, is_refusal=False, may_double=False, course="lasts", **options):
    return Fault(
        f"gRPC: {name}",
        mode,
        options,
        "grpc",
        is_refusal=is_refusal,
        may_double=may_double,
        course=course,
    )


def _tls(name, certificate):
    return _http(f"TLS: {name}", "well", tls=True, certificate=certificate)


WELL = _http("nothing is wrong", "well")
CLOSED = _http("port closed", "closed")
HANGS = _http("hangs before the answer", "hang_before_head")

FAULTS = (
    WELL,
    _http("slow, 0.2 s a request", "slow"),
    CLOSED,
    _http("RST", "rst"),
    _http("black hole: accepts, never reads", "black_hole"),
    _http("black hole: backlog full", "backlog_full"),
    Fault("name server never answers", dns=True),
    HANGS,
    _http("hangs after the head of the answer", "hang_after_head", may_double=True),
    _http("answers one byte a second", "drip", may_double=True),
    _http("429", "429"),
    _http("429 with Retry-After: 1", "429", headers={"Retry-After": "1"}),
    _http("429 with Retry-After: 1, passes", "429", headers={"Retry-After": "1"}, course="passes"),
    _http("503", "503"),
    _http("503 with Retry-After: 3600", "503", headers={"Retry-After": "3600"}),
    _http("503, passes", "503", course="passes"),
    _http("400", "400", is_refusal=True),
    _http("401", "401", is_refusal=True),
    _http("404", "404", is_refusal=True),
    _http("413 above 6 kB", "refuse_large", max_bytes=6_000),
    _http("413 always", "413", is_refusal=True),
    _http("redirect 301", "301", is_refusal=True, headers={"Location": "http://127.0.0.1:9/"}),
    _http("redirect 307", "307", is_refusal=True, headers={"Location": "http://127.0.0.1:9/"}),
    _http("accepts two thirds of each request", "partial", is_refusal=True),
    _http("answer cut short", "cut_short", may_double=True),
    _http("keeps the data, closes without an answer", "cut_off", may_double=True),
    _http("the same, passes", "cut_off", may_double=True, course="passes"),
    _http("answer of 256 MB", "huge", may_double=True),
    _http("answer of 256 MB as gzip", "bomb", may_double=True),
    _tls("certificate expired", "expired"),
    _tls("certificate of another host", "wrong_host"),
    _tls("unknown authority", "unknown_authority"),
    _http("TLS: plain text on the TLS port", "plain_text", tls=True),
    _http("dies", "well", course="dies"),
    _http("dies and returns", "well", course="dies_and_returns"),
    _grpc("nothing is wrong", "well"),
    _grpc("port closed", "closed"),
    _grpc("UNAVAILABLE", "refuse", code="UNAVAILABLE"),
    _grpc("UNAVAILABLE with RetryInfo, 1 s", "refuse", code="UNAVAILABLE", retry_delay_s=1.0),
    _grpc("UNAVAILABLE, passes", "refuse", code="UNAVAILABLE", course="passes"),
    _grpc(
        "RESOURCE_EXHAUSTED with RetryInfo, 1 s",
        "refuse",
        code="RESOURCE_EXHAUSTED",
        retry_delay_s=1.0,
    ),
    _grpc("RESOURCE_EXHAUSTED", "refuse", code="RESOURCE_EXHAUSTED", is_refusal=True),
    _grpc("UNAUTHENTICATED", "refuse", code="UNAUTHENTICATED", is_refusal=True),
    _grpc("hangs until the deadline", "hang"),
    _grpc("accepts two thirds of each request", "partial", is_refusal=True),
    _grpc("keeps the data, answers UNAVAILABLE", "cut_off", may_double=True),
    _grpc("dies", "well", course="dies"),
    _grpc("dies and returns", "well", course="dies_and_returns"),
)

SHUTDOWN = Exit("`shutdown()`", "shutdown()")
SIGTERM = Exit("SIGTERM", "SIGTERM")

EXITS = (
    SHUTDOWN,
    Exit("return from main", "return"),
    Exit("`sys.exit`", "sys.exit"),
    Exit("unhandled exception", "exception"),
    SIGTERM,
    Exit("SIGINT", "SIGINT"),
    Exit("`os._exit` after `flush()`", "os._exit after flush"),
    Exit("`os._exit`", "os._exit"),
    Exit("SIGKILL", "SIGKILL", may_lose=True),
    Exit("SIGKILL, durability=always", "SIGKILL", durability="always"),
)

CASES = tuple(Case(fault, way) for fault in FAULTS for way in EXITS)

# In tests each fault meets two ways to end, and each way to end meets three faults.
TESTED = tuple(
    case
    for case in CASES
    if case.exit in (SHUTDOWN, SIGTERM) or case.fault in (WELL, CLOSED, HANGS)
)
