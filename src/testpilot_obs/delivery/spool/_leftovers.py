"""What other processes have left in the folder of a spool, taken over one file at a time."""

import os
from collections import deque
from contextlib import suppress

from testpilot_obs._core.file_lock import is_locked, try_lock
from testpilot_obs.delivery._bell import now
from testpilot_obs.delivery.spool import _folder
from testpilot_obs.delivery.spool._segment import Segment

LOOK_EVERY_S = 30.0
"""How often it is looked whether another process has left something behind."""
_PRIVATE = 0o600
_NOT_THROUGH_LINKS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_LONGEST_PID = 20


class Leftovers:
    """The files that nobody uses; one process at a time sends them, so that none comes twice."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._paths: deque[str] = deque()
        self._turn: int | None = None
        self._was_swept = False
        self.file: Segment | None = None
        """The one that was taken over and is being sent."""
        self.unreadable: set[str] = set()
        """Paths of files that are for who has another key."""
        self.look_at: float = 0.0
        """When it is time to look again, in monotonic seconds."""

    def take_over(self) -> Segment | None:
        """Return the file that is being sent, or the next one; None if there is none."""
        if self.file is None and now() >= self.look_at:
            self._find()
        return self.file

    def let_go(self) -> Segment | None:
        """Return the file that is being sent, which is the caller's to close from now on."""
        segment, self.file = self.file, None
        return segment

    def stand_back(self) -> None:
        """Let another process send what is left."""
        self._paths.clear()
        self._end_turn()

    def after_fork(self) -> None:
        """Let go of everything, which is the parent's."""
        if self.file is not None:
            self.file.abandon()
        self._end_turn()

    def _find(self) -> None:
        if not self._paths:
            self._paths.extend(_folder.segments(self._folder))
        if not self._was_swept:
            self._was_swept = True
            _folder.sweep(self._folder)
        while self._paths and (self._turn is not None or self._begin_turn()):
            path = self._paths.popleft()
            if path not in self.unreadable:
                self.file = Segment.adopt(path)
                if self.file is not None:
                    return
        self.stand_back()
        self.look_at = now() + LOOK_EVERY_S

    def _begin_turn(self) -> bool:
        flags = os.O_RDWR | os.O_CREAT | _NOT_THROUGH_LINKS
        fd = os.open(_turn_of(self._folder), flags, _PRIVATE)
        try:
            if try_lock(fd):
                self._turn = fd
                # For `who_sends` alone: on a full disk it is not known.
                with suppress(OSError):
                    os.ftruncate(fd, 0)
                    os.write(fd, str(os.getpid()).encode())
        finally:
            if self._turn is None:
                os.close(fd)
        return self._turn is not None

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            os.close(turn)


def who_sends(folder: str) -> int:
    """Return which process sends at this moment what is left in *folder*; 0 if none does."""
    try:
        fd = os.open(_turn_of(folder), os.O_RDONLY | _NOT_THROUGH_LINKS)
    except OSError:
        return 0
    try:
        return int(os.read(fd, _LONGEST_PID)) if is_locked(fd) else 0
    except (OSError, ValueError):
        return 0
    finally:
        os.close(fd)


def _turn_of(folder: str) -> str:
    return os.path.join(folder, ".draining")  # noqa: PTH118  # pathlib is 5 ms
