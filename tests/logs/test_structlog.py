"""structlog's own ways into and out of the pipeline."""

import asyncio
import subprocess
import sys

import pytest
import structlog

from testpilot_obs import logs


def test_structlogのロガーである():
    """`get_logger` returns what structlog calls a logger, named like the calling module."""
    log = logs.get_logger(user=1)

    assert isinstance(log, structlog.BoundLoggerBase)
    assert log.name == __name__
    assert structlog.get_context(log) == {"user": 1}


def test_束縛と解除と新規ができる(wire):
    """bind, unbind, try_unbind and new work as in structlog."""
    wired = wire()
    log = logs.get_logger("x", a=1)

    log.bind(b=2).info("both")
    log.bind(b=2).unbind("a").try_unbind("c").info("b only")
    log.new(c=3).info("c only")

    kept = [{k: v for k, v in line.items() if k in "abc"} for line in wired.lines]
    assert kept == [{"a": 1, "b": 2}, {"b": 2}, {"c": 3}]


def test_水準を尋ねられる(wire):
    """A logger tells its level."""
    wire(log_level="ERROR")
    log = logs.get_logger("x")

    assert (log.get_effective_level(), log.is_enabled_for(30), log.is_enabled_for(40)) == (
        40,
        False,
        True,
    )


def test_直接作ったロガーも同じ道を通る(wire):
    """``structlog.get_logger()`` leads into the pipeline after `connect`, named or not."""
    wired = wire()

    structlog.get_logger("direct").info("x", a=1)
    structlog.get_logger().info("y")

    assert [line["logger"] for line in wired.lines] == ["direct", __name__]
    assert len(wired.records) == 2


def test_利用者の設定には触れない(wire):
    """An application that has configured structlog keeps its configuration."""
    seen = []
    structlog.configure(processors=[lambda *parts: seen.append(parts[2]) or ""])
    wired = wire()

    structlog.get_logger().info("mine")
    logs.disconnect()

    assert (len(seen), wired.printed) == (1, [])
    assert structlog.is_configured()


def test_切断すると設定が元に戻る(wire):
    """`disconnect` leaves structlog unconfigured, as it was."""
    wire()
    assert structlog.is_configured()

    logs.disconnect()

    assert not structlog.is_configured()


def test_structlogの文脈変数が付く(wire):
    """What was bound with structlog's contextvars is on our lines."""
    wired = wire()

    with structlog.contextvars.bound_contextvars(request="r1"):
        logs.get_logger("x").info("inside")
    logs.get_logger("x").info("outside")

    assert [line.get("request") for line in wired.lines] == ["r1", None]


def test_structlogの試験道具が使える(wire):
    """``structlog.testing.capture_logs`` sees lines of our loggers, and we do not."""
    wired = wire()

    with structlog.testing.capture_logs() as captured:
        logs.get_logger("x").info("caught", a=1)
    logs.get_logger("x").info("free")

    assert captured == [{"event": "caught", "a": 1, "log_level": "info"}]
    assert [line["event"] for line in wired.lines] == ["free"]


def test_非同期の方法も書ける(wire):
    """Async variants write the same line, with context and exception of the caller."""
    wired = wire()
    log = logs.get_logger("x")

    async def write():
        with structlog.contextvars.bound_contextvars(request="r1"):
            await log.ainfo("one", a=1)
            await log.adebug("hidden")
            await log.alog(30, "two")
            await log.alog(10, "hidden")
            try:
                int("v")
            except ValueError:
                await log.aexception("three")

    asyncio.run(write())

    assert [line["event"] for line in wired.lines] == ["one", "two", "three"]
    assert {line["request"] for line in wired.lines} == {"r1"}
    assert wired.records[2].attributes["exception.type"] == "ValueError"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("import structlog; connect(); structlog.get_logger('a').info('x')", "True"),
        ("connect(); import structlog; structlog.get_logger('a').info('x')", "True"),
        ("connect(); logs.get_logger('a').info('x')", "True"),
        ("connect(); logs.disconnect(); import structlog", "True"),
        ("connect(); logging.getLogger('a').warning('x')", "False"),
    ],
    ids=["先に読み込む", "後で読み込む", "自分が読み込む", "切断の後で読み込む", "使わない"],
)
def test_structlogは使う時に読み込まれる(program, expected):
    """Connecting does not load structlog; loaded before or after, it leads into the pipeline."""
    start = (
        "import io, json, logging, sys\n"
        "from testpilot_obs import logs\n"
        "from testpilot_obs.config import load\n"
        "out = io.StringIO()\n"
        "def connect(): logs.connect(load({}, environ={}), stream=out)\n"
        f"{program}\n"
        "lines = [json.loads(line)['logger'] for line in out.getvalue().splitlines()]\n"
        "print('structlog' in sys.modules, lines)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", start], capture_output=True, text=True, check=True, timeout=30
    )

    assert done.stderr == ""
    lines = "[]" if "disconnect" in program else "['a']"
    assert done.stdout == f"{expected} {lines}\n"
