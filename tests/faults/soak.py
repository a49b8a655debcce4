"""The soak: 2,000 spans and 200 log lines a second, faults at random, for ten minutes.

``python -m tests.faults.soak --seconds 600`` (``make soak``) prints what it saw, and fails if
memory grew, the books were wrong, or anything was lost or came twice.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from typing import NamedTuple

from tests.faults.model import FAULTS
from tests.faults.puppet import COUNTED
from tests.faults.receiver import Receiver
from tests.faults.running import Program, environment, resident_bytes

RATE = 2_000
FAULT_S = (1.0, 8.0)
WELL_S = (2.0, 6.0)
MAX_GROWTH_BYTES = 10 << 20
DRAINS_S = 60.0
MB = 1 << 20


class Sample(NamedTuple):
    """The memory of the program at one moment."""

    at_s: float
    resident_bytes: int


class Soak:
    """One run.

    Args:
        folder: For everything on disk.
        seed: Of the faults.
    """

    def __init__(self, folder, seed):
        self._folder = folder
        self._chance = random.Random(seed)
        self.samples = []
        self.faults = []
        self.problems = []

    def run(self, seconds):
        """Pour and break for so long, then heal and check."""
        with Receiver(self._folder) as receiver:
            environ = environment(
                "soak",
                service="soak",
                endpoint=receiver.endpoint(),
                folder=self._folder,
                OTEL_METRICS_EXPORTER="none",
            )
            puppet = Program("tests.faults.puppet", {}, environ=environ, folder=self._folder)
            try:
                puppet.wait_for("ready")
                _tell(puppet, "pour", rate=RATE)
                self._break_at_random(puppet, receiver, seconds)
                poured = _tell(puppet, "stop")["poured"]
                self._drain(puppet, receiver, poured)
            finally:
                puppet.close()
        self._check_memory()

    def _break_at_random(self, puppet, receiver, seconds):
        began = time.monotonic()
        is_well = True
        while time.monotonic() - began < seconds:
            lasts_s = self._chance.uniform(*(WELL_S if is_well else FAULT_S))
            until = min(time.monotonic() + lasts_s, began + seconds)
            while time.monotonic() < until:
                now = time.monotonic() - began
                self.samples.append(Sample(now, resident_bytes(puppet.process.pid)))
                time.sleep(0.25)
            self._check_books(_tell(puppet, "books")["books"])
            is_well = not is_well
            mode = "well" if is_well else self._chance.choice(FAULTS)
            receiver.set_mode("http", mode)
            self.faults.append(mode)

    def _drain(self, puppet, receiver, poured):
        """Heal, flush until everything has come, and compare the books with the receiver."""
        receiver.set_mode("http", "well")
        deadline = time.monotonic() + DRAINS_S
        while not _tell(puppet, "flush", timeout_s=5.0)["flushed"]:
            if time.monotonic() > deadline:
                self.problems.append(f"a flush still fails after {DRAINS_S} s")
                break
        books = _tell(puppet, "books")["books"]
        self._check_books(books)
        accepted = receiver.accepted.refresh()
        self.told = {}
        for signal in COUNTED:
            arrived = len(accepted.numbers("soak", signal))
            doubled = accepted.doubled("soak", signal)
            told = {"poured": poured[signal], "arrived": arrived, "doubled": doubled}
            self.told[signal] = told
            expected = (poured[signal], poured[signal], poured[signal], 0)
            seen = (books[signal]["recorded"], books[signal]["delivered"], arrived, doubled)
            if seen != expected:
                words = "recorded, delivered, arrived, doubled"
                self.problems.append(f"{signal}: {words} = {seen}, expected {expected}")

    def _check_books(self, books):
        for signal, kept in books.items():
            settled = kept["delivered"] + kept["spooled"] + kept["queued"]
            if kept["dropped"] or settled != kept["recorded"] or kept["queued"] < 0:
                self.problems.append(f"{signal}: books are {kept}")

    def _check_memory(self):
        quarter = len(self.samples) // 4
        sizes = [sample.resident_bytes for sample in self.samples]
        early, late = sizes[quarter : 2 * quarter], sizes[3 * quarter :]
        self.growth_bytes = statistics.median(late) - statistics.median(early)
        if self.growth_bytes > MAX_GROWTH_BYTES:
            self.problems.append(f"memory grew by {self.growth_bytes / MB:.1f} MB")

    def report(self):
        """Return what was seen, in lines."""
        settled = self.samples[len(self.samples) // 4 :]
        slope = statistics.linear_regression(
            [sample.at_s for sample in settled], [sample.resident_bytes for sample in settled]
        ).slope
        sizes = [sample.resident_bytes for sample in self.samples]
        yield f"{len(self.faults)} changes: {', '.join(sorted(set(self.faults)))}"
        for signal, told in self.told.items():
            yield f"{signal}: " + ", ".join(f"{what} {number:,}" for what, number in told.items())
        yield (
            f"memory: first {sizes[0] / MB:.1f} MB, highest {max(sizes) / MB:.1f} MB, "
            f"last {sizes[-1] / MB:.1f} MB"
        )
        yield (
            f"from its second to its last quarter: {self.growth_bytes / MB:+.1f} MB; "
            f"slope after the first: {slope * 60 / MB:+.2f} MB a minute"
        )
        yield from self.problems
        yield "FAILED" if self.problems else "all as it must be"


def _tell(puppet, do, **arguments):
    puppet.said.pop("done", None)
    puppet.go_on(json.dumps({"do": do, **arguments}))
    return puppet.wait_for("done")


def main():
    """Run; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    chosen = parser.parse_args()
    print(f"soaking for {chosen.seconds:g} s, seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(folder, chosen.seed)
        soak.run(chosen.seconds)
    print("\n".join(soak.report()))
    return 1 if soak.problems else 0


if __name__ == "__main__":
    sys.exit(main())
