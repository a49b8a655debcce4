"""Batches: records for those who want them, one encoding for everybody else."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from testpilot_obs._core import diagnostics
from testpilot_obs.protocols import Signal

MAX_PARCEL_BYTES = 2 * 1024 * 1024
"""A parcel of this size is closed; half of what a gRPC receiver accepts unless told otherwise."""

_ENTRY_OVERHEAD_BYTES = 56
"""What Python needs to keep one entry, besides its bytes."""


class Encoding(NamedTuple):
    """How the records of one signal become bytes; `testpilot_obs.exporters` has the functions."""

    signal: Signal
    encode: Callable[[Any], bytes]
    """Record → entry; raises if the record cannot be written at all."""
    scope_key: Callable[[Any], Hashable]
    """Records with equal keys share a scope."""
    assemble: Callable[[Mapping[str, Any], Mapping[Hashable, list[bytes]]], bytes]
    """(resource, entries by scope) → the whole request."""
    count: Callable[[Any], int]
    """How many spans, lines or points a record stands for."""


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
    def records(self) -> Sequence[Any]:
        """Nothing: a parcel is bytes only."""
        return ()

    def __len__(self) -> int:
        return self.count

    def add(self, record: Any) -> None:
        """Add *record*, encoded; raises what the encoder raises, and is unchanged then."""
        encoding = self._encoding
        entry = encoding.encode(record)
        key = encoding.scope_key(record)
        count = encoding.count(record)
        self._append(entry, key, count)

    def otlp(self) -> bytes:
        """Return the protobuf bytes of the request, put together at each call."""
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

    def _append(self, entry: bytes, key: Hashable, count: int) -> None:
        self.entries.append(entry)
        self.keys.append(key)
        self.counts.append(count)
        self.count += count
        self.size += len(entry) + _ENTRY_OVERHEAD_BYTES

    def _part(self, part: slice) -> "Parcel":
        parcel = Parcel(self._encoding, self._resource)
        for entry, key, count in zip(
            self.entries[part], self.keys[part], self.counts[part], strict=True
        ):
            parcel._append(entry, key, count)
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
        count = self._encoding.count(record)
        self.records.append(record)
        self.count += count

    def otlp(self) -> bytes:
        """Encode the records now; one that cannot be written is left out."""
        parcel = Parcel(self._encoding, self._resource)
        for record in self.records:
            with diagnostics.guard(f"encode a record of {self.signal}"):
                parcel.add(record)
        return parcel.otlp()
