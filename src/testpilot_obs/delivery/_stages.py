"""What the worker does with the records of one signal: drain, encode, hand over.

A log line may wait as something that makes its `LogRecord`, and never raises: ``made()``.

One bad record loses only itself. Stages that keep, drop or change records have their place between
the drain and the encoding: in `Line._pack`, before a record is added to a batch. Sampling
(`Keeper`) is the first of them, redaction the last, so that no exporter ever sees a secret; of
spans that become bytes only, the encoder does it (`_build`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Protocol

from testpilot_obs.delivery._bell import now
from testpilot_obs.delivery._keep import Keeper
from testpilot_obs.delivery._ledger import Account, SignalStats, tally, worst
from testpilot_obs.delivery._outlets import DirectOutlet, Outlet
from testpilot_obs.delivery._parcel import Encoding, Parcel, RecordBatch
from testpilot_obs.delivery._sender import FOREVER, Sender
from testpilot_obs.protocols import LogEntry, LogRecord, Signal

SLICE = 128
"""Records encoded, in 400 µs, before the interpreter lock is offered to other threads.

Offering costs 16 µs of CPU time from Python 3.11 on (``time.sleep(0)`` really sleeps). With 16
records a slice a span costs 1 µs more, and the p99 of requests beside the export is no better;
with 256 it is half as long again.
"""

_SLICE_OF_LOGS = 8
_PAUSE_OF_LOGS_S = 0.00025
"""For log records 50 µs, and then a quarter of a millisecond for the others: who waits for the
interpreter lock needs some 100 µs to wake up, and would find it taken again if it was only offered.
Requests of 1.5 ms beside 10,000 lines a second have a p99 of 3 to 5 ms with it, and of 10 to 19 ms
with 512 records and an offer after them. 15,000 records a second get through; with more the queue
grows until it is crowded, and then there is no pause."""

_SLICE_OF_ENTRIES = 128
"""Log lines that come encoded are only counted and put together: 0.2 µs each."""


class Intake(Protocol):
    """Where the records of one signal wait for the worker."""

    @property
    def recorded(self) -> int:
        """Everything that ever came."""

    @property
    def dropped(self) -> Mapping[str, int]:
        """What was lost here, by reason."""

    def __len__(self) -> int:
        """How many records wait."""

    def begin(self, *, only_whole: bool = False) -> int:
        """Begin a drain; return how many records to take; *only_whole*: in whole batches."""

    def is_crowded(self) -> bool:
        """Return whether records will be lost if the worker is not quick."""

    def take(self, limit: int) -> Sequence[Any]:
        """Return up to *limit* records, oldest first."""

    def finish(self) -> None:
        """End a drain."""

    def is_silent(self) -> bool:
        """Return whether nothing waits and the worker will be woken when that changes."""

    def is_pressed(self) -> bool:
        """Return whether a drain should not wait for its time."""

    def discard(self) -> None:
        """Take everything and forget it; it counts as recorded."""

    def forget(self) -> None:
        """Begin anew in a forked child."""


class Line:
    """One signal's way from its intake to its outlets.

    Args:
        intake: Where records wait.
        encoding: How they become bytes, for the senders.
        direct: Outlets that want the records.
        senders: Outlets that want bytes; they share one encoding.
        batch: Most records in one batch.
        delay_s: Longest time that a record waits for a drain, in seconds.
        resource: Attributes of this process.
        redact: Returns a record without secrets; the last thing done before records leave.
            ``None`` if they hold none, or if *encoding* takes them out.
    """

    def __init__(
        self,
        intake: Intake,
        encoding: Encoding,
        *,
        direct: Sequence[DirectOutlet] = (),
        senders: Sequence[Sender] = (),
        batch: int,
        delay_s: float,
        resource: Mapping[str, Any],
        redact: Callable[[Any], Any] | None = None,
    ) -> None:
        is_logs = self._has_late = encoding.signal == "logs"
        self._slice = _SLICE_OF_LOGS if is_logs else SLICE
        self._pause_s = _PAUSE_OF_LOGS_S if is_logs else 0.0
        self.is_hurried = False
        """Whether somebody waits for this drain."""
        self._redact = redact
        self._keeper: Keeper | None = None
        self.intake = intake
        self.direct = tuple(direct)
        self.senders = tuple(senders)
        self.resource = resource
        self._encoding = encoding
        self._batch_size = batch
        self._delay_s = delay_s
        self.due_at = FOREVER
        self._begin()

    def choose_with(self, keeper: Keeper | None) -> None:
        """Let only those records go on that *keeper* chooses; before the first record."""
        self._keeper = keeper

    def _begin(self) -> None:
        self._losses = Account()
        self._parcel = Parcel(self._encoding, self.resource)
        self._batch = RecordBatch(self._encoding, self.resource)
        self._schedule()

    @property
    def signal(self) -> Signal:
        """Whose records these are."""
        return self._encoding.signal

    @property
    def outlets(self) -> tuple[Outlet, ...]:
        """All of them."""
        return (*self.direct, *self.senders)

    def is_due(self) -> bool:
        """Return whether the line should run."""
        if self.due_at == FOREVER and not self.intake.is_silent():
            self.due_at = now() + self._delay_s
        return now() >= self.due_at or self.intake.is_pressed()

    def run(self, *, settle: bool = False) -> None:
        """Bring everything that waits at this moment to the outlets.

        Args:
            settle: Whether what the keeper has not decided is decided now.
        """
        keeper = self._keeper
        if keeper is not None:
            keeper.look()
        # What is left for later has waited no longer than it should: the time stays the same.
        is_early = not settle and not self.is_hurried and now() < self.due_at
        waiting = self.intake.begin(only_whole=is_early)
        try:
            while waiting > 0:
                records = self.intake.take(min(self._slice, waiting, self._room()))
                waiting -= len(records) or waiting
                self._pack(records)
                if not self.intake.is_crowded():
                    # Gives the interpreter lock to whoever waits for it.
                    time.sleep(0 if self.is_hurried else self._pause_s)
            if keeper is not None and not keeper.is_idle:
                self._add(keeper.settle(everything=settle))
        finally:
            self._hand_over()
            self.intake.finish()
            self._schedule(latest=self.due_at if is_early else FOREVER)

    def stats(self) -> SignalStats:
        """Return the books of all outlets."""
        books = {outlet.name: outlet.books() for outlet in self.outlets}
        unencodable = self._losses.dropped.copy()
        left_out = {} if self._keeper is None else self._keeper.left_out.copy()
        dropped = {**self.intake.dropped, **left_out}
        recorded = self.intake.recorded
        senders = {sender.name for sender in self.senders}
        stats = worst(
            {
                name: tally(
                    account,
                    lost_before={**dropped, **unencodable} if name in senders else dropped,
                    recorded=recorded,
                )
                for name, account in books.items()
            }
        )
        return stats if self._keeper is None else stats._replace(kept_share=self._keeper.kept_share)

    def close_books(self) -> None:
        """Count as lost what is still underway; the line ends with it."""
        self.intake.discard()
        for sender in self.senders:
            sender.freeze()
        unfinished = self.stats().destinations
        for outlet in self.outlets:
            outlet.close_books(unfinished[outlet.name].queued)

    def after_fork(self, resource: Mapping[str, Any]) -> None:
        """Begin anew in a forked child, whose attributes *resource* has."""
        self.resource = resource
        self.intake.forget()
        if self._keeper is not None:
            self._keeper.forget()
        self._begin()
        for outlet in self.outlets:
            outlet.after_fork()

    def _schedule(self, *, latest: float = FOREVER) -> None:
        pause_s = FOREVER if self.intake.is_silent() else self._delay_s
        if self._keeper is not None:
            pause_s = min(pause_s, self._keeper.pause_s)
        self.due_at = min(now() + pause_s, latest)

    def _pack(self, records: Sequence[Any]) -> None:
        keeper = self._keeper
        if keeper is None or keeper.is_idle:
            self._add_slice(records)
        else:
            self._add(keeper.choose(records))

    def _add(self, records: Sequence[Any]) -> None:
        """Add any number of records, as many as there is room for at a time."""
        while records:
            size = min(self._slice, self._room())
            self._add_slice(records[:size])
            records = records[size:]
            if records:
                time.sleep(0)

    def _add_slice(self, records: Sequence[Any]) -> None:
        if self._has_late:
            for is_made, some in groupby(records, _is_made):
                self._slice = _SLICE_OF_ENTRIES if is_made else _SLICE_OF_LOGS
                if is_made:
                    self._add_made(list(some))
                else:
                    # 0.9 µs a line that its caller did not have to wait for.
                    self._add_records([_record_of(one) for one in some])
        else:
            self._add_records(records)
        if self._room() <= 0:
            self._hand_over()

    def _add_records(self, records: Sequence[Any]) -> None:
        redact = self._redact
        if redact is not None:
            records = [redact(record) for record in records]
        if self.senders:
            left = iter(records)
            self._parcel.extend(left, lose=self._lose)
            while self._parcel.is_full:
                self._hand_over()
                self._parcel.extend(left, lose=self._lose)
        if self.direct:
            for record in records:
                self._batch.add(record)

    def _add_made(self, entries: Sequence[LogEntry]) -> None:
        """Add lines that are encoded already."""
        left = self._parcel.extend_made(entries)
        while left:
            self._hand_over()
            left = self._parcel.extend_made(left)

    def _lose(self, record: Any) -> None:
        self._losses.drop(self._encoding.size_of(record), "unencodable")

    def _room(self) -> int:
        filled = max(len(self._parcel.entries), len(self._batch.records))
        return self._batch_size - filled

    def _hand_over(self) -> None:
        parcel, batch = self._parcel, self._batch
        if parcel.entries:
            self._parcel = Parcel(self._encoding, self.resource)
            for sender in self.senders:
                sender.put(parcel)
        if batch.records:
            self._batch = RecordBatch(self._encoding, self.resource)
            for outlet in self.direct:
                outlet.put(batch)


def _is_made(record: Any) -> bool:
    return type(record) is tuple


def _record_of(late: Any) -> Any:
    """Return the record that *late* makes, or itself if it is a record."""
    make = None if type(late) is LogRecord else getattr(late, "made", None)
    return late if make is None else make()
