"""One service, several processes: each scrape tells the numbers of all.

Each process has a file in a folder that they share (``_file.py``). The files of those that have
ended are put together in one, the archive, so that the folder does not grow with each restart.
Readers hold a lock on the folder that many can have; whoever archives holds it alone.
"""

import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from testpilot_obs import names
from testpilot_obs._core import clock, diagnostics, ids
from testpilot_obs.metrics import _budget, _cells, _file, _journal, _marks
from testpilot_obs.metrics._collect import View
from testpilot_obs.metrics._file import CellFile, CellReader, DamagedError
from testpilot_obs.metrics._merge import Merged, Source, head_of, is_kept, shape_of
from testpilot_obs.metrics._own import own
from testpilot_obs.protocols import Exemplar

_SUFFIX = ".metrics"
_UNFINISHED = ".new"
_UNFINISHED_MOST_S = 60.0
"""Age at which a file that nobody has finished is taken for a leftover, in seconds."""
_ARCHIVE = f"archive{_SUFFIX}"
_LOCK = "lock"
_PATIENCE_S = 1.0
_DEAD_MOST = 8
"""Files of ended processes that a scrape reads before it archives them."""
_FOLDER_MODE = 0o700


class Folder:
    """The folder that the processes share, seen from one of them.

    Raises:
        OSError: If it cannot be used.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        os.makedirs(path, mode=_FOLDER_MODE, exist_ok=True)  # noqa: PTH103
        _check_owner(path)
        self._known: dict[str, CellReader] = {}
        self._merged: dict[str, Merged] = {}
        self._bad: set[str] = set()
        self._own = self._open()
        self.archive()

    # -- what `_cells` asks for

    def cells(self, shape: Any, documentation: str, *, labels: Any, width: int) -> Any:
        """Return cells in the file of this process, or in memory if that is not possible."""
        try:
            return self._own.cells(head_of(shape, documentation), labels, width)
        except (OSError, ValueError) as error:
            _file.say_full(error)
            return [0.0] * width

    def forget(self, cells: Any) -> None:
        """Take a series out of the file of this process."""
        self._own.forget(cells)

    def share_exemplar(self, cells: Any, place: int, exemplar: Exemplar) -> None:
        """Let the other processes read an exemplar, if there is room for it."""
        try:
            self._own.mark(cells, place, exemplar)
        except (OSError, ValueError) as error:
            _file.say_full(error)

    def renew(self) -> None:
        """Begin an own file in a forked child."""
        self._own.leave()
        self._own = self._open()

    # -- for the scrape

    def views(self, local: Sequence[View]) -> list[View]:
        """Return every metric with the numbers of all processes.

        *local* are those of this one: for their order, and for those that nobody has used.
        """
        for merged in self._merged.values():
            merged.begin()
        with self._locked(fcntl.LOCK_SH):
            dead = self._read_all()
        if dead >= _DEAD_MOST:
            self.archive()
        found = {view.shape.name: view._replace(series=[]) for view in local}
        for name, merged in self._merged.items():
            series = merged.series()
            if series or name in found:
                found[name] = View(merged.shape, str(merged.head["help"]), series)
        return list(found.values())

    def _read_all(self) -> int:
        files = self._files()
        done = self._archived()
        self._known = {name: one for name, one in self._known.items() if name in files}
        dead = 0
        for name in files:
            if name in done:
                continue
            is_live = name == os.path.basename(self._own.path) or (  # noqa: PTH119
                name != _ARCHIVE and not _file.is_dead(self._path(name))
            )
            dead += not is_live and name != _ARCHIVE
            for head, source in self._read(name, is_live=is_live):
                self._add(head, source)
        return dead

    def _add(self, head: dict[str, Any], source: Source) -> None:
        name = head["name"]
        merged = self._merged.get(name)
        if merged is None:
            merged = self._merged[name] = Merged(head)
        elif not merged.fits(head):
            if not merged.is_empty:
                # Two versions of a service side by side: the first one read is shown.
                return
            merged = self._merged[name] = Merged(head)
        if source.has_marks:
            merged.mark(source.labels, _marks.read(source.cells))
        else:
            merged.add(source)

    def _read(self, name: str, *, is_live: bool) -> list[tuple[dict[str, Any], Source]]:
        """Return all series of a file; nothing, and count it, if it cannot be read."""
        reader = self._known.get(name)
        if reader is None or name == _ARCHIVE:
            reader = self._known[name] = CellReader(self._path(name))
        try:
            found = list(reader.read())
            kept = {
                number: is_live or is_kept(shape)
                for number, shape in enumerate(map(shape_of, reader.metrics))
            }
            return [
                (slot.key[0], Source(reader.pid, is_live, slot.key[1], cells, slot.has_marks))
                for slot, cells in found
                if kept[slot.metric] and (is_live or not slot.has_marks)
            ]
        except FileNotFoundError:
            return []
        except (OSError, DamagedError, ValueError, TypeError, KeyError) as error:
            self._known.pop(name, None)
            self._skip(name, error)
            return []

    def _skip(self, name: str, error: Exception) -> None:
        if name not in self._bad:
            self._bad.add(name)
            _journal.append((_add_one, own(names.SHARED_FILES_SKIPPED).labels(), 1))
        diagnostics.warn_once(
            f"shared:{name}",
            "the metrics file %s cannot be read (%s): left out",
            self._path(name),
            type(error).__name__,
        )

    # -- the archive

    def archive(self) -> None:
        """Put the files of processes that have ended into one, unless somebody is at it."""
        with self._locked(fcntl.LOCK_EX, patience_s=0.0) as is_mine:
            if is_mine:
                with diagnostics.guard("archive the metrics of ended processes"):
                    self._archive()

    def _archive(self) -> None:
        files, done = self._files(), self._archived()
        for name in done & set(files):
            self._remove(name)
        self._tidy()
        dead = [
            name
            for name in files
            if name not in done
            and name != _ARCHIVE
            and name != os.path.basename(self._own.path)  # noqa: PTH119
            and _file.is_dead(self._path(name))
        ]
        if not dead:
            return
        merged: dict[str, Merged] = {}
        for name in [_ARCHIVE, *dead] if _ARCHIVE in files else dead:
            for head, source in self._read(name, is_live=False):
                into = merged.setdefault(head["name"], Merged(head))
                if into.fits(head):
                    into.add(_within_budget(into, source))
        self._write_archive(merged, dead)
        for name in dead:
            self._remove(name)

    def _tidy(self) -> None:
        """Remove what processes that were killed have left unfinished."""
        for name in self._files(_UNFINISHED):
            try:
                age_s = clock.time_ns() / 1e9 - os.lstat(self._path(name)).st_mtime
            except OSError:
                continue
            if age_s > _UNFINISHED_MOST_S:
                self._remove(name)

    def _write_archive(self, merged: dict[str, Merged], dead: Sequence[str]) -> None:
        path = self._path(f"{ids.getrandbits(64):016x}{_UNFINISHED}")
        written = CellFile(path)
        try:
            written.note({"merged": dead})
            for one in merged.values():
                for series in one.series():
                    cells = written.cells(one.head, series.labels, len(series.cells))
                    for place, number in enumerate(series.cells):
                        cells[place] = number
            # Before this the dead files count, from here on the archive, which names them.
            written.publish(self._path(_ARCHIVE))
        except BaseException:
            os.unlink(path)  # noqa: PTH108
            raise
        finally:
            written.close()

    def _archived(self) -> set[str]:
        """Return the files that the archive has already, which somebody had no time to remove."""
        reader = CellReader(self._path(_ARCHIVE))
        try:
            for _ in reader.read():
                break
        except (OSError, DamagedError):
            return set()
        return {name for note in reader.notes for name in note.get("merged", ())}

    # -- files

    def close(self) -> None:
        """Take the file of this process away."""
        self._own.close()
        self._remove(os.path.basename(self._own.path))  # noqa: PTH119

    def _open(self) -> CellFile:
        name = f"{os.getpid()}-{ids.getrandbits(64):016x}"
        made = CellFile(self._path(f"{name}{_UNFINISHED}"))
        made.publish(self._path(f"{name}{_SUFFIX}"))
        return made

    def _path(self, name: str) -> str:
        return os.path.join(self.path, name)  # noqa: PTH118

    def _files(self, suffix: str = _SUFFIX) -> list[str]:
        try:
            # A folder of names, which pathlib would make objects of.
            names = os.listdir(self.path)  # noqa: PTH208
            return sorted(name for name in names if name.endswith(suffix))
        except OSError:
            return []

    def _remove(self, name: str) -> None:
        try:
            os.unlink(self._path(name))  # noqa: PTH108
        except OSError:
            return

    @contextmanager
    def _locked(self, how: int, *, patience_s: float = _PATIENCE_S) -> Iterator[bool]:
        """Hold the folder; False, and hold nothing, if it cannot be had in time."""
        try:
            fd = os.open(self._path(_LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _file.MODE)
        except OSError:
            yield False
            return
        try:
            yield _wait_for(fd, how, patience_s)
        finally:
            try:
                # A forked child may have the lock open too: closing alone would not unlock it.
                fcntl.flock(fd, fcntl.LOCK_UN)
            finally:
                os.close(fd)


def _wait_for(fd: int, how: int, patience_s: float) -> bool:
    import time

    deadline = clock.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(fd, how | fcntl.LOCK_NB)
        except OSError:
            if clock.monotonic() >= deadline:
                return False
            time.sleep(0.001)
        else:
            return True


def _within_budget(into: Merged, source: Source) -> Source:
    if into.has_room_for(source.labels, _budget.settings.max_sets):
        return source
    return source._replace(labels=(_budget.OVERFLOW,))


def _add_one(series: Any, amount: float) -> None:
    series.cells[0] += amount


def _check_owner(path: str) -> None:
    found = os.lstat(path)
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not is_ours:
        message = f"{path} is not a folder of this user"
        raise PermissionError(message)


_folders: list[Folder] = []


def is_on() -> bool:
    """Return whether the numbers are shared."""
    return bool(_folders)


def views(local: Sequence[View]) -> list[View]:
    """Return every metric with the numbers of all processes."""
    return _folders[0].views(local)


def join(path: str, instruments: Sequence[Any]) -> bool:
    """Share the numbers with the processes that join the same folder; False if that fails."""
    if _folders and _folders[0].path == path:
        return True
    leave(instruments)
    try:
        folder = Folder(path)
    except OSError as error:
        _file.say_full(error)
        return False
    with _journal.settled():
        _folders[:] = [folder]
        _cells.use(folder)
        _cells.move_all(instruments)
    return True


def leave(instruments: Sequence[Any]) -> None:
    """Keep the numbers in memory again."""
    if _folders:
        with _journal.settled():
            folder = _folders.pop()
            _cells.use(None)
            _cells.move_all(instruments)
        folder.close()
