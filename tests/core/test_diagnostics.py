"""The library's own voice, and its guard."""

import logging

import pytest

from testpilot_obs._core import clock, diagnostics


def said(caplog):
    """Return what was logged."""
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_同じ種類は一分に一度だけ(caplog):
    """Each kind of warning is heard once a minute."""
    now = [1000.0]
    clock.use(monotonic=lambda: now[0])
    for at in (1000.0, 1059.0, 1061.0):
        now[0] = at
        diagnostics.warn_once("kind", "warning %s", at)
    diagnostics.warn_once("other", "another")

    assert said(caplog) == [
        ("WARNING", "warning 1000.0"),
        ("WARNING", "warning 1061.0"),
        ("WARNING", "another"),
    ]


def test_種類の数は限られる(caplog):
    """However many kinds there are, what is remembered of them is bounded."""
    for n in range(5000):
        diagnostics.warn_once(f"kind {n}", "w")

    assert len(diagnostics._last_said) <= diagnostics._MAX_KINDS


@pytest.mark.guarded
def test_見張りは内側の失敗を飲み込んで報告する(caplog):
    """An internal error is reported with its traceback, once, and goes no further."""
    for error in (RuntimeError("inner"), RuntimeError("inner"), KeyError("another kind")):
        with diagnostics.guard("do it"):
            raise error

    message = "testpilot_obs failed to do it; your application is not affected"
    assert said(caplog) == [("ERROR", message)] * 2
    assert caplog.records[0].exc_info[0] is RuntimeError


@pytest.mark.guarded
def test_報告の種類の数も限られる(caplog):
    """However many things fail, what is remembered of them is bounded."""
    for n in range(diagnostics._MAX_KINDS + 10):
        with diagnostics.guard(f"do {n}"):
            raise RuntimeError

    assert len(diagnostics._last_said) <= diagnostics._MAX_KINDS


def test_試験では内側の失敗が聞こえる():
    """Our own tests are told of errors that are swallowed in production."""
    with pytest.raises(RuntimeError, match="inner"), diagnostics.guard("do it"):
        raise RuntimeError("inner")


@pytest.mark.guarded
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_終わりの合図は飲み込まれない(kind):
    """What is no `Exception` passes the guard."""
    with pytest.raises(kind), diagnostics.guard("do it"):
        raise kind


class Broken(logging.Handler):
    """A handler that raises."""

    def emit(self, record):
        """Raise."""
        raise RuntimeError("broken handler")


@pytest.mark.guarded
def test_壊れたハンドラーは誰にも害がない():
    """A handler that raises does not reach who warned, and no global switch is touched."""
    handler = Broken()
    diagnostics.log.addHandler(handler)
    try:
        diagnostics.warn_once("kind", "warning")
        diagnostics.say(logging.ERROR, "error")
    finally:
        diagnostics.log.removeHandler(handler)

    assert logging.raiseExceptions is True
