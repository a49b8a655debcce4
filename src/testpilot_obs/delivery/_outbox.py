"""The waiting line of one signal at one destination: encoded parcels, bounded by bytes."""

from collections import deque
from collections.abc import Callable

from testpilot_obs.delivery._parcel import Parcel


class Outbox:
    """Parcels between the worker, who puts, and one sender, who takes; each counter has one writer.

    When more than *max_bytes* wait the oldest parcels go: to *save*, or they are lost. A parcel
    that is larger by itself is taken apart, so that a heavy record takes no neighbours with it.

    Args:
        max_bytes: Most bytes that wait.
        save: Puts a parcel on disk and returns whether that was possible.
    """

    def __init__(self, max_bytes: int, *, save: Callable[[Parcel], bool] | None = None) -> None:
        self.max_bytes = max_bytes
        self._save = save
        self._parcels: deque[Parcel] = deque()
        self._put_bytes = 0
        self._taken_bytes = 0
        self.accepted = 0
        """Records that were ever put."""
        self.pushed_out = 0
        """Records that went to make room."""

    def __len__(self) -> int:
        return len(self._parcels)

    @property
    def size(self) -> int:
        """How many bytes wait."""
        return self._put_bytes - self._taken_bytes

    def put(self, parcel: Parcel) -> None:
        """Append *parcel*, and lose the oldest ones if it is too much."""
        if parcel.size > self.max_bytes:
            self._put_in_parts(parcel)
            return
        self.accepted += len(parcel)
        self._put_bytes += parcel.size
        self._parcels.append(parcel)
        while self.size > self.max_bytes:
            try:
                oldest = self._parcels.popleft()
            except IndexError:
                return
            self._put_bytes -= oldest.size
            self._push_out(oldest)

    def _put_in_parts(self, parcel: Parcel) -> None:
        halves = parcel.halves()
        if halves is None:
            self.accepted += len(parcel)
            self._push_out(parcel)
            return
        for half in halves:
            self.put(half)

    def _push_out(self, parcel: Parcel) -> None:
        if self._save is None or not self._save(parcel):
            self.pushed_out += len(parcel)

    def take(self) -> Parcel | None:
        """Return the oldest parcel, which is the caller's from now on."""
        try:
            parcel = self._parcels.popleft()
        except IndexError:
            return None
        self._taken_bytes += parcel.size
        return parcel

    def give_back(self, parcel: Parcel) -> None:
        """Put *parcel* before all others, to be taken next."""
        self._taken_bytes -= parcel.size
        self._parcels.appendleft(parcel)
