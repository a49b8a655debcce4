"""Whatever happens in whatever order, both sides have what a simple model says."""

import os
import tempfile
from itertools import count

import hypothesis
import pytest
from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.faults.model import FAULTS, World
from tests.faults.receiver import Receiver

# FAULTS_SEQUENCES=200 for a longer search.
SEQUENCES = int(os.environ.get("FAULTS_SEQUENCES", "5"))
STEPS = 8

counts = strategies.integers(1, 60)


class Events(RuleBasedStateMachine):
    """Hypothesis chooses which of these happen, and in which order."""

    receiver = None
    folder = None
    places = count()

    @initialize()
    def begin(self):
        """Start the service."""
        self.receiver.set_mode("http", "well")
        own = tempfile.mkdtemp(dir=self.folder)
        self.world = World(self.receiver, own, f"run-{next(self.places)}")

    @rule(number=counts)
    def record(self, number):
        """Record in the service."""
        self.world.record(number)

    @rule(number=counts)
    def fork(self, number):
        """Record in a child of it."""
        self.world.fork(number)

    @rule(mode=strategies.sampled_from(FAULTS))
    def break_down(self, mode):
        """Break the receiver."""
        self.world.break_down(mode)

    @rule()
    def heal(self):
        """Heal it."""
        self.world.heal()

    @rule()
    def flush(self):
        """Flush, and check the books."""
        self.world.flush()

    @rule()
    def kill(self):
        """Kill the service."""
        self.world.kill()

    @rule(how=strategies.sampled_from(["end", "SIGTERM"]))
    def restart(self, how):
        """Let it end, and start again."""
        self.world.restart(how)

    def teardown(self):
        """Check both sides."""
        if hasattr(self, "world"):
            try:
                self.world.settle()
            finally:
                self.world.close()


@pytest.mark.needs("fork")
@pytest.mark.timeout(30 + 30 * SEQUENCES)
def test_どんな順でも両側は模型の通りになる(tmp_path, monkeypatch):
    """Random sequences of record, fork, fault, heal, flush, kill and restart hold the model."""
    with Receiver(tmp_path) as receiver:
        monkeypatch.setattr(Events, "receiver", receiver)
        monkeypatch.setattr(Events, "folder", tmp_path)
        run_state_machine_as_test(
            Events,
            settings=hypothesis.settings(
                max_examples=SEQUENCES,
                stateful_step_count=STEPS,
                suppress_health_check=list(hypothesis.HealthCheck),
                # A smaller failing sequence would take minutes to find.
                phases=[hypothesis.Phase.generate],
            ),
        )
