"""What could not be sent, on disk: one spool for each signal on its way to one destination.

A process writes to a file of its own, which it keeps locked; a lock ends with its process, so
whatever is left unlocked was left behind and may be sent by anybody. Nothing is written, and no
folder made, before there is something that cannot be sent.

The books: what this process recorded and what lies here is ``saved``. What others left and this
process had to drop is counted apart, in ``lost_of_others``, as it is in no sum of this process.
"""

import os
import zlib
from collections import deque
from contextlib import suppress
from typing import NamedTuple, Protocol

from testpilot_obs._core import clock, diagnostics
from testpilot_obs.delivery._bell import now
from testpilot_obs.delivery.spool import _folder
from testpilot_obs.delivery.spool._cipher import Cipher
from testpilot_obs.delivery.spool._leftovers import LOOK_EVERY_S, Leftovers
from testpilot_obs.delivery.spool._private import make_private
from testpilot_obs.delivery.spool._record import (
    COMPRESSED,
    ENCRYPTED,
    ORIGIN_BYTES,
    Header,
    pack,
)
from testpilot_obs.delivery.spool._segment import Found, Segment
from testpilot_obs.delivery.spool._stored import Claim, Stored
from testpilot_obs.delivery.spool._turn import Turn
from testpilot_obs.protocols import Signal

FULL, EXPIRED, DAMAGED = "spool_full", "spool_expired", "spool_damaged"
REMOVED = "spool_removed"
"""Reasons for a loss: pushed out by size, too old, not readable, file removed by somebody."""

_PAUSE_S = 60.0
"""How long nothing is written after the disk refused."""
_SEGMENT_BYTES = 4 * 1024 * 1024
_LEAST_SEGMENT_BYTES = 64 * 1024
_PARTS = 8
"""A file holds at most this part of what may lie on disk, so that not all goes at once."""
_RESET_BYTES = 256 * 1024
_NS = 1_000_000_000
_SHARED = (
    "everybody may rename what lies in %s, so others can take away the spool below it, %s;"
    " chmod o-w or +t keeps them from it"
)


class Request(Protocol):
    """What can be saved: a parcel, or what was read back."""

    @property
    def signal(self) -> Signal: ...

    def __len__(self) -> int: ...

    def otlp(self) -> bytes: ...


class Limits(NamedTuple):
    """How much may lie on disk, and how long."""

    max_bytes: int = 128 * 1024 * 1024
    """Beyond it the oldest files go."""
    max_age_s: float = 48 * 3600.0
    """What is older is not sent any more."""


class Spool:
    """Saves requests, and hands them out again, oldest first; never raises.

    Its methods may be called by several threads, and by a signal handler within one of them.

    Args:
        folder: Where the files lie; made when it is needed.
        signal: Whose requests they are.
        limits: How much, how long.
        cipher: Encrypts payloads.
        is_durable: Whether each request is written to disk before it is sent, and a file synced
            after each.
    """

    def __init__(
        self,
        folder: str,
        signal: Signal,
        *,
        limits: Limits | None = None,
        cipher: Cipher | None = None,
        is_durable: bool = False,
    ) -> None:
        self.folder = folder
        self.is_durable = is_durable
        self._signal: Signal = signal
        self._limits = limits or Limits()
        self._cipher = cipher
        self._segment_bytes = min(
            _SEGMENT_BYTES, max(self._limits.max_bytes // _PARTS, _LEAST_SEGMENT_BYTES)
        )
        self._begin()

    def _begin(self) -> None:
        self._turn = Turn()
        self._origin = os.urandom(ORIGIN_BYTES)
        self._own: Segment | None = None
        self._sealed: deque[Segment] = deque()
        self._leftovers = Leftovers(self.folder)
        self._returned: deque[Stored] = deque()
        self._off_until = 0.0
        self._bytes_before = 0
        self.saved: int = 0
        """Records of this process that lie on disk."""
        self.lost: dict[str, int] = {}
        """Records of this process that were saved and lost after all, by reason."""
        self.lost_of_others: dict[str, int] = {}
        """The same for records of other processes, which this one had to drop."""

    # -- writing

    def save(self, request: Request, *, in_a_hurry: bool = False) -> bool:
        """Write *request* to disk; return whether it is there.

        Args:
            request: What could not be sent.
            in_a_hurry: Whether the process is about to end: nothing is compressed then.
        """
        is_there = False
        with diagnostics.guard("keep on disk what could not be sent"), self._turn:
            is_there = self._write(request, self._origin, compresses=not in_a_hurry)
            count = len(request) if is_there else 0
            self.saved += count
        return is_there

    def can_save(self) -> bool:
        """Return whether the disk has not refused within the last minute."""
        return now() >= self._off_until

    def fill(self) -> float:
        """Return how full the place on disk is, as known by the last look: 1.0 is full."""
        own = self._own
        used = 0 if own is None else self._bytes_before + own.size
        return used / self._limits.max_bytes

    # -- reading

    def take(self, *, only_own: bool = False) -> Stored | None:
        """Return the oldest request that nobody else is sending, None if there is none.

        Args:
            only_own: Leave what other processes left to those who have more time.
        """
        with diagnostics.guard("read the spool"), self._turn:
            if self._returned:
                return self._returned.popleft()
            while not only_own and (left := self._leftovers.take_over()) is not None:
                stored = self._next_of(left)
                if stored is not None:
                    return stored
                self._let_go()
            for sealed in tuple(self._sealed):
                stored = self._next_of(sealed)
                if stored is not None:
                    return stored
                self._release(sealed)
            return self._next_of(self._own)
        # Something could not be read; whatever it was is looked at again in a while.
        self._leftovers.look_at = now() + LOOK_EVERY_S
        return None

    def hold(self, part: Stored) -> None:
        """Keep a part of a request that is to be taken next."""
        self._returned.appendleft(part)

    def settle(self, stored: Stored) -> bool:
        """Forget *stored*, as it was delivered or refused; return whether it was recorded here."""
        with self._turn:
            self._settle(stored.claim)
            is_own = stored.origin == self._origin
            count = len(stored) if is_own else 0
            self.saved -= count
            return is_own

    def give_back(self, stored: Stored) -> None:
        """Let *stored* be taken again later, by this process or another."""
        with diagnostics.guard("give back to the spool"), self._turn:
            parts = [stored, *self._returned]
            self._returned.clear()
            for part in parts:
                if not part.is_whole and self._write(part, part.origin, compresses=True):
                    self._settle(part.claim)
                else:
                    # A part for which there is no room comes again with all of its record.
                    part.claim.segment.give_back(part.claim.offset)
            self._let_go()
            # It may be another process that gets through.
            self._leftovers.stand_back()

    def has_waiting(self, *, only_own: bool = False) -> bool:
        """Return whether `take` may have something, or it is time to look."""
        own = self._own
        if self._returned or any(sealed.has_more for sealed in tuple(self._sealed)):
            return True
        if own is not None and own.has_more:
            return True
        left = self._leftovers
        return not only_own and (left.file is not None or now() >= left.look_at)

    def look_at(self) -> float:
        """Return when it is time to look for what others left, in monotonic seconds."""
        return self._leftovers.look_at

    def look_now(self) -> None:
        """Do not wait with the next look."""
        self._leftovers.look_at = 0.0

    def has_leftovers(self) -> bool:
        """Return whether there are files at all; one look into the folder."""
        return bool(_folder.segments(self.folder))

    # -- the ends

    def close(self) -> None:
        """Leave what waits to the next process."""
        with diagnostics.guard("close the spool"), self._turn:
            if self._returned:
                self.give_back(self._returned.popleft())
            self._let_go()
            self._leftovers.stand_back()
            while self._sealed:
                self._leave(self._sealed.popleft())
            own, self._own = self._own, None
            if own is not None:
                self._leave(own)

    def after_fork(self) -> None:
        """Begin anew in a forked child: what was saved or claimed is the parent's."""
        for segment in (self._own, *self._sealed):
            if segment is not None:
                segment.abandon()
        self._leftovers.after_fork()
        self._begin()

    # -- steps

    def _write(self, request: Request, origin: bytes, *, compresses: bool) -> bool:
        if not self.can_save():
            return False
        try:
            payload, flags = request.otlp(), 0
            if compresses:
                payload, flags = zlib.compress(payload, 1), COMPRESSED
            if self._cipher is not None:
                payload, flags = self._cipher.seal(payload), flags | ENCRYPTED
            time_s = clock.time_ns() // _NS
            record = pack(payload, flags=flags, origin=origin, count=len(request), time_s=time_s)
            if len(record) > self._limits.max_bytes:
                return False
            self._open_own(len(record)).append(record, durable=self.is_durable)
        except OSError as error:
            self._off_until = now() + _PAUSE_S
            self._turn.note(
                f"spool:{self.folder}",
                "undelivered %s cannot be kept on disk (%s): what does not fit into memory is "
                "lost. Set TESTPILOT_OBS_SPOOL_DIR to a folder that can be written to, or "
                "TESTPILOT_OBS_SPOOL=off",
                self._signal,
                error,
            )
            return False
        return True

    def _open_own(self, size: int) -> Segment:
        """Return the file to write to, with room for *size* more bytes."""
        own = self._own
        is_full = own is not None and own.size and own.size + size > self._segment_bytes
        # A file that somebody has removed can be read here as long as it is open, and only here.
        if own is not None and (is_full or own.is_removed):
            self._own = None
            if own.is_finished:
                own.close(remove=True)
            else:
                # Kept locked: if another process sent it, our books would never know.
                self._sealed.append(own)
        if self._own is None:
            shared = make_private(self.folder, durable=self.is_durable)
            if shared:
                self._turn.note("shared", _SHARED, shared, self.folder)
            self._make_room()
            name = _folder.segment_name(self._origin)
            self._own = Segment.create(self.folder, name, durable=self.is_durable)
        return self._own

    def _make_room(self) -> None:
        """Remove the oldest files until one more fits."""
        paths = _folder.segments(self.folder)
        total = sum(_folder.size_of(path) for path in paths)
        for path in paths:
            if total + self._segment_bytes <= self._limits.max_bytes:
                break
            segment = self._oldest_sealed(path) or Segment.adopt(path)
            if segment is None:
                continue
            self._lose_all(segment, FULL)
            total -= segment.size
            segment.close(remove=True)
        self._bytes_before = total

    def _oldest_sealed(self, path: str) -> Segment | None:
        """Return our own full file at *path*, taken from the list, unless it is being sent."""
        for segment in self._sealed:
            if segment.path == path and not segment.is_busy:
                self._sealed.remove(segment)
                return segment
        return None

    def _let_go(self) -> None:
        """Give the file that another process left back, or remove it if all of it is settled."""
        segment = self._leftovers.let_go()
        if segment is not None:
            self._leave(segment)

    def _leave(self, segment: Segment) -> None:
        """Leave what waits in a file to other processes; nobody finds one that was removed."""
        if segment.is_removed:
            self._lose_all(segment, REMOVED)
        is_readable = segment.path not in self._leftovers.unreadable
        segment.close(remove=is_readable and segment.is_finished)

    def _next_of(self, segment: Segment | None) -> Stored | None:
        while segment is not None:
            found = segment.next(damaged=self._note_damage)
            if found is None:
                return None
            stored = self._open(segment, found)
            if stored is not None:
                return stored
        return None

    def _open(self, segment: Segment, found: Found) -> Stored | None:
        """Return what can be sent of a record; what cannot is settled or left to its key."""
        header = found.header
        if clock.time_ns() // _NS - header.time_s > self._limits.max_age_s:
            self._lose(header.origin, header.records, EXPIRED)
            segment.settle(found.offset)
            return None
        payload: bytes | None = found.payload
        if header.flags & ENCRYPTED:
            payload = None if self._cipher is None else self._cipher.unseal(found.payload)
        if payload is None:
            self._leftovers.unreadable.add(segment.path)
            self._turn.note(
                f"spool key:{self.folder}",
                "%s on disk were encrypted with another key and are left where they are",
                self._signal,
            )
            return None
        try:
            request = zlib.decompress(payload) if header.flags & COMPRESSED else payload
        except zlib.error:
            self._note_damage(header)
            segment.settle(found.offset)
            return None
        claim = Claim(segment, found.offset)
        return Stored(
            self._signal, request, count=header.records, origin=header.origin, claim=claim
        )

    def _settle(self, claim: Claim) -> None:
        claim.parts -= 1
        if claim.parts:
            return
        segment = claim.segment
        segment.settle(claim.offset)
        if segment is self._own and segment.is_finished and segment.size >= _RESET_BYTES:
            with suppress(OSError):
                segment.reset()
        self._release(segment)

    def _release(self, segment: Segment) -> None:
        """Remove a file of ours that is full once all of it is settled."""
        if segment in self._sealed and segment.is_finished:
            self._sealed.remove(segment)
            segment.close(remove=True)

    def _note_damage(self, header: Header | None) -> None:
        origin = b"" if header is None else header.origin
        self._lose(origin, 1 if header is None else max(header.records, 1), DAMAGED)
        self._turn.note(
            f"spool damage:{self.folder}",
            "a piece of the %s kept on disk is torn or damaged and was left out",
            self._signal,
        )

    def _lose_all(self, segment: Segment, reason: str) -> None:
        for origin, count in _folder.losses(segment).items():
            self._lose(origin, count, reason)

    def _lose(self, origin: bytes, count: int, reason: str) -> None:
        if origin == self._origin:
            count = min(count, self.saved)
            self.saved -= count
            self.lost[reason] = self.lost.get(reason, 0) + count
        else:
            self.lost_of_others[reason] = self.lost_of_others.get(reason, 0) + count
