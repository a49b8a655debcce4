"""Numbers that are asked for instead of counted: callbacks, bounded in time.

A callback is the user's code: it may raise, and it may hang. Those of a collection run one after
the other on a thread of their own; one that does not come back in time is left alone with its
thread, and not asked again before it does.
"""

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from testpilot_obs._core import clock, diagnostics
from testpilot_obs.metrics import _journal
from testpilot_obs.metrics._series import number_of

TIMEOUT_S = 1.0
"""How long all callbacks of one collection may take together, in seconds."""
FAILED = "callback_failed"
"""Reason for a drop: a callback raised or returned something unusable."""
HUNG = "callback_hung"
"""Reason for a drop: a callback took too long."""

_stuck: dict[str, threading.Thread] = {}


def refresh(instruments: Iterable[Any], *, timeout_s: float | None = None) -> None:
    """Ask all callbacks and put their numbers into the series."""
    asked = [one for one in instruments if one.callback is not None]
    own = [one for one in asked if one.place == "testpilot_obs"]
    users = [one for one in asked if one.place != "testpilot_obs" and not _is_stuck(one)]
    answers = [(one, _ask(one)) for one in own]
    if users:
        answers += _ask_aside(users, TIMEOUT_S if timeout_s is None else timeout_s)
    with _journal.settled():
        for instrument, answer in answers:
            if answer is not None:
                _put(instrument, answer)


def _is_stuck(instrument: Any) -> bool:
    thread = _stuck.get(instrument.name)
    if thread is None:
        return False
    if thread.is_alive():
        _journal.append((_journal.count_dropped, HUNG, 1))
        return True
    del _stuck[instrument.name]
    return False


class _Round:
    """Some callbacks on one thread."""

    def __init__(self, todo: deque[Any]) -> None:
        self.todo = todo
        self.now: Any = None
        self.answers: list[tuple[Any, Any]] = []
        self.ended = threading.Event()
        self.is_left = False

    def run(self) -> None:
        while self.todo and not self.is_left:
            self.now = self.todo.popleft()
            answer = _ask(self.now)
            if not self.is_left:
                self.answers.append((self.now, answer))
        self.ended.set()


def _ask_aside(instruments: list[Any], timeout_s: float) -> list[tuple[Any, Any]]:
    answers: list[tuple[Any, Any]] = []
    todo = deque(instruments)
    deadline = clock.monotonic() + timeout_s
    while todo:
        one = _Round(todo)
        thread = threading.Thread(target=one.run, name="testpilot_obs callbacks", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # No threads are to be had at the end of the interpreter: the last answers stay.
            return answers
        is_over = one.ended.wait(max(deadline - clock.monotonic(), 0.0))
        answers += one.answers
        if not is_over:
            one.is_left = True
            _leave(one.now, thread)
            if clock.monotonic() >= deadline:
                deadline = clock.monotonic() + timeout_s
    return answers


def _leave(instrument: Any, thread: threading.Thread) -> None:
    _stuck[instrument.name] = thread
    _journal.append((_journal.count_dropped, HUNG, 1))
    diagnostics.warn_once(
        f"callback:{instrument.name}",
        "the callback of %s (declared at %s) takes too long: left out until it returns",
        instrument.name,
        instrument.place,
    )


def _ask(instrument: Any) -> Mapping[tuple[str, ...], float] | None:
    """Return the numbers by label values; None if the callback did not give any."""
    try:
        answer = instrument.callback()
        if not isinstance(answer, Mapping):
            answer = {(): answer}
        return {_key(instrument, key): number_of(value) for key, value in answer.items()}
    except Exception as error:
        _journal.append((_journal.count_dropped, FAILED, 1))
        diagnostics.warn_once(
            f"callback:{instrument.name}",
            "the callback of %s (declared at %s) failed with %s: left out",
            instrument.name,
            instrument.place,
            type(error).__name__,
        )
        return None


def _key(instrument: Any, key: Any) -> tuple[str, ...]:
    values = key if isinstance(key, tuple) else (key,)
    cleaned: tuple[str, ...] | None = instrument.key_of(values)
    if cleaned is None:
        message = f"expected values for {instrument.shape.labels}"
        raise ValueError(message)
    return cleaned


def _put(instrument: Any, answer: Mapping[tuple[str, ...], float]) -> None:
    """Make the series those of *answer*; those that it lacks are forgotten."""
    for key in [key for key in instrument.series if key not in answer]:
        instrument.drop(key)
    for key, value in answer.items():
        cells = instrument.get(key).cells
        cells[0] = value
        if len(cells) > 1:
            cells[1] = clock.time_ns() / 1e9
