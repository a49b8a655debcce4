"""A batch that was on disk: a `protocols.Batch` of which only the bytes are left."""

from collections.abc import Sequence
from typing import Any

from testpilot_obs import exporters
from testpilot_obs.delivery.spool._segment import Segment
from testpilot_obs.protocols import Signal


class Claim:
    """A record of a spool file that is being sent, whole or in parts."""

    __slots__ = ("offset", "parts", "segment")

    def __init__(self, segment: Segment, offset: int) -> None:
        self.segment: Segment = segment
        self.offset: int = offset
        self.parts: int = 1
        """How many parts of it are not settled yet."""


class Stored:
    """One request read back from disk, or a part of it."""

    __slots__ = ("_request", "claim", "count", "is_whole", "origin", "signal")

    def __init__(
        self, signal: Signal, request: bytes, *, count: int, origin: bytes, claim: Claim
    ) -> None:
        self.signal: Signal = signal
        self.count: int = count
        self.origin: bytes = origin
        self.claim: Claim = claim
        self.is_whole: bool = True
        self._request = request

    @property
    def records(self) -> Sequence[Any]:
        """Nothing: only bytes were kept."""
        return ()

    def __len__(self) -> int:
        return self.count

    def otlp(self) -> bytes:
        """Return the request as it was made."""
        return self._request

    def halves(self) -> "tuple[Stored, Stored] | None":
        """Return two parts of half the records, or None if there is but one record."""
        halves = exporters.split_request(self.signal, self._request)
        if halves is None:
            return None
        first, second = (self._part(request) for request in halves)
        # The books add up whatever was counted when it was recorded.
        first.count = min(first.count, self.count)
        second.count = self.count - first.count
        self.claim.parts += 1
        return first, second

    def _part(self, request: bytes) -> "Stored":
        count = exporters.count_records(self.signal, request)
        part = Stored(self.signal, request, count=count, origin=self.origin, claim=self.claim)
        part.is_whole = False
        return part
