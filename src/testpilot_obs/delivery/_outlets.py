"""Where the worker hands batches over: a protocol, and the outlet that exports at once."""

from typing import Protocol

from testpilot_obs._core import diagnostics
from testpilot_obs.delivery._gate import Gate
from testpilot_obs.delivery._ledger import Account
from testpilot_obs.delivery._parcel import RecordBatch
from testpilot_obs.protocols import Batch, Outcome, Verdict


class Outlet(Protocol):
    """One signal's way to one destination, seen from the worker."""

    name: str

    def books(self) -> Account:
        """Return what became of everything that was handed over, as of now."""

    def close_books(self, unfinished: int) -> None:
        """Count *unfinished* records as lost, and change the books no more."""

    def after_fork(self) -> None:
        """Begin anew in a forked child; what waits is the parent's to send."""


class DirectOutlet:
    """An exporter of records (console, file, memory), called on the worker itself."""

    def __init__(self, gate: Gate, *, timeout_s: float) -> None:
        self._gate = gate
        self._timeout_s = timeout_s
        self._account = Account()
        self._is_closed = False
        self.name = gate.name

    def put(self, batch: RecordBatch) -> None:
        """Export *batch* now; what is not accepted is lost, as nothing waits here."""
        outcome = self._gate.export(batch, timeout_s=self._timeout_s)
        if not self._is_closed:
            settle(self._account, batch, outcome, name=self.name)

    def leave(self) -> None:
        """Let the exporter be closed; called by the worker when it ends."""
        self._gate.leave()

    def books(self) -> Account:
        """Return the account itself."""
        return self._account.copy()

    def close_books(self, unfinished: int) -> None:
        """Count what the worker had no time for."""
        self._is_closed = True
        self._account.drop(unfinished, "deadline")

    def after_fork(self) -> None:
        """Start a new account."""
        self._account = Account()


def settle(account: Account, batch: Batch, outcome: Outcome, *, name: str) -> None:
    """Book the *outcome* of a batch that will not be tried again, and tell it once if bad."""
    tell(outcome, signal=batch.signal, name=name)
    if outcome.verdict is Verdict.SENT:
        rejected = min(max(outcome.rejected, 0), len(batch))
        account.deliver(len(batch) - rejected)
        account.drop(rejected, outcome.reason or "rejected")
    else:
        account.drop(len(batch), outcome.reason or outcome.verdict.value)


def tell(outcome: Outcome, *, signal: str, name: str) -> None:
    """Pass an exporter's message on to people, each kind once a minute at most."""
    if outcome.message:
        kind = f"delivery:{name}:{signal}:{outcome.reason}"
        diagnostics.warn_once(kind, "%s to %s: %s", signal, name, outcome.message)
