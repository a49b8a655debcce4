"""One log file that several threads and processes append to and put aside, without waiting.

How no line is lost, torn or doubled:

* A line is one ``write`` to a file opened with ``O_APPEND``; the kernel puts concurrent ones one
  after the other. So writing needs no lock between processes.
* Every process holds a shared ``flock`` on the file it writes to. Who puts the file aside only
  renames it: those who still have it open go on writing there, until they notice, 50 ms later at
  most. An old file is compressed or deleted only with an exclusive lock, which nobody gets as long
  as a process writes to it.
* Who wants to put a file aside takes the lock of ``.combined.log.lock``, and looks again whether
  it is still due. If somebody else has that lock nothing is to be done: it is being done.

Nobody ever waits for a lock of another process. On Windows, which has no ``flock``, files that
another process has open cannot be put aside, and grow.
"""

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

from testpilot_obs._core import clock, diagnostics, fork
from testpilot_obs.logs import _old_files
from testpilot_obs.logs._old_files import PLAIN, Policy, lock

_FILE_MODE, _FOLDER_MODE = 0o600, 0o700
_WINDOW_S = 0.05
_CHECKS_A_WINDOW = 10
_CHECKS_A_FILE = 16
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | PLAIN
_MOST_TRIES = 20
_MOST_BYTES = 1 << 16
_PATIENCE_S = 1.0


class LogFile:
    """Appends lines to *path*; never raises, and counts what the disk did not take.

    Whether the file is still there, and not too large, is looked at for the first ten lines in 50
    ms, and then each time a sixteenth of its size was written: a line costs 1.5 µs then, 4 µs
    otherwise. So an outside logrotate is followed at once where lines are few.
    """

    def __init__(self, path: str | os.PathLike[str], policy: Policy) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100  # resolve() follows links
        self.lost = 0
        """Lines that were not written."""
        self._policy = policy
        self._bytes_a_check = max(policy.size // _CHECKS_A_FILE, 1)
        self._fd = -1
        self._id = (0, 0)
        self._is_torn = False
        self._forget()
        fork.after_in_child(self._after_fork)

    def _forget(self) -> None:
        # Reentrant: a signal handler may log while its thread is writing.
        self._lock = threading.RLock()
        self._is_checking = False
        self._unchecked = 0
        self._checks = 0
        self._window_ends = 0.0

    def write(self, data: bytes) -> bool:
        """Append *data*, whole lines; return whether the disk took them."""
        with self._lock:
            return self._append(data)

    def write_all(self, take: Callable[[int], bytes]) -> bool:
        """Append all that *take* gives, several lines with one call of the system.

        Args:
            take: Given a number of bytes, returns whole lines that have no more, or a single longer
                one; nothing when there are none any more.

        Returns:
            False if another thread was writing for a second and has not come back, as on a disk
            that hangs.
        """
        if not self._lock.acquire(timeout=_PATIENCE_S):
            return False
        try:
            while data := take(min(self._bytes_a_check, _MOST_BYTES)):
                self._append(data)
        finally:
            self._lock.release()
        return True

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        with self._lock:
            fd, self._fd = self._fd, -1
            if fd >= 0:
                os.close(fd)

    def _after_fork(self) -> None:
        self._forget()
        self.close()

    def _is_to_check(self, size: int) -> bool:
        now = clock.monotonic()
        if now >= self._window_ends or now < self._window_ends - _WINDOW_S:
            self._window_ends = now + _WINDOW_S
            self._checks = _CHECKS_A_WINDOW
        self._unchecked += size
        is_due = self._checks > 0 or self._unchecked >= self._bytes_a_check
        # In a signal handler that interrupted a check, the file is used as it is.
        return is_due and not self._is_checking

    def _check(self, size: int) -> None:
        """Open the file if it is not the one that has the name, and put it aside if it is due."""
        self._is_checking = True
        try:
            self._checks -= 1
            self._unchecked = size
            found = self._stat()
            if self._fd < 0 or found is None or (found.st_dev, found.st_ino) != self._id:
                self._open()
                found = self._stat()
            if found is not None and self._policy.is_due(found, size):
                self._put_aside(size)
        finally:
            self._is_checking = False

    def _stat(self) -> os.stat_result | None:
        try:
            return self.path.stat()
        except FileNotFoundError:
            return None

    def _open(self) -> None:
        """Open the file that has the name, and lock it against being compressed or deleted."""
        self.close()
        for _ in range(_MOST_TRIES):
            try:
                fd = os.open(self.path, _FLAGS, _FILE_MODE)
            except FileNotFoundError:
                self.path.parent.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
                continue
            found = os.fstat(fd)
            # A device or pipe is nothing to rotate. Of a file that was put aside and worked on
            # between these lines the lock is refused, or its last name is gone.
            if not stat.S_ISREG(found.st_mode) or (
                lock(fd, exclusive=False) and os.fstat(fd).st_nlink
            ):
                self._fd, self._id = fd, (found.st_dev, found.st_ino)
                return
            os.close(fd)
        raise OSError(None, "the file cannot be opened")

    def _put_aside(self, size: int) -> None:
        """Rename the file and begin a new one, unless another process is doing it."""
        with _old_files.locked(self.path) as is_ours:
            if not is_ours:
                return
            found = self._stat()
            if found is None or not self._policy.is_due(found, size):
                self._open()
                return
            if os.name == "nt":
                # Windows renames no file that is open.
                self.close()
            try:
                _old_files.put_aside(self.path)
            except PermissionError as error:
                # The folder is not ours to change, or on Windows somebody reads the file: it grows.
                words = "%s cannot be put aside and grows: %s"
                diagnostics.warn_once(f"aside:{self.path}", words, self.path, error.strerror)
            self._open()
        _old_files.look_after(self.path, self._policy)

    def _append(self, data: bytes) -> bool:
        try:
            if self._is_to_check(len(data)):
                self._check(len(data))
            if self._fd < 0:
                raise OSError(None, "the file is not open")  # noqa: TRY301  # as if by the disk
            if self._is_torn:
                data = b"\n" + data
            written = os.write(self._fd, data)
            self._is_torn = False
            return written == len(data) or self._mend(data, written)
        except OSError as error:
            self._fail(error, data.count(b"\n") - self._is_torn)
            return False

    def _mend(self, data: bytes, written: int) -> bool:
        """Leave only whole lines in the file if the disk took a part of *data*."""
        whole = data.rfind(b"\n", 0, written) + 1
        self._is_torn = written > whole and not self._take_back(written - whole)
        error = OSError(None, "the disk took only a part of a line")
        self._fail(error, data.count(b"\n", whole))
        return False

    def _take_back(self, written: int) -> bool:
        """Cut off a part of a line again, if nobody has written after it."""
        end = os.lseek(self._fd, 0, os.SEEK_CUR)
        if os.fstat(self._fd).st_size != end:
            return False
        os.ftruncate(self._fd, end - written)
        return True

    def _fail(self, error: OSError, lines: int) -> None:
        self.lost += lines
        # Perhaps another file has the name by now.
        self._checks = max(self._checks, 1)
        words = error.strerror or type(error).__name__
        diagnostics.warn_once(
            f"file:{self.path}:{error.errno}",
            "%s: %s; log lines are lost there until it can be written again",
            self.path,
            words,
        )
