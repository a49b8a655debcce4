"""Whatever happens in whatever order, disk full included, the books are right after each flush.

The model of `tests.faults` kills and restarts real processes, whose disk is always well. Here one
process follows the other in this one, so that their disk can be full, and what the books say is
compared with what the receiver has and with what lies in the files.
"""

import errno
import os
import shutil
import tempfile

import hypothesis
import pytest
from hypothesis import strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from testpilot_obs.delivery.spool import _segment, _spool, look_around
from testpilot_obs.protocols import SENT
from tests.delivery.fakes import (
    REFUSED,
    TOO_LARGE,
    UNREACHABLE,
    Collector,
    balance,
    deliver_to,
    put_lines,
)

# SPOOL_SEQUENCES=2000 for a longer search.
SEQUENCES = int(os.environ.get("SPOOL_SEQUENCES", "60"))
STEPS = 25
ROOM = (0, 20, 100, 400)
"""Bytes that are free on a full disk: none, for part of a header, of a record, for some."""
ANSWERS = (SENT, SENT, UNREACHABLE, UNREACHABLE, REFUSED, TOO_LARGE)
REASONS = {"connection_refused", "http_400", "too_large", "deadline", "spool_removed"}


class Disk:
    """A disk with room for so many bytes more; None: as many as you like.

    RLIMIT_FSIZE refuses to overwrite what is there already, which no full disk does, and only
    root can mount a small one; so the call below ours is replaced.
    """

    room = None

    def __init__(self, real):
        self._real = real

    def write(self, fd, data, offset):
        """Write what fits; fail if nothing does."""
        grows = max(offset + len(data) - os.fstat(fd).st_size, 0)
        if self.room is None:
            return self._real(fd, data, offset)
        fits = len(data) - max(grows - self.room, 0)
        if fits <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room = max(self.room - grows, 0)
        return self._real(fd, data[:fits], offset)


class Books(RuleBasedStateMachine):
    """Hypothesis chooses what happens to one service, its receiver and its disk."""

    parent = disk = None

    @initialize(durability=strategies.sampled_from(["normal", "always"]))
    def begin(self, durability):
        """Start the service for the first time."""
        self.folder = tempfile.mkdtemp(dir=self.parent)
        self.durability = durability
        self.answer = SENT
        self.disk.room = None
        self.recorded = self.lost = 0
        self.arrived = []
        self.lost_leftovers = False
        self.start()

    def start(self):
        """Start a process."""
        self.recorded_here = 0
        self.left = self.on_disk()
        self.was_removed = False
        self.collector = Collector(then=self.answer)
        self.made = deliver_to(
            self.collector,
            uses_threads=False,
            spool="on",
            spool_dir=self.folder,
            durability=self.durability,
            blrp_max_export_batch_size=5,
        )

    # -- events

    @rule(number=strategies.integers(1, 12))
    def record(self, number):
        """Record lines, each with a number of its own."""
        put_lines(self.made, number, first=self.recorded)
        self.recorded += number
        self.recorded_here += number

    @rule(answer=strategies.sampled_from(ANSWERS))
    def answer_with(self, answer):
        """Let the receiver change its mind."""
        self.answer = self.collector._then = answer

    @rule(room=strategies.sampled_from([None, *ROOM]))
    def fill_up(self, room):
        """Fill the disk up, or make room again."""
        self.disk.room = room

    @rule()
    def remove(self):
        """Remove all files while the process runs."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.lost_leftovers = self.lost_leftovers or self.left > 0
        self.was_removed = True

    @rule()
    def flush(self):
        """Flush, and compare the books with both sides."""
        self.made.flush(0.05)
        self.check()

    @rule()
    def restart(self):
        """Let the process end, and start the next one."""
        books = self.made.shutdown(0.05).signals["logs"]
        self.check()

        assert books.queued == 0
        assert self.on_disk() == self.expected_on_disk()
        self.arrived += self.collector.bodies
        self.lost += books.lost + self.lost_of_others()
        self.start()

    # -- what must be true

    @invariant()
    def adds_up(self):
        """The books add up at every moment, and know each reason."""
        if hasattr(self, "made"):
            books = self.made.stats()

            assert set(balance(books)) == {0}
            assert books["logs"].recorded == self.recorded_here
            assert set(books["logs"].dropped) <= REASONS

    def check(self):
        """Compare the books with what the receiver has, and with what lies in the files."""
        books = self.made.stats()["logs"]

        assert books.delivered + books.recovered == len(self.collector.bodies)
        if not self.was_removed:
            assert self.on_disk() == self.expected_on_disk()

    def expected_on_disk(self):
        """Return how many records the books say lie in the files."""
        books = self.made.stats()["logs"]
        if self.was_removed:
            # What was left went with the files; only what came after it can be there.
            return books.spooled
        return self.left - books.recovered - self.lost_of_others() + books.spooled

    def lost_of_others(self):
        """Return how many records of earlier processes this one has lost."""
        (sender,) = self.made._senders
        return sum(sender._spool.lost_of_others.values()) + sender.refused_of_others

    def on_disk(self):
        """Return how many records wait in the files."""
        return sum(one.records for one in look_around(self.folder))

    def teardown(self):
        """Let all be well: what was not counted as lost has arrived, once."""
        if not hasattr(self, "made"):
            return
        self.answer_with(SENT)
        self.fill_up(None)
        self.restart()
        # A process that records nothing leaves to its thread what others left.
        self.record(1)
        assert self.made.flush(10)
        self.check()
        self.restart()
        self.made.shutdown(0.0)

        assert self.on_disk() == 0
        assert len(self.arrived) == len(set(self.arrived))
        if self.lost_leftovers:
            assert len(self.arrived) + self.lost <= self.recorded
        else:
            assert len(self.arrived) + self.lost == self.recorded


@pytest.mark.timeout(60 + SEQUENCES)
def test_どんな順でも帳簿は合う(tmp_path, monkeypatch):
    """Random sequences of outages, refusals, full disks, removals and restarts keep the books."""
    disk = Disk(_segment._write_at)
    monkeypatch.setattr(_segment, "_write_at", disk.write)
    # A disk that was full is tried again at once.
    monkeypatch.setattr(_spool, "_PAUSE_S", 0.0)
    monkeypatch.setattr(Books, "parent", tmp_path)
    monkeypatch.setattr(Books, "disk", disk)
    run_state_machine_as_test(
        Books,
        settings=hypothesis.settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
