"""Measures cases: starts the receiver and the programs, breaks, heals, counts.

All ways to end of one fault share a receiver and happen side by side, as they mostly wait.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.faults.cases import NUMBER, Case, Exit
from tests.faults.certificates import write_certificates
from tests.faults.journal import SIGNALS
from tests.faults.receiver import Receiver
from tests.faults.running import METRICS_EVERY_S, Program, environment, spool_of

MEETS_FAULT_S = 0.7
"""How long a program lives with the fault before it records its second half."""
HEALED_S = 1.6
"""How long it lives with a collector that is back: longer than the first retry waits."""
DURABLE_S = 0.2
"""How long ago something must have ended to survive SIGKILL, with ``durability=always``."""
SETTLES_S = METRICS_EVERY_S + DURABLE_S + 0.1
"""How long before SIGKILL the last record was made: what was counted is collected meanwhile."""
QUIET_S = 2.5
"""When so long nothing more comes from the spool, nothing will."""


BARE = Exit("return from main", "return")
"""How the program without telemetry ends."""


class Count(NamedTuple):
    """What became of one signal's records."""

    recorded: int
    at_once: int
    """Arrived from the program that recorded them."""
    later: int
    """Arrived from the next start of the service, that is, were spooled."""
    doubled: int

    @property
    def lost(self):
        """Those that never came."""
        return self.recorded - self.at_once - self.later


class Result(NamedTuple):
    """What was seen of one case."""

    case: Case
    signals: dict
    """A `Count` for each signal."""
    exit_s: float
    """From the wish to end to the end of the process, in seconds."""
    was_killed: bool
    """Whether it did not end within the time it was given."""
    call_s: float
    """The longest recording call, in seconds."""
    stall_s: float
    """The longest time that the event loop was held up, in seconds."""
    bare_exit_s: float
    """How long the same program took to end without telemetry, beside this one."""
    bare_stall_s: float
    """How long its event loop was held up."""
    peak_bytes: int
    """The most memory that the program had."""
    books: dict
    """What the program itself says at its end, for each signal; empty if it cannot."""
    status: int
    errors: str


def measure(fault, exits, *, subject, folder, timeout_s=60.0, width=4, again=True):
    """Return a `Result` for each of *exits*.

    Args:
        fault: What goes wrong.
        exits: How the programs end.
        subject: A name in ``SUBJECTS``.
        folder: An empty folder.
        timeout_s: A program that takes longer to end is killed.
        width: At most so many programs start at a time.
        again: Whether the service is started again to bring what is in the spool.
    """
    folder = Path(folder)
    if fault.tls:
        write_certificates(folder)
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver(folder, [fault.protocol]))
        receiver.set_mode(fault.protocol, fault.mode, **fault.options)
        pool = stack.enter_context(ThreadPoolExecutor(width))
        runs = [
            _Run(Case(fault, way), subject=subject, receiver=receiver, folder=folder / f"{place}")
            for place, way in enumerate(exits)
        ]
        bare = Case(fault, BARE)
        runs.append(_Run(bare, subject="nobody", receiver=receiver, folder=folder / "bare"))
        stack.callback(lambda: [run.close() for run in runs])
        list(pool.map(_Run.start, runs))
        _take_course(fault, receiver)
        list(ThreadPoolExecutor(len(runs)).map(lambda run: run.end(timeout_s), runs))
        before = [run.counted() for run in runs]
        _heal(fault, receiver)
        if again:
            list(pool.map(_Run.start_again, runs))
        *measured, bare = zip(runs, before, strict=True)
        return [run.result(first, bare[0]) for run, first in measured]


class _Run:
    """One case on its way: the program, and the next start of the same service."""

    def __init__(self, case, *, subject, receiver, folder):
        self.case = case
        self._subject = subject
        self._receiver = receiver
        self._folder = folder
        self._name = folder.name
        self._program = None
        self.exit_s, self._was_killed = 0.0, False
        folder.mkdir()

    def start(self):
        """Let the program record its first half."""
        plan = {"number": NUMBER, "exit": self.case.exit.how, "dns": self.case.fault.dns}
        self._program = self._launch(self._name, plan)
        self._program.wait_for("half")

    def end(self, timeout_s):
        """Let it record its second half and end."""
        self._program.go_on()
        began = self._program.wait_for("end")["at"]
        how = self.case.exit.how
        if how == "SIGKILL":
            settle(self._folder)
        if how.startswith("SIG"):
            began = self._program.send(how)
        self.exit_s = self._program.ended_after(began, timeout_s=timeout_s)
        self._was_killed = self.exit_s >= timeout_s

    def start_again(self):
        """Start the service again, until nothing more comes."""
        if not has_files(spool_of(self._folder)):
            return
        again = self._launch(f"{self._name}-again", {"number": 2, "exit": "return"})
        try:
            again.wait_for("half")
            self._wait_until_quiet()
            again.go_on()
            again.ended_after(again.wait_for("end")["at"], timeout_s=30.0)
        finally:
            again.close()

    def counted(self):
        """Return which numbers of each signal have arrived."""
        accepted = self._receiver.accepted.refresh()
        return {signal: accepted.numbers(self._name, signal) for signal in SIGNALS}

    @property
    def measured(self):
        """What the program measured of itself."""
        return self._program.said["end"]

    def result(self, before, bare):
        """Return what became of everything.

        Args:
            before: What had arrived at the end of the program.
            bare: The run without telemetry.
        """
        accepted, now = self._receiver.accepted, self.counted()
        signals = {
            signal: Count(
                NUMBER,
                len(before[signal]),
                len(now[signal] - before[signal]),
                accepted.doubled(self._name, signal),
            )
            for signal in SIGNALS
        }
        said = self._program.said
        return Result(
            self.case,
            signals,
            exit_s=self.exit_s,
            was_killed=self._was_killed,
            call_s=self.measured["call_s"],
            stall_s=self.measured["stall_s"],
            bare_exit_s=bare.exit_s,
            bare_stall_s=bare.measured["stall_s"],
            peak_bytes=self._program.peak_bytes,
            books=said.get("books", {}).get("books", {}),
            status=self._program.process.returncode,
            errors=self._program.errors(),
        )

    def close(self):
        """Leave nothing behind."""
        if self._program is not None:
            self._program.close()

    def _wait_until_quiet(self):
        wanted, last, since = len(SIGNALS) * NUMBER, -1, time.monotonic()
        while time.monotonic() - since < QUIET_S:
            came = sum(map(len, self.counted().values()))
            if came >= wanted:
                return
            if came > last:
                last, since = came, time.monotonic()
            time.sleep(0.05)

    def _launch(self, run, plan):
        fault = self.case.fault
        endpoint = self._receiver.endpoint(fault.protocol, tls=fault.tls)
        if fault.dns:
            endpoint = endpoint.replace("127.0.0.1", "localhost")
        environ = environment(
            run,
            service="faulty",
            endpoint=endpoint,
            folder=self._folder,
            protocol=fault.protocol,
            TESTPILOT_OBS_DURABILITY=self.case.exit.durability,
            OTEL_EXPORTER_OTLP_CERTIFICATE=str(self._folder.parent / "authority.crt"),
        )
        plan = {"subject": self._subject, **plan}
        return Program("tests.faults.program", plan, environ=environ, folder=self._folder)


def settle(folder):
    """Wait until what is to be on disk by now is there, if others keep the disk busy too."""
    time.sleep(SETTLES_S)
    # Each signal waits for the disk, one after the other.
    for signal in SIGNALS:
        with (folder / f"{signal}.settled").open("wb") as file:
            file.write(b"x")
            os.fsync(file.fileno())


def has_files(folder):
    """Return whether there is any file below *folder*."""
    return any(path.is_file() for path in Path(folder).rglob("*"))


def _take_course(fault, receiver):
    if fault.course == "dies_and_returns":
        receiver.kill()
    time.sleep(MEETS_FAULT_S)
    if fault.course == "dies":
        receiver.kill()
    elif fault.course == "dies_and_returns":
        receiver.start()
    elif fault.course == "passes":
        receiver.set_mode(fault.protocol, "well")
    if fault.course in ("passes", "dies_and_returns"):
        time.sleep(HEALED_S)


def _heal(fault, receiver):
    if fault.course == "dies":
        receiver.start()
    options = {"certificate": "right"} if fault.tls else {}
    receiver.set_mode(fault.protocol, "well", **options)
