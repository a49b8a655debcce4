"""What the driver asks of the service, and what must come of it."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

import testpilot_obs as obs

PROJECTS = ("shop", "bank", "blog")
WORKERS = 8
GENERATE = "POST /generate"


@dataclass(frozen=True)
class Ask:
    """One ``POST /generate``, and the answer it must get."""

    function: str
    expected: int = 200
    project_id: int = 1
    thorough: bool = False

    def body(self) -> dict[str, object]:
        """Return the request's JSON."""
        source = f"def {self.function}():\n    return 1\n"
        return {"project_id": self.project_id, "source": source, "thorough": self.thorough}


@dataclass
class Tally:
    """What the driver counted itself, without any telemetry."""

    requests: Counter[str] = field(default_factory=Counter)
    """By name of the transaction that the service must have made of them."""
    answers: Counter[int] = field(default_factory=Counter)
    """By HTTP status."""
    generated: Counter[str] = field(default_factory=Counter)
    """By the ``status`` label of ``code_generation_total``."""
    surprises: list[str] = field(default_factory=list)
    """Answers that were not the expected ones."""

    def add(self, transaction: str, status: int, *, expected: int) -> None:
        """Count one answered request."""
        self.requests[transaction] += 1
        self.answers[status] += 1
        if status != expected:
            self.surprises.append(f"{transaction} answered {status}, expected {expected}")


def plan(count: int) -> Iterator[Ask]:
    """Yield *count* requests: mostly plain ones, and a few of each kind of trouble."""
    for number in range(count):
        project_id = number % len(PROJECTS) + 1
        kind = number % 20
        if kind == 3:  # noqa: PLR2004  # which of twenty is of which kind has no meaning
            yield Ask("overload", 503, project_id)
        elif kind == 7:  # noqa: PLR2004
            yield Ask("no such project", 404, 99)
        elif kind == 11:  # noqa: PLR2004
            yield Ask("broken python", 422, project_id)
        elif kind == 15:  # noqa: PLR2004
            yield Ask("busy", 200, project_id, thorough=number == 15)  # noqa: PLR2004
        else:
            yield Ask(f"function_{number}", 200, project_id)


@dataclass(frozen=True)
class Driver:
    """Sends requests over HTTP and counts what came back."""

    client: httpx.Client
    tally: Tally = field(default_factory=Tally)

    def run(self, count: int) -> Tally:
        """Make the projects, ask *count* times with several workers, and look at the list."""
        for name in PROJECTS:
            self._send("POST /projects", {"name": name}, expected=201)
        with ThreadPoolExecutor(WORKERS) as pool:
            for ask, status in pool.map(self._generate, plan(count)):
                self.tally.add(GENERATE, status, expected=ask.expected)
                if ask.project_id <= len(PROJECTS):
                    self.tally.generated["success" if status == httpx.codes.OK else "error"] += 1
        self._send("GET /projects", None, expected=200)
        return self.tally

    def _generate(self, ask: Ask) -> tuple[Ask, int]:
        return ask, self._request(GENERATE, ask.body())

    def _send(self, name: str, body: object, *, expected: int) -> None:
        self.tally.add(name, self._request(name, body), expected=expected)

    def _request(self, name: str, body: object) -> int:
        """Send one request inside a client span; the service's spans become its children."""
        method, path = name.split()
        headers: dict[str, str] = {}
        with obs.start_transaction(f"call {name}", kind="client") as transaction:
            obs.inject(headers)
            response = self.client.request(method, path, json=body, headers=headers)
            transaction.set_attribute("http.response.status_code", response.status_code)
        return response.status_code
