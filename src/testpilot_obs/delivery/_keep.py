"""Which spans go on to the destinations: sampling and backpressure, decided on the worker.

A local trace is all spans of one trace below one remote parent, or without one. Where it takes
no more than the trace id to decide, each span is decided as it comes. Else the spans wait until
the local root has ended; a span that comes later follows its trace.

Every span that stays here is counted in `Keeper.left_out`, and every span that goes on says in its
trace state how many it stands for.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from testpilot_obs._core import clock, diagnostics
from testpilot_obs.delivery._bell import now
from testpilot_obs.delivery._cap import Cap
from testpilot_obs.delivery._held import Held, is_error, is_local_root, key_of
from testpilot_obs.delivery._ledger import BACKPRESSURE, SAMPLED_OUT
from testpilot_obs.delivery._mark import Marker
from testpilot_obs.delivery._pressure import LOOK_S, Valve
from testpilot_obs.delivery._rules import Shares
from testpilot_obs.delivery._threshold import read

_MOST_DECISIONS = 16_384
_Key = tuple[int, int]


class Policy(NamedTuple):
    """What the settings say about keeping traces."""

    ratio: float = 1.0
    rules: tuple[str, ...] = ()
    per_second: int = 0
    """Most traces a second; 0 for no limit."""
    keep_errors: bool = False
    keep_slow_s: float | None = None
    slow_s: float = 1.0
    """What is slow while traces are given up under pressure, in seconds."""
    hold_s: float = 30.0
    """Longest time that a span waits for a decision, in seconds."""
    max_spans: int = 32_768
    """Most spans that wait for one."""
    max_bytes: int = 16 * 1024 * 1024
    """Most bytes that they take."""
    pause_s: float = 5.0
    """Longest time from one drain to the next, in seconds."""

    @property
    def is_off(self) -> bool:
        """Whether everything is kept."""
        return self.ratio >= 1 and not (self.rules or self.per_second)

    @property
    def needs_root(self) -> bool:
        """Whether the end of a local trace has to be waited for."""
        if self.is_off:
            return False
        has_tail = self.keep_errors or self.keep_slow_s is not None
        return bool(self.rules or self.per_second or has_tail)


class _Decision(NamedTuple):
    """What became of a local trace."""

    threshold: int
    """Of the spans that are kept."""
    reason: str = ""
    """Why they are not; empty if they are."""


class Keeper:
    """Keeps or leaves out spans, on the worker alone.

    Args:
        policy: The settings.
        valve: How much has to be given up; ``None``: nothing ever.
    """

    def __init__(self, policy: Policy, valve: Valve | None = None) -> None:
        self._policy = policy
        self._valve = valve
        self._shares = Shares(policy.rules, policy.ratio)
        self.forget()

    def forget(self) -> None:
        """Begin anew in a forked child."""
        policy = self._policy
        self._cap = Cap(policy.per_second, policy.pause_s) if policy.per_second else None
        self._marker = Marker()
        self._held: dict[_Key, Held] = {}
        self._in_window: dict[_Key, Held] = {}
        self._spans = self._bytes = 0
        self._decided: dict[_Key, _Decision] = {}
        self.left_out: dict[str, int] = {}
        """How many spans went nowhere, by reason."""
        if self._valve is not None:
            self._valve.forget()

    @property
    def kept_share(self) -> float:
        """The share of ordinary traces that backpressure lets through."""
        return 1.0 if self._valve is None else self._valve.share

    @property
    def is_idle(self) -> bool:
        """Whether everything is kept and nothing is held, so that nobody has to ask."""
        return self._policy.is_off and not (self._gives_up or self._held)

    @property
    def pause_s(self) -> float:
        """Longest time until the next drain, in seconds; infinite if there need be none."""
        if self._gives_up or self._in_window:
            return LOOK_S
        return min(self._policy.pause_s, self._policy.hold_s) if self._held else math.inf

    def look(self) -> None:
        """Find out how much waits; called before a drain."""
        if self._valve is not None:
            self._valve.look()

    def choose(self, spans: Sequence[Any]) -> list[Any]:
        """Return those spans that go on now: of *spans*, and of what was held before."""
        has_to_wait = self._policy.needs_root or self._gives_up or self._held
        choose_one = self._add if has_to_wait else self._choose_by_id
        kept: list[Any] = []
        for span in spans:
            try:
                choose_one(span, kept)
            except Exception:
                diagnostics.swallow("choose whether a span is kept")
                kept.append(span)
        return kept

    def settle(self, *, everything: bool = False) -> list[Any]:
        """Decide what has waited long enough, or *everything*; return the spans that go on."""
        kept: list[Any] = []
        latest = now() - self._policy.hold_s
        for key in list(self._held):
            if not everything and self._held[key].since > latest:
                break
            self._decide(key, kept)
        cap = self._cap
        if cap is not None and cap.closes_at is not None and (everything or now() >= cap.closes_at):
            for held in cap.settle():
                self._release(held, kept)
            self._in_window.clear()
        return kept

    @property
    def _gives_up(self) -> bool:
        return self._valve is not None and self._valve.halvings > 0

    def _choose_by_id(self, span: Any, kept: list[Any]) -> None:
        """Choose where the trace id says it all."""
        rest = self._shares.rest
        local = span.local
        randomness, before = read(local.trace_state, local.trace_id)
        if randomness >= rest:
            kept.append(self._marker.mark(span, max(rest, before)))
        else:
            self._leave_out(1, SAMPLED_OUT)

    def _add(self, span: Any, kept: list[Any]) -> None:
        key = key_of(span)
        held = self._held.get(key)
        if held is None:
            decided = self._decided.get(key)
            if decided is not None and not (decided.reason and self._is_saved_by(span)):
                self._follow(span, decided, kept)
                return
            waiting = self._in_window.get(key)
            if waiting is not None:
                waiting.add(span)
                return
            held = Held(now())
        size = held.size
        held.add(span)
        self._held[key] = held
        self._spans += 1
        self._bytes += held.size - size
        if held.root is not None:
            self._decide(key, kept)
        while self._spans > self._policy.max_spans or self._bytes > self._policy.max_bytes:
            self._decide(next(iter(self._held)), kept)

    def _is_saved_by(self, span: Any) -> bool:
        """Return whether *span* shows that its trace should not have been left out."""
        policy = self._policy
        if policy.keep_errors and is_error(span):
            return True
        slow_s = policy.keep_slow_s
        is_slow = slow_s is not None and (span.end_ns - span.start_ns) / 1e9 >= slow_s
        return is_slow and is_local_root(span)

    def _follow(self, span: Any, decided: _Decision, kept: list[Any]) -> None:
        if decided.reason:
            self._leave_out(1, decided.reason)
        else:
            kept.append(self._marker.mark(span, decided.threshold))

    def _decide(self, key: _Key, kept: list[Any]) -> None:
        """Decide about the local trace *key* with what is known of it."""
        held = self._held.pop(key)
        self._spans -= len(held.spans)
        self._bytes -= held.size
        local = held.spans[0].local
        held.randomness, before = read(local.trace_state, local.trace_id)
        wanted = 0 if self._is_saved(held) else self._threshold(held)
        reason = SAMPLED_OUT if held.randomness < wanted else ""
        if not reason and self._valve is not None and self._valve.halvings:
            wanted = max(wanted, 0 if self._is_important(held) else self._valve.threshold)
            reason = BACKPRESSURE if held.randomness < wanted else ""
        held.threshold = max(wanted, before)
        if reason:
            self._lose(key, held, reason)
        elif self._cap is None:
            self._release(held, kept)
        else:
            self._compete(key, held, self._cap)

    def _threshold(self, held: Held) -> int:
        return self._shares.threshold(held.spans[-1] if held.root is None else held.root)

    def _is_saved(self, held: Held) -> bool:
        """Return whether the settings keep the trace whatever its share."""
        policy = self._policy
        if policy.keep_errors and held.has_error:
            return True
        slow_s = policy.keep_slow_s
        return slow_s is not None and held.lasted_s(clock.time_ns()) >= slow_s

    def _is_important(self, held: Held) -> bool:
        """Return whether the trace is among the last to go."""
        slow_s = self._policy.keep_slow_s
        slow_s = self._policy.slow_s if slow_s is None else slow_s
        return held.has_error or held.lasted_s(clock.time_ns()) >= slow_s

    def _compete(self, key: _Key, held: Held, cap: Cap) -> None:
        held.priority = self._is_important(held)
        self._in_window[key] = held
        lost = cap.offer(held, now())
        if lost is not None:
            lost_key = key_of(lost.spans[0])
            del self._in_window[lost_key]
            self._lose(lost_key, lost, SAMPLED_OUT)

    def _release(self, held: Held, kept: list[Any]) -> None:
        kept.extend(self._marker.mark(span, held.threshold) for span in held.spans)
        self._remember(key_of(held.spans[0]), _Decision(held.threshold))

    def _lose(self, key: _Key, held: Held, reason: str) -> None:
        self._leave_out(len(held.spans), reason)
        self._remember(key, _Decision(0, reason))

    def _remember(self, key: _Key, decision: _Decision) -> None:
        self._decided.pop(key, None)
        self._decided[key] = decision
        if len(self._decided) > _MOST_DECISIONS:
            del self._decided[next(iter(self._decided))]

    def _leave_out(self, count: int, reason: str) -> None:
        self.left_out[reason] = self.left_out.get(reason, 0) + count
