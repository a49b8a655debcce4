"""Bad input and broken streams: a readable line each time, and nothing is raised."""

import io
import json
import logging
import sys
import time

import pytest

from testpilot_obs import logs


class Raising:
    """An object that has no text."""

    def __str__(self):
        """Fail."""
        raise RuntimeError("no text")

    __repr__ = __str__


class Hostile(dict):
    """A mapping that cannot be read."""

    def items(self):
        """Fail."""
        raise RuntimeError("no items")


def cyclic():
    """Return a dictionary that contains itself."""
    made = {}
    made["self"] = made
    return made


VALUES = {
    "文字でない": object(),
    "代用文字": "\ud800",
    "文章のない物": Raising(),
    "循環": cyclic(),
    "読めない辞書": Hostile(a=1),
    "数でない数": float("nan"),
    "無限": float("-inf"),
    "大きな整数": 10**400,
    "長い文字列": "x" * 10_000_000,
    "組の鍵": {("a", 1): {2, 3}},
    "バイト列": b"\xff\x00",
    "改行": 'a\r\n{"level":"info"}\u2028\x85\x1b[2J\x7f',
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize(
    "place", ["本文", "項目", "引数", "標準の本文", "標準の引数", "標準の項目"]
)
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_どんな値でも一行になる(wire, bare_root, value, place, log_format):
    """Any value in any place gives one line and one record, and leaves the next line alone."""
    bare_root()
    wired = wire(log_format=log_format)
    log, std = logs.get_logger("x"), logging.getLogger("x")
    write = {
        "本文": lambda: log.info(value),
        "項目": lambda: log.info("event", field=value),
        "引数": lambda: log.info("event %s", value),
        "標準の本文": lambda: std.warning(value),
        "標準の引数": lambda: std.warning("event %s", value),
        "標準の項目": lambda: std.warning("event", extra={"field": value}),
    }

    write[place]()
    log.info("next")

    assert (len(wired.printed), len(wired.records)) == (2, 2)
    assert max(map(len, wired.printed)) < 200_000
    if log_format == "json":
        assert wired.lines[1]["event"] == "next"


@pytest.mark.parametrize(
    "exc_info",
    [5, "yes", (None, None, None), (1, 2), object(), False, None, ValueError("v"), True],
    ids=repr,
)
def test_どんなexc_infoでも一行になる(wire, exc_info):
    """``exc_info`` may be anything; only an exception leaves an exception."""
    wired = wire()

    logs.get_logger("x").error("failed", exc_info=exc_info)

    assert ("exception" in wired.lines[0]) is isinstance(exc_info, ValueError)


def test_文章のない例外も記録される(wire):
    """An exception whose ``__str__`` raises is logged with its type."""
    wired = wire()

    class Mute(Exception):  # noqa: N818
        def __str__(self):
            raise RuntimeError("no text")

    logs.get_logger("x").error("failed", exc_info=Mute())

    assert wired.records[0].attributes["exception.type"].endswith("Mute")
    assert "Mute" in wired.lines[0]["exception"]


def test_予約された名前の項目は別名で残る(wire):
    """Fields that are called like ours are kept with an underscore; ours are right."""
    wired = wire()
    fields = {"level": 3, "timestamp": "never", "logger": 1, "service": "s", "level_": "taken"}

    logs.get_logger("x").info("real", event="fake", **fields)
    logs.get_logger("x").info(event="named", _self=1)

    first, second = wired.lines
    assert (first["event"], first["level"], first["logger"]) == ("real", "info", "x")
    assert (first["event_"], first["level_"], first["level__"]) == ("fake", "taken", 3)
    assert (first["timestamp_"], first["service"], first["service_"]) == ("never", "shop", "s")
    assert second["event"] == "named"


@pytest.mark.parametrize(
    "name",
    [5, None, "\ud800", Raising(), "x" * 10_000],
    ids=["数", "なし", "代用文字", "文章のない物", "長い"],
)
def test_どんな名前のロガーでも書ける(wire, name):
    """A logger's name may be anything."""
    wired = wire()

    logs.get_logger(name).info("x")

    assert isinstance(wired.lines[0]["logger"], str)


def test_利用者のデータは行を偽れない(wire, terminal):
    """Newlines and control characters in user data begin no line and reach no terminal."""
    wired = wire(stream=terminal)
    evil = "x\n2026-01-01T00:00:00.000000Z info     root forged\r\x1b[2J\u2028\x9b31m"

    logs.get_logger(evil).info(evil, **{evil: evil})
    logs.get_logger("x").error("failed", exc_info=ValueError(evil))

    printed = terminal.getvalue()
    starts = [line for line in printed.splitlines() if not line.startswith("    ")]
    assert len(starts) == 2
    assert not any(c in printed.replace("\x1b[", "<", 0) for c in "\r\u2028\x9b")
    assert "\x1b[2J" not in printed
    assert len(wired.records) == 2


class Broken(io.StringIO):
    """A stream that takes nothing."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, _):
        """Fail."""
        raise self.error


@pytest.mark.parametrize(
    "error",
    [BrokenPipeError(), OSError(28, "No space left on device"), ValueError("closed")],
    ids=["切れた管", "満杯", "閉じた"],
)
def test_壊れた画面でもキューには届く(wire, error):
    """A stream that fails costs the printed line only."""
    wired = wire(stream=Broken(error))

    logs.get_logger("x").info("one")
    logging.getLogger("x").error("two")

    assert [record.body for record in wired.records] == ["one", "two"]


@pytest.mark.parametrize("stderr", [None, "closed"], ids=["ない", "閉じた"])
def test_標準エラーがなくても書ける(monkeypatch, stderr):
    """Without stderr, or with a closed one, lines before `connect` vanish quietly."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", None if stderr is None else closed)

    assert logs.get_logger("x").error("x") is None


@pytest.mark.parametrize("errors", ["strict", "backslashreplace"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_ASCIIの画面でも正しいJSONになる(wire, encoding, errors):
    """A stream that cannot carry a character gets JSON's escape for it."""
    raw = io.BytesIO()
    wire(stream=io.TextIOWrapper(raw, encoding=encoding, errors=errors))

    logs.get_logger("x").info("日本語 é 😀")

    line = raw.getvalue().decode(encoding)
    assert json.loads(line)["event"] == "日本語 é 😀"


def test_書き込みの途中に割り込んでも行は残る(wire, tmp_path):
    """A signal handler that logs while its thread writes gets its line to the file below."""

    class Busy:
        encoding = "utf-8"

        def __init__(self, file):
            self.file = file
            self.fileno = file.fileno

        def isatty(self):
            return False

        def write(self, _):
            raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")

    path = tmp_path / "out"
    with path.open("wb") as file:
        wire(stream=Busy(file))
        logs.get_logger("x").info("from a signal handler")

    assert json.loads(path.read_text())["event"] == "from a signal handler"


def test_止める合図は通り抜ける(wire):
    """What is no error, as Ctrl-C, is not swallowed."""
    wired = wire()

    def interrupt(_):
        raise KeyboardInterrupt

    wired.queue.append = interrupt
    with pytest.raises(KeyboardInterrupt):
        logs.get_logger("x").info("x")


@pytest.mark.guarded
def test_壊れたキューでも画面には出る(wire):
    """A queue that raises costs the record only."""
    wired = wire()

    def fail(_):
        raise RuntimeError("queue")

    wired.queue.append = fail
    logs.get_logger("x").info("x")

    assert len(wired.lines) == 1


@pytest.mark.guarded
def test_利用者の処理が失敗しても呼び出し側は知らない(wire):
    """A processor that raises, put into structlog's configuration, loses the line only."""
    from testpilot_obs.logs._pipeline import PROCESSORS

    wired = wire()

    def fail(*_):
        raise RuntimeError("processor")

    PROCESSORS.insert(0, fail)
    try:
        logs.get_logger("x").info("x")
    finally:
        PROCESSORS.remove(fail)

    assert wired.printed == []


@pytest.mark.parametrize(
    "value",
    [list(range(1_000_000)), {n: n for n in range(300_000)}, {*range(500_000)}, [[[0] * 1_000_000]],
     "x" * 10_000_000, b"x" * 10_000_000],
    ids=["list", "dict", "set", "nested", "text", "bytes"],
)  # fmt: skip
def test_パーセントの引数は大きくても待たせない(wire, bare_root, value):
    """A huge argument is cut before Python writes all of it; 50 ms are the most of CPU time."""
    bare_root()
    wired = wire(log_format="json")
    logs.get_logger("x").warning("structlog is imported now")
    began = time.thread_time()

    logging.getLogger("x").warning("%s and %r", value, value)
    logs.get_logger("x").warning("%s", value)

    assert time.thread_time() - began < 0.25
    assert all(len(line["event"]) < 200_000 for line in wired.lines)
    assert len(wired.lines) == 3


def test_普通の引数はそのまま書かれる(wire):
    """An argument of usual size is written as Python writes it."""
    wired = wire(log_format="json")

    logs.get_logger("x").warning("%s %s %r %d", [1, {"a": (2,)}], {3}, b"x", 4)

    assert wired.lines[0]["event"] == "[1, {'a': (2,)}] {3} b'x' 4"
