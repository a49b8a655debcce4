"""Batches: records for those who want them, one encoding for everybody else."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from testpilot_obs._core import diagnostics
from testpilot_obs.protocols import LogEntry, Signal

MAX_PARCEL_BYTES = 2 * 1024 * 1024
"""A parcel of this size is closed; half of what a gRPC receiver accepts unless told otherwise."""

_ENTRY_OVERHEAD_BYTES = 56
"""What Python needs to keep one entry, besides its bytes."""

_FIRST, _SECOND = itemgetter(0), itemgetter(1)


class Encoding(NamedTuple):
    """How the records of one signal become bytes; `testpilot_obs.exporters` has the functions."""

    signal: Signal
    encode: Callable[[Any], bytes]
    """Record → entry; raises if the record cannot be written at all."""
    scope_key: Callable[[Any], Hashable]
    """Records with equal keys share a scope."""
    assemble: Callable[[Mapping[str, Any], Mapping[Hashable, list[bytes]]], bytes]
    """(resource, entries by scope) → the whole request."""
    owner: Callable[[Any], object]
    """What a record has that tells its scope: the same object, the same scope."""
    points: Callable[[Any], int] | None = None
    """How many points a record stands for; ``None``: one."""

    def size_of(self, record: Any) -> int:
        """Return how many spans, lines or points *record* stands for."""
        return 1 if self.points is None else self.points(record)


class Parcel:
    """The encoded records of one signal, oldest first; a `protocols.Batch` without records.

    ``entries``, ``keys`` and ``counts`` run in parallel: the bytes of a record, its scope, and
    how many spans, lines or points it stands for.
    """

    __slots__ = ("_encoding", "_resource", "count", "counts", "entries", "keys", "signal", "size")

    def __init__(self, encoding: Encoding, resource: Mapping[str, Any]) -> None:
        self.signal: Signal = encoding.signal
        self._encoding = encoding
        self._resource = resource
        self.entries: list[bytes] = []
        self.keys: list[Hashable] = []
        self.counts: list[int] = []
        self.count = 0
        self.size = 0
        """Bytes of memory that the parcel occupies."""

    @property
    def is_full(self) -> bool:
        """Whether it should grow no further."""
        return self.size >= MAX_PARCEL_BYTES

    @property
    def records(self) -> Sequence[Any]:
        """Nothing: a parcel is bytes only."""
        return ()

    def __len__(self) -> int:
        return self.count

    def extend(self, records: Iterator[Any], *, lose: Callable[[Any], object]) -> None:
        """Add *records*, encoded, until they end or the parcel is full.

        A record that cannot be encoded is given to *lose*; its neighbours notice nothing.
        """
        _, encode, scope_key, _, owner_of, points = self._encoding
        entries, keys, counts = self.entries, self.keys, self.counts
        owner: object = None
        key: Hashable = None
        # One loop with all names bound: 0.6 µs a record less than a call of a method for each.
        for record in records:
            try:
                entry = encode(record)
                its_owner = owner_of(record)
                if its_owner is not owner:
                    key, owner = scope_key(record), its_owner
                number = 1 if points is None else points(record)
            except Exception:
                diagnostics.swallow(f"encode one of the {self.signal}")
                lose(record)
                continue
            entries.append(entry)
            keys.append(key)
            counts.append(number)
            self.count += number
            self.size += len(entry) + _ENTRY_OVERHEAD_BYTES
            if self.size >= MAX_PARCEL_BYTES:
                return

    def extend_made(self, entries: Sequence[LogEntry]) -> Sequence[LogEntry]:
        """Add what is encoded already; return what is left when the parcel is full."""
        # By C alone: 0.15 µs each.
        made = list(map(_FIRST, entries))
        size = sum(map(len, made)) + _ENTRY_OVERHEAD_BYTES * len(made)
        if self.size + size > MAX_PARCEL_BYTES and len(entries) > 1:
            left = entries
            while left and not self.is_full:
                self.extend_made(left[:1])
                left = left[1:]
            return left
        self.entries += made
        self.keys += map(_SECOND, entries)
        self.counts += [1] * len(made)
        self.count += len(made)
        self.size += size
        return ()

    def otlp(self) -> bytes:
        """Return the protobuf bytes of the request, put together at each call."""
        if self.keys and self.keys.count(self.keys[0]) == len(self.keys):
            return self._encoding.assemble(self._resource, {self.keys[0]: self.entries})
        groups: dict[Hashable, list[bytes]] = {}
        for key, entry in zip(self.keys, self.entries, strict=True):
            group = groups.get(key)
            if group is None:
                groups[key] = [entry]
            else:
                group.append(entry)
        return self._encoding.assemble(self._resource, groups)

    def halves(self) -> "tuple[Parcel, Parcel] | None":
        """Return two parcels of half the size, or None if there is but one record."""
        middle = len(self.entries) // 2
        if not middle:
            return None
        return self._part(slice(None, middle)), self._part(slice(middle, None))

    def _part(self, part: slice) -> "Parcel":
        parcel = Parcel(self._encoding, self._resource)
        parcel.entries = self.entries[part]
        parcel.keys = self.keys[part]
        parcel.counts = self.counts[part]
        parcel.count = sum(parcel.counts)
        parcel.size = sum(len(entry) + _ENTRY_OVERHEAD_BYTES for entry in parcel.entries)
        return parcel


class RecordBatch:
    """The records themselves, for exporters that want them; a `protocols.Batch`."""

    __slots__ = ("_encoding", "_resource", "count", "records", "signal")

    def __init__(self, encoding: Encoding, resource: Mapping[str, Any]) -> None:
        self.signal: Signal = encoding.signal
        self._encoding = encoding
        self._resource = resource
        self.records: list[Any] = []
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def add(self, record: Any) -> None:
        """Add *record* as it is."""
        self.count += self._encoding.size_of(record)
        self.records.append(record)

    def otlp(self) -> bytes:
        """Encode the records now; one that cannot be written is left out."""
        parcel = Parcel(self._encoding, self._resource)
        records = iter(self.records)
        while True:
            before = len(parcel.entries)
            parcel.extend(records, lose=bool)
            if len(parcel.entries) == before:
                return parcel.otlp()
