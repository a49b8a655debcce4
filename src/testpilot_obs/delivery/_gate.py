"""The one place where delivery calls an exporter."""

import _thread
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from testpilot_obs._core import clock, diagnostics
from testpilot_obs.protocols import Batch, Exporter, Outcome, Signal, Verdict

OnExport = Callable[[Signal, float], None]
"""Told the signal of a batch and the seconds that a try to export it took."""

FAILED = Outcome(Verdict.REFUSED, reason="exporter_failed")
"""What an exporter that raises has answered."""


class Gate:
    """One exporter, used by one thread at a time, closed by the last of its *users*."""

    def __init__(
        self, exporter: Exporter, *, name: str, users: int, on_export: OnExport | None = None
    ) -> None:
        self._on_export = on_export
        self._exporter = exporter
        self._users = users
        self.name = name
        self.wants_records = bool(exporter.wants_records)
        self._turn = _thread.allocate_lock()
        self._left = count(1)
        self._is_kept = False

    def export(self, batch: Batch, *, timeout_s: float) -> Outcome:
        """Send *batch*; an exporter that raises, or answers nonsense, has refused it."""
        with self._turn:
            began = clock.monotonic()
            try:
                outcome: Any = self._exporter.export(batch, timeout_s=timeout_s)
            except Exception:
                diagnostics.swallow(f"export {batch.signal} to {self.name}")
                return FAILED
            finally:
                if self._on_export is not None:
                    self._on_export(batch.signal, max(clock.monotonic() - began, 0.0))
        if isinstance(outcome, Outcome):
            return outcome
        diagnostics.warn_once(
            f"outcome:{self.name}", "%s answered %r: expected an Outcome", self.name, outcome
        )
        return FAILED

    def leave(self) -> None:
        """Say that one user needs the exporter no more."""
        if next(self._left) == self._users and not self._is_kept:
            with diagnostics.guard(f"close {self.name}"):
                self._exporter.close()

    def keep_open(self, exporters: Sequence[Exporter]) -> None:
        """Do not close the exporter at the end if it is one of *exporters*."""
        self._is_kept = any(self._exporter is one for one in exporters)

    def after_fork(self) -> None:
        """Let the exporter forget what it shares with the parent process."""
        self._turn = _thread.allocate_lock()
        self._left = count(1)
        with diagnostics.guard(f"use {self.name} in a forked child"):
            self._exporter.after_fork()
