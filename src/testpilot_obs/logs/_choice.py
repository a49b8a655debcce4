"""Which lines are kept: by level, by logger, for a while, or only if something fails."""

import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from fnmatch import fnmatchcase
from typing import Any

from testpilot_obs._core import clock
from testpilot_obs.logs import _levels
from testpilot_obs.logs._line import Facts, Line

_MOST_NAMES = 4_096
_MOST_TRACES = 1_000
_MOST_KINDS = 10_000
_SECOND_S = 1.0

_temporary: ContextVar[int | None] = ContextVar("testpilot_obs_log_level", default=None)


class Levels:
    """The least severe level that is kept, for each logger.

    Args:
        base: For all loggers that no rule fits.
        rules: Name or pattern of a logger → level; the last that fits wins.
        bridged: Instead of *base*, for records of ``logging``: what their own loggers let
            through was chosen there.
    """

    def __init__(
        self, base: int, rules: Mapping[str, int] | None = None, *, bridged: int = 0
    ) -> None:
        self.base = base
        self.bridged = bridged
        self.rules = dict(rules or {})
        self.temporary: list[int] = []
        """Those of all contexts that have one now."""
        self._known: dict[tuple[str, bool], int] = {}

    @property
    def lowest(self) -> int:
        """The least severe level that any logger keeps."""
        return min(self.base, *self.rules.values(), *self.temporary, _levels.CRITICAL)

    @property
    def is_selective(self) -> bool:
        """Whether loggers differ, so that each line has to be asked about."""
        return bool(self.rules or self.temporary)

    def of(self, name: str, *, is_bridged: bool = False) -> int:
        """Return the least severe level of logger *name* that is kept in this context."""
        temporary = _temporary.get()
        if temporary is not None:
            return temporary
        known = self._known.get((name, is_bridged))
        if known is None:
            known = self.bridged if is_bridged else self.base
            for pattern, level in self.rules.items():
                if fits(name, pattern):
                    known = level
            if len(self._known) >= _MOST_NAMES:
                self._known.clear()
            self._known[name, is_bridged] = known
        return known

    def set(self, pattern: str, level: int) -> None:
        """Add a rule that wins over all others; ``""`` sets the level of those without one."""
        self._known.clear()
        if pattern:
            self.rules.pop(pattern, None)
            self.rules[pattern] = level
        else:
            self.base = level
            self.bridged = min(self.bridged, level) if self.bridged else 0


def fits(name: str, pattern: str) -> bool:
    """Return whether logger *name* fits; ``app.*`` fits ``app`` too.

    >>> fits("app.db", "app.*"), fits("app", "app.*"), fits("application", "app.*")
    (True, True, False)
    """
    return fnmatchcase(name, pattern) or (pattern.endswith(".*") and name == pattern[:-2])


@contextmanager
def temporarily(levels: Levels, level: int, *, on_change: Callable[[], object]) -> Iterator[None]:
    """Keep lines from *level* on in this context, whatever their logger."""
    before = _temporary.get()
    levels.temporary.append(level)
    _temporary.set(level)
    on_change()
    try:
        yield
    finally:
        # Not a token: the block may be left in another context than it was entered in.
        _temporary.set(before)
        levels.temporary.remove(level)
        on_change()


class StandardLevels:
    """Levels of the loggers of ``logging``, set for us and given back."""

    def __init__(self) -> None:
        self._before: dict[logging.Logger, tuple[int, int]] = {}

    def set(self, name: str, level: int) -> None:
        """Let a logger, and those below it, make records from *level* on.

        A pattern sets the loggers that there are; one that ends in ``.*``, all below a name.
        """
        plain = name.removesuffix(".*")
        if not set("*?[") & set(plain):
            self._set(logging.getLogger(plain), level)
            return
        for known in list(logging.root.manager.loggerDict):
            if fits(known, name):
                self._set(logging.getLogger(known), level)

    def give_back(self) -> None:
        """Set the levels of before, where nobody has changed them since."""
        for logger, (before, ours) in self._before.items():
            if logger.level == ours:
                logger.setLevel(before)
        self._before.clear()

    def _set(self, logger: logging.Logger, level: int) -> None:
        before = self._before.get(logger, (logger.level, 0))[0]
        self._before[logger] = (before, level)
        logger.setLevel(level)


class HeldBack:
    """Lines below the level, kept for each trace until it is known whether something fails.

    Args:
        most: Lines that are kept of one trace, the last ones.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._traces: OrderedDict[int, deque[tuple[Line, Facts]]] = OrderedDict()

    def hold(self, line: Line, facts: Facts) -> None:
        """Keep *line* back; one outside of any trace is forgotten at once."""
        if not facts.trace_id:
            return
        held = self._traces.get(facts.trace_id)
        if held is None:
            held = self._traces[facts.trace_id] = deque(maxlen=self._most)
            if len(self._traces) > _MOST_TRACES:
                self._traces.popitem(last=False)
        held.append((line, facts))

    def take(self, trace_id: int) -> list[tuple[Line, Facts]]:
        """Return what was kept of a trace, oldest first, and forget it."""
        return list(self._traces.pop(trace_id, ()))


class RateLimit:
    """Counts lines with the same logger, level and event, and says when it is enough.

    Args:
        most: Lines a second that pass.
        tell: Called with (logger, method, event) and how many did not pass, when a second in which
            some did not is over.
    """

    def __init__(self, most: int, tell: Callable[[tuple[str, str, Any], int], object]) -> None:
        self._most = most
        self._tell = tell
        self._kinds: dict[tuple[str, str, Any], list[float]] = {}
        self._next_look = 0.0

    def admits(self, logger: str, method: str, event: Any) -> bool:
        """Return whether this line may pass."""
        now = clock.monotonic()
        if now >= self._next_look:
            self._look(now)
        key = (logger, method, event if type(event) is str else type(event).__name__)
        counted = self._kinds.get(key)
        if counted is None:
            self._kinds[key] = [now, 1.0]
            return True
        if now - counted[0] >= _SECOND_S:
            self._settle(key, counted)
            counted[:] = [now, 0.0]
        counted[1] += 1
        return counted[1] <= self._most

    def settle(self) -> None:
        """Tell now of everything that did not pass."""
        kinds, self._kinds = self._kinds, {}
        for key, counted in kinds.items():
            self._settle(key, counted)

    def _look(self, now: float) -> None:
        self._next_look = now + _SECOND_S
        if len(self._kinds) > _MOST_KINDS:
            self.settle()
            return
        over = [key for key, counted in self._kinds.items() if now - counted[0] >= _SECOND_S]
        for key in over:
            self._settle(key, self._kinds.pop(key))

    def _settle(self, key: tuple[str, str, Any], counted: list[float]) -> None:
        suppressed = int(counted[1]) - self._most
        if suppressed > 0:
            self._tell(key, suppressed)
