"""One spool file: written and read by whoever holds its lock, removed when all is settled."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from testpilot_obs._core.file_lock import try_lock
from testpilot_obs.delivery.spool._record import (
    HEADER_BYTES,
    MAGIC,
    SETTLED,
    STATE_AT,
    WAITING,
    Header,
    read_header,
)

SUFFIX = ".spool"
_BEING_MADE = ".new"
_PRIVATE = 0o600
_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_CHUNK_BYTES = 256 * 1024
_RENAMES_OPEN_FILES = os.name == "posix"
"""Whether the system lets a file that is open be renamed and removed; Windows does not."""


class Found(NamedTuple):
    """A record as it lies on disk."""

    offset: int
    header: Header
    payload: bytes


class Segment:
    """One file of records, locked by this process for as long as the object is open.

    Args:
        path: Where it lies.
        fd: The open and locked file.
        size: Bytes in it that are whole records.
    """

    def __init__(self, path: str, fd: int, size: int) -> None:
        self.path = path
        self.size: int = size
        self._fd = fd
        self._at = 0
        self._claimed: set[int] = set()

    @classmethod
    def create(cls, folder: str, name: str) -> "Segment":
        """Return a new file, of which others learn when it is locked."""
        path = os.path.join(folder, name + SUFFIX)  # noqa: PTH118  # pathlib is 5 ms
        at_first = path + _BEING_MADE if _RENAMES_OPEN_FILES else path
        fd = os.open(at_first, _FLAGS | os.O_CREAT | os.O_EXCL, _PRIVATE)
        try_lock(fd)
        if at_first != path:
            os.rename(at_first, path)  # noqa: PTH104
        return cls(path, fd, 0)

    @classmethod
    def adopt(cls, path: str) -> "Segment | None":
        """Return a file that nobody uses, None if somebody does or it has gone."""
        try:
            fd = os.open(path, _FLAGS)
        except OSError:
            # It has gone, is a folder, or belongs to somebody else.
            return None
        # Whoever had the lock before may have removed the file since it was opened here.
        if not try_lock(fd) or os.fstat(fd).st_nlink == 0:
            os.close(fd)
            return None
        return cls(path, fd, os.fstat(fd).st_size)

    @property
    def has_more(self) -> bool:
        """Whether there is something that `next` has not looked at."""
        return self._at < self.size

    @property
    def is_claimed(self) -> bool:
        """Whether a record that `next` returned is not settled yet."""
        return bool(self._claimed)

    @property
    def is_finished(self) -> bool:
        """Whether every record in it is settled."""
        return not self.has_more and not self._claimed

    def append(self, record: bytes, *, durable: bool = False) -> None:
        """Add a record; with *durable* wait until the disk has it.

        Raises:
            OSError: If it cannot be written as a whole; nothing of it is kept.
        """
        written = 0
        try:
            while written < len(record):
                written += _write_at(self._fd, record[written:], self.size + written)
            if durable:
                getattr(os, "fdatasync", os.fsync)(self._fd)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, self.size)
            raise
        self.size += len(record)

    def next(self, *, damaged: Callable[[Header | None], object]) -> Found | None:
        """Return the oldest waiting record that was not returned yet, None if there is none.

        Args:
            damaged: Told of each piece that is no whole record, with its header if that can
                be read; the search goes on behind it.
        """
        while self._at < self.size:
            offset = self._at
            header = read_header(self._read(offset, HEADER_BYTES))
            begin = offset + HEADER_BYTES
            if header is not None and begin + header.length > self.size:
                # Torn, or the length is damaged: nothing is read for it.
                damaged(header)
                self._at = self._find_magic(offset + 1)
                continue
            payload = self._read(begin, header.length) if header is not None else b""
            if header is None or not header.fits(payload):
                damaged(header)
                self._at = self._find_magic(offset + 1)
                continue
            self._at = begin + header.length
            if header.state == WAITING and offset not in self._claimed:
                self._claimed.add(offset)
                return Found(offset, header, payload)
        return None

    def settle(self, offset: int) -> None:
        """Let the record at *offset* never be returned again, to anyone."""
        with suppress(OSError):
            _write_at(self._fd, bytes((SETTLED,)), offset + STATE_AT)
        self._claimed.discard(offset)

    def give_back(self, offset: int) -> None:
        """Let the record at *offset* be returned once more."""
        self._claimed.discard(offset)
        self._at = min(self._at, offset)

    def reset(self) -> None:
        """Make the file empty; only if it `is_finished`."""
        os.ftruncate(self._fd, 0)
        self.size = self._at = 0

    def close(self, *, remove: bool) -> None:
        """Give the lock back, and remove the file if nothing in it is needed any more."""
        if not _RENAMES_OPEN_FILES:
            self.abandon()
        with suppress(OSError):
            if remove:
                os.unlink(self.path)  # noqa: PTH108
        if _RENAMES_OPEN_FILES:
            self.abandon()

    def abandon(self) -> None:
        """Close the file and nothing else, as a forked child does with its parent's."""
        with suppress(OSError):
            os.close(self._fd)

    def _read(self, offset: int, length: int) -> bytes:
        pieces: list[bytes] = []
        while length > 0:
            piece = _read_at(self._fd, min(length, _CHUNK_BYTES), offset)
            if not piece:
                break
            pieces.append(piece)
            offset += len(piece)
            length -= len(piece)
        return b"".join(pieces)

    def _find_magic(self, start: int) -> int:
        """Return where the next record may begin; the end if there is none."""
        while start < self.size:
            chunk = _read_at(self._fd, _CHUNK_BYTES, start)
            if not chunk:
                break
            place = chunk.find(MAGIC)
            if place >= 0:
                return start + place
            start += max(len(chunk) - len(MAGIC) + 1, 1)
        return self.size


def _write_at(fd: int, data: bytes, offset: int) -> int:
    if hasattr(os, "pwrite"):
        return os.pwrite(fd, data, offset)
    os.lseek(fd, offset, os.SEEK_SET)
    return os.write(fd, data)


def _read_at(fd: int, length: int, offset: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(fd, length, offset)
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, length)
