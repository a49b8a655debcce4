"""What must be on either side after any sequence of events, and a puppet that is put through it.

The model is three sets of numbers: what must arrive, what may, and what the process has not said
yet that it is safe. Only SIGKILL moves anything from the first to the second.
"""

import json
import time

from tests.faults.puppet import COUNTED
from tests.faults.running import Program, environment

FAULTS = ("closed", "503", "rst", "hang_before_head")
"""All of them keep nothing that they do not confirm."""
FLUSH_S = 1.0
ARRIVES_S = 30.0
# A flush keeps its time; this is for a machine that does something else as well.
SLACK_S = 2.0


class World:
    """A receiver, one service that is started again and again, and what must be true of both.

    Args:
        receiver: Runs, and is well.
        folder: For the spool.
        run: Unlike that of other worlds at the receiver.
    """

    def __init__(self, receiver, folder, run):
        self._receiver = receiver
        self._folder = folder
        self._run = run
        self._next = 0
        self.must, self.may, self.unsafe = set(), set(), set()
        self._recorded_here = 0
        self._was_killed = False
        self.mode = "well"
        self._puppet = self._launch()

    # -- events

    def record(self, count):
        """Record spans and log lines."""
        numbers = self._numbers(count)
        self._tell("record", first=numbers[0], count=count)
        self._recorded_here += count
        self.must.update(numbers)
        self.unsafe.update(numbers)

    def fork(self, count):
        """Record in a forked child, which ends by itself: nothing of it may be lost."""
        numbers = self._numbers(count)
        said = self._tell("fork", first=numbers[0], count=count)

        assert said["status"] == 0
        self.must.update(numbers)

    def break_down(self, mode):
        """Let the receiver misbehave."""
        self.mode = mode
        self._receiver.set_mode("http", mode)

    def heal(self):
        """Let the receiver be well."""
        self.break_down("well")

    def flush(self):
        """Flush: it keeps its time, tells the truth, and the books are right."""
        said = self._tell("flush", timeout_s=FLUSH_S)
        books = said["books"]

        assert said["took_s"] < FLUSH_S + SLACK_S
        for signal in COUNTED:
            check_books(books[signal], self._recorded_here)
        if said["flushed"]:
            assert all(books[signal]["delivered"] == self._recorded_here for signal in COUNTED)
            assert self.unsafe <= self._arrived()
        if not any(books[signal]["queued"] for signal in COUNTED):
            self.unsafe.clear()

    def kill(self):
        """Kill the process; what it did not say to be safe may be lost. Start it again."""
        self._puppet.close()
        self.must -= self.unsafe
        self.may |= self.unsafe
        self._was_killed = True
        self._begin_anew()

    def restart(self, how):
        """End the process in a way that loses nothing, and start it again."""
        self._end(how)
        self._begin_anew()

    # -- the end

    def settle(self):
        """Heal, start again, and check that everything arrives, once."""
        self.heal()
        self._end("end")
        self._begin_anew()
        self._wait_until_arrived()
        self._end("end")

        arrived = [self._receiver.accepted.numbers(self._run, signal) for signal in COUNTED]
        assert [self.must - some for some in arrived] == [set()] * len(COUNTED)
        assert [some - self.must - self.may for some in arrived] == [set()] * len(COUNTED)
        if not self._was_killed:
            doubled = [self._receiver.accepted.doubled(self._run, signal) for signal in COUNTED]
            assert doubled == [0] * len(COUNTED)

    def close(self):
        """Leave nothing behind."""
        self._puppet.close()

    # -- steps

    def _numbers(self, count):
        numbers = range(self._next, self._next + count)
        self._next += count
        return numbers

    def _tell(self, do, **arguments):
        self._puppet.said.pop("done", None)
        self._puppet.go_on(json.dumps({"do": do, **arguments}))
        return self._puppet.wait_for("done")

    def _end(self, how):
        if how == "end":
            self._puppet.go_on(json.dumps({"do": "end"}))
            began = time.monotonic()
        else:
            began = self._puppet.send(how)
        took_s = self._puppet.ended_after(began, timeout_s=30.0)

        assert took_s < 30.0
        self._puppet.close()

    def _begin_anew(self):
        self.unsafe.clear()
        self._recorded_here = 0
        self._puppet = self._launch()

    def _launch(self):
        environ = environment(
            self._run,
            service=self._run,
            endpoint=self._receiver.endpoint(),
            folder=self._folder,
            OTEL_METRICS_EXPORTER="none",
        )
        puppet = Program("tests.faults.puppet", {}, environ=environ, folder=self._folder)
        puppet.wait_for("ready")
        return puppet

    def _arrived(self):
        accepted = self._receiver.accepted.refresh()
        return set.intersection(*(accepted.numbers(self._run, signal) for signal in COUNTED))

    def _wait_until_arrived(self):
        deadline = time.monotonic() + ARRIVES_S
        while not self.must <= self._arrived() and time.monotonic() < deadline:
            time.sleep(0.05)


def check_books(books, recorded):
    """Check that the books of one signal are right, and say that nothing was lost."""
    settled = books["delivered"] + books["spooled"] + books["queued"]

    assert books["dropped"] == {}
    assert (books["recorded"], settled) == (recorded, recorded)
