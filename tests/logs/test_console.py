"""What a person at a terminal sees."""

import os
import re
import sys
from types import SimpleNamespace

import pytest

from testpilot_obs import logs
from testpilot_obs._core import clock
from testpilot_obs._core import terminal as terminal_of


def test_端末では読める行になる(wire, terminal, monkeypatch):
    """At a terminal a line is aligned and ``key=value``; texts with spaces are quoted."""
    monkeypatch.setenv("NO_COLOR", "1")
    wire(stream=terminal)
    clock.use(time_ns=lambda: 1_700_000_000_123_456_789)

    logs.get_logger("cart").info("order placed", order=17, who="Ann Lee", ok=True, tags=("a", 1))

    assert terminal.getvalue() == (
        "2023-11-14T22:13:20.123456Z info     cart order placed                   "
        'order=17 who="Ann Lee" ok=True tags=["a",1]\n'
    )


@pytest.mark.parametrize(
    ("variable", "is_coloured"), [("TERM", True), ("NO_COLOR", False), ("FORCE_COLOR", True)]
)
def test_色はNO_COLORで消える(wire, terminal, monkeypatch, variable, is_coloured):
    """Colours are used at a terminal unless ``NO_COLOR`` is set."""
    monkeypatch.setenv(variable, "xterm" if variable == "TERM" else "1")
    wire(stream=terminal)

    logs.get_logger("cart").error("x", a=1)

    assert ("\x1b[31m" in terminal.getvalue()) is is_coloured


def test_端末でなくても読める形を選べる(wire):
    """The format ``console`` is readable anywhere, without colour if it is no terminal."""
    wired = wire(log_format="console")

    logs.get_logger("cart").info("x", a=1)

    assert wired.printed[0].endswith("a=1")
    assert "\x1b" not in wired.printed[0]


def test_端末でもJSONを選べる(wire, terminal):
    """The format ``json`` is JSON at a terminal too."""
    wired = wire(stream=terminal, log_format="json")

    logs.get_logger("cart").info("x", a=1)

    assert wired.lines[0]["a"] == 1


def test_例外は行の下に字下げして出る(wire, terminal, monkeypatch):
    """An exception stands below its line, indented."""
    monkeypatch.setenv("NO_COLOR", "1")
    wire(stream=terminal, log_format="console")

    logs.get_logger("cart").error("failed", exc_info=ValueError("two\nlines"))

    _, *below = terminal.getvalue().splitlines()
    assert below == ["    ValueError: two", "    lines"]


def test_端末かどうか分からない流れはJSONになる(wire):
    """A stream without ``isatty`` gets JSON."""

    class Plain:
        def __init__(self):
            self.parts = []
            self.write = self.parts.append

        def flush(self):
            """Do nothing."""

    stream = Plain()
    wire(stream=stream)
    logs.get_logger("cart").info("x")

    assert stream.parts[0].startswith('{"timestamp"')


@pytest.mark.parametrize("has_rich", [True, False])
def test_richがあれば例外に色が付く(wire, terminal, monkeypatch, has_rich):
    """With rich a traceback is highlighted, without it plain; redacted in any case."""
    if has_rich:
        pytest.importorskip("rich")
    else:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setenv("FORCE_COLOR", "1")
    wire(stream=terminal)

    try:
        raise ValueError("password=canary")  # noqa: TRY301
    except ValueError:
        logs.get_logger("cart").exception("failed")

    _, *below = terminal.getvalue().splitlines()
    plain = re.sub("\x1b\\[[0-9;]*m", "", "\n".join(below))
    assert plain.endswith("    ValueError: password=[redacted: password]")
    assert all(words.startswith("    ") for words in plain.splitlines())
    assert ("\x1b[" in "\n".join(below)) is has_rich
    assert "canary" not in plain


def test_狭い端末では詰める(wire, terminal, monkeypatch):
    """On a narrow terminal less room is left for alignment."""
    monkeypatch.setattr(terminal, "fileno", lambda: 1, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    size = os.terminal_size((60, 20))
    monkeypatch.setattr(os, "get_terminal_size", lambda fd: size)
    wire(stream=terminal, log_format="console")

    logs.get_logger("cart").info("placed", a=1)

    assert terminal.getvalue().endswith("info     cart placed       a=1\n")


def test_Windowsでは色を許してもらう(wire, terminal, monkeypatch):
    """The console of Windows is told to obey colours; elsewhere nothing is called."""
    called = []
    monkeypatch.setattr(os, "system", called.append)
    monkeypatch.setenv("FORCE_COLOR", "1")
    wire(stream=terminal)
    assert called == []

    monkeypatch.setattr(terminal_of, "sys", SimpleNamespace(platform="win32", stderr=sys.stderr))
    wire(stream=terminal)

    assert called == [""]
