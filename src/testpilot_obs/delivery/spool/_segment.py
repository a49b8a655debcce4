"""One spool file: written and read by whoever holds its lock, removed when all is settled."""

import errno
import os
import stat
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
    gap,
    read_header,
)

SUFFIX = ".spool"
BEING_MADE = ".new"
"""What a file's name ends with until it is locked."""
_PRIVATE = 0o600
_FLAGS = (
    os.O_RDWR
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
)
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
        self._writing: set[int] = set()
        self._is_closed = False

    @classmethod
    def create(cls, folder: str, name: str, *, durable: bool = False) -> "Segment":
        """Return a new file, of which others learn when it is locked.

        Raises:
            OSError: If it cannot be made, or not locked; nothing is left of it then.
        """
        path = os.path.join(folder, name + SUFFIX)  # noqa: PTH118  # pathlib is 5 ms
        at_first = path + BEING_MADE if _RENAMES_OPEN_FILES else path
        fd = os.open(at_first, _FLAGS | os.O_CREAT | os.O_EXCL, _PRIVATE)
        try:
            _lock_new(fd)
            if at_first != path:
                os.rename(at_first, path)  # noqa: PTH104
            if durable:
                sync_folder(folder)
        except BaseException:
            os.close(fd)
            for left in (at_first, path):
                with suppress(OSError):
                    os.unlink(left)  # noqa: PTH108
            raise
        return cls(path, fd, 0)

    @classmethod
    def adopt(cls, path: str) -> "Segment | None":
        """Return a file that nobody uses, None if somebody does or may do, or it has gone."""
        try:
            fd = os.open(path, _FLAGS)
        except OSError:
            # It has gone, is a folder or a link, or belongs to somebody else.
            return None
        found = None
        with suppress(OSError):
            if try_lock(fd):
                found = os.fstat(fd)
        # Whoever had the lock before may have removed the file since it was opened here.
        if found is None or not found.st_nlink or not stat.S_ISREG(found.st_mode):
            os.close(fd)
            return None
        return cls(path, fd, found.st_size)

    @property
    def has_more(self) -> bool:
        """Whether there is something that `next` has not looked at."""
        return self._at < self._whole()

    @property
    def is_busy(self) -> bool:
        """Whether a record is being written, or one that `next` returned is not settled yet."""
        return bool(self._claimed or self._writing)

    @property
    def is_finished(self) -> bool:
        """Whether every record in it is settled."""
        return not self.has_more and not self.is_busy

    @property
    def is_removed(self) -> bool:
        """Whether somebody has removed the file, so that only this process can still read it."""
        try:
            return _RENAMES_OPEN_FILES and not os.fstat(self._fd).st_nlink
        except OSError:
            return False

    def append(self, record: bytes, *, durable: bool = False) -> None:
        """Add a record; with *durable* wait until the disk has it.

        A signal handler, or ``__del__``, that lands in here and appends too writes behind it.

        Raises:
            OSError: If it cannot be written as a whole; nothing of it is kept.
        """
        length = len(record)
        # Nothing is called between these two, so no nested call gets the same place.
        offset = self.size
        self.size = offset + length
        self._writing.add(offset)
        try:
            self._write(record, offset, durable=durable)
        except OSError:
            self._take_back(offset, length)
            raise
        finally:
            self._writing.discard(offset)
            if self._is_closed and not self._writing:
                # It was closed by a nested call.
                self.abandon()

    def next(self, *, damaged: Callable[[Header | None], object]) -> Found | None:
        """Return the oldest waiting record that was not returned yet, None if there is none.

        Args:
            damaged: Told of each piece that is no whole record, with its header if that can
                be read; the search goes on behind it.
        """
        whole = self._whole()
        while self._at < whole:
            offset = self._at
            header = read_header(self._read(offset, HEADER_BYTES))
            begin = offset + HEADER_BYTES
            if header is not None and begin + header.length > whole:
                # Torn, or the length is damaged: nothing is read for it.
                damaged(header)
                self._at = self._find_magic(offset + 1, whole)
                continue
            payload = self._read(begin, header.length) if header is not None else b""
            if header is None or not header.fits(payload):
                if header is None or header.state == WAITING:
                    damaged(header)
                self._at = self._find_magic(offset + 1, whole)
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
        self._is_closed = True
        if remove and _RENAMES_OPEN_FILES:
            self._unlink()
        if not self._writing:
            self.abandon()
        if remove and not _RENAMES_OPEN_FILES:
            self._unlink()

    def abandon(self) -> None:
        """Close the file and nothing else, as a forked child does with its parent's."""
        with suppress(OSError):
            os.close(self._fd)

    def _unlink(self) -> None:
        with suppress(OSError):
            os.unlink(self.path)  # noqa: PTH108

    def _whole(self) -> int:
        """Return where that ends which is written as a whole."""
        return min(self._writing, default=self.size)

    def _write(self, record: bytes, offset: int, *, durable: bool) -> None:
        written = 0
        while written < len(record):
            written += _write_at(self._fd, record[written:], offset + written)
        if durable:
            getattr(os, "fdatasync", os.fsync)(self._fd)

    def _take_back(self, offset: int, length: int) -> None:
        """Remove what was written of a record; if one stands behind it, let it count as settled."""
        with suppress(OSError):
            if self.size == offset + length:
                # Nothing is called between these, so no nested call writes what is cut off.
                self.size = offset
                os.ftruncate(self._fd, offset)
            else:
                _write_at(self._fd, gap(length), offset)

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

    def _find_magic(self, start: int, end: int) -> int:
        """Return where the next record may begin; *end* if there is none."""
        while start < end:
            chunk = _read_at(self._fd, _CHUNK_BYTES, start)
            if not chunk:
                break
            place = chunk.find(MAGIC)
            if place >= 0:
                return min(start + place, end)
            start += max(len(chunk) - len(MAGIC) + 1, 1)
        return end


def _lock_new(fd: int) -> None:
    if not try_lock(fd):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def sync_folder(folder: str) -> None:
    """Wait until the disk has the names in *folder*; Windows does that by itself."""
    if os.name != "posix":
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


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
