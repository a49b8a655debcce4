"""The library's own voice, and the one guard that keeps its mistakes away from the host.

Messages go to the standard logger ``testpilot_obs``. That logger never feeds our own pipeline
(see ``logs``), so a report cannot cause the next one, and each kind of message is said once a
minute at most.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from testpilot_obs._core import clock

log = logging.getLogger("testpilot_obs")
"""The library's own logger: WARNING and up reach stderr unless the user configures it."""

_REPEAT_S = 60.0
_MAX_KINDS = 1024
_last_said: dict[str, float] = {}
_raise_in_tests = False


def warn_once(kind: str, message: str, *arguments: object) -> None:
    """Log *message* as a warning, unless the same *kind* was logged within the last minute."""
    now = clock.monotonic()
    last = _last_said.get(kind)
    if last is not None and now - last < _REPEAT_S:
        return
    if len(_last_said) >= _MAX_KINDS:
        _last_said.clear()
    _last_said[kind] = now
    say(logging.WARNING, message, *arguments)


def say(level: int, message: str, *arguments: object, exc_info: bool = False) -> None:
    """Log in the library's own voice; a broken handler or stream is ignored."""
    try:
        log.log(level, message, *arguments, exc_info=exc_info)
    except Exception:
        _raise_again_under_test()


@contextmanager
def guard(doing: str) -> Iterator[None]:
    """Log and swallow an internal error so that the host's own call still succeeds."""
    try:
        yield
    except Exception:
        swallow(doing)


def swallow(doing: str) -> None:
    """Report the exception being handled, once a minute for each *doing*; never raises.

    For ``except`` clauses on paths where a context manager would cost too much.
    """
    _raise_again_under_test()
    kind = type(sys.exc_info()[1]).__name__
    now = clock.monotonic()
    key = f"{doing}:{kind}"
    last = _last_said.get(key)
    if last is not None and now - last < _REPEAT_S:
        return
    if len(_last_said) >= _MAX_KINDS:
        _last_said.clear()
    _last_said[key] = now
    say(
        logging.ERROR,
        "testpilot_obs failed to %s; your application is not affected",
        doing,
        exc_info=True,
    )


def raise_in_tests(enabled: bool) -> None:  # noqa: FBT001
    """Let our own tests see the errors that ``guard`` would swallow."""
    globals()["_raise_in_tests"] = enabled


def forget() -> None:
    """Forget what was said, so that the next message of each kind is heard again."""
    _last_said.clear()


def _raise_again_under_test() -> None:
    error = sys.exc_info()[1]
    if _raise_in_tests and error is not None:
        raise error
