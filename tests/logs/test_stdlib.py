"""Records of ``logging``: each becomes one line, and ours never come back."""

import logging
import sys
import threading

import pytest

from testpilot_obs import logs


def test_標準のログも同じ道を通る(wire):
    """A record becomes a line with its level, logger, arguments, extra fields and exception."""
    wired = wire()
    try:
        {}["k"]
    except KeyError:
        logging.getLogger("lib.db").exception("lost %s", "row", extra={"table": "t"})

    (line,) = wired.lines
    assert (line["level"], line["event"], line["logger"], line["table"]) == (
        "error",
        "lost row",
        "lib.db",
        "t",
    )
    assert line["exception"].endswith("KeyError: 'k'")
    assert wired.records[0].attributes["exception.type"] == "KeyError"


def test_根の水準がDEBUGでも一つの記録は一行になる(wire, bare_root):
    """With the root logger at DEBUG one record gives exactly one line and one record."""
    bare_root().setLevel(logging.DEBUG)
    wired = wire()

    logging.getLogger("app").debug("details")

    assert (len(wired.lines), len(wired.records)) == (1, 1)


def test_根の水準は設定に従い後で元に戻る(wire):
    """The root's default WARNING becomes ``log_level`` until `disconnect`."""
    root = logging.getLogger()
    root.setLevel(logging.WARNING)

    wired = wire(log_level="INFO")
    logging.getLogger("app").info("seen")
    during = root.level
    logs.disconnect()

    assert (during, root.level, len(wired.lines)) == (logging.INFO, logging.WARNING, 1)


def test_利用者が選んだ根の水準は変わらない(wire):
    """A root level that the application chose stays, before and after."""
    root = logging.getLogger()
    root.setLevel(logging.ERROR)

    wired = wire(log_level="INFO")
    logging.getLogger("app").warning("not seen")
    logs.disconnect()

    assert (root.level, wired.printed) == (logging.ERROR, [])


def test_明示した水準は標準のログにも効く(wire):
    """A ``log_level`` that was set holds for loggers with a lower level of their own."""
    wired = wire(log_level="ERROR")
    logger = logging.getLogger("chatty")
    logger.setLevel(logging.DEBUG)

    logger.warning("no")
    logger.error("yes")
    logger.setLevel(logging.NOTSET)

    assert [line["event"] for line in wired.lines] == ["yes"]


def test_独自の水準は名前と重さを保つ(wire):
    """A level that an application invented keeps its name; its severity lies between."""
    wired = wire(log_level="DEBUG")
    logging.addLevelName(25, "NOTICE")

    logging.getLogger("app").log(25, "x")

    assert wired.lines[0]["level"] == "notice"
    assert (wired.records[0].severity_number, wired.records[0].severity_text) == (11, "NOTICE")


def test_DEBUGより低い水準も書ける(wire, bare_root):
    """A level below debug, given by number, has a severity of its own."""
    bare_root().setLevel(5)
    wired = wire()

    logging.getLogger("app").log(5, "trace")

    assert (wired.records[0].severity_number, len(wired.lines)) == (3, 1)


def test_記録の時刻が何でも行になる(wire):
    """A record made by hand may have any time."""
    wired = wire()
    record = logging.makeLogRecord({"name": "app", "levelno": 30, "levelname": "WARNING"})
    record.msg, record.created, record.threadName, record.args = "x", 1e18, None, {"a": 1}

    logging.getLogger().handle(record)

    assert wired.lines[0]["timestamp"].startswith("1970-01-01")


@pytest.mark.parametrize("stream", ["stderr", "stdout"])
def test_basicConfigがあっても二度は印刷されない(wire, bare_root, stream):
    """What another handler prints is not printed by us; OTLP gets it all the same."""
    bare_root().addHandler(logging.StreamHandler(getattr(sys, stream)))
    wired = wire()

    logging.getLogger("app").warning("printed by the other")
    logs.get_logger("app").warning("only ours")

    assert [line["event"] for line in wired.lines] == ["only ours"]
    assert len(wired.records) == 2


def test_他のハンドラーが捨てる行は印刷される(wire, bare_root):
    """A handler for errors only does not keep a warning from our console."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.ERROR)
    bare_root().addHandler(handler)
    wired = wire()

    logging.getLogger("app").warning("x")

    assert len(wired.lines) == 1


def test_途中のロガーのハンドラーも考慮される(wire, bare_root):
    """A handler of a logger below the root counts too; one with a file does not."""
    bare_root().addHandler(logging.NullHandler())
    wired = wire()
    parent = logging.getLogger("parent")
    handler = logging.StreamHandler(sys.stderr)
    parent.addHandler(handler)

    logging.getLogger("parent.child").warning("x")
    parent.removeHandler(handler)
    logging.getLogger("parent.child").warning("y")

    assert [line["event"] for line in wired.lines] == ["y"]


def test_自分のログは道に入らず標準エラーに出る(wire, bare_root, capsys):
    """What the library says of itself is printed plainly, never queued; debug is silent."""
    bare_root()
    wired = wire(log_level="DEBUG")

    logging.getLogger("testpilot_obs").warning("about us")
    logging.getLogger("testpilot_obs.delivery").debug("quiet")
    logging.getLogger("testpilot_obs_shop").warning("not ours")

    assert [line["event"] for line in wired.lines] == ["not ours"]
    assert len(wired.records) == 1
    assert capsys.readouterr().err == "about us\n"


def test_自分のログは利用者のハンドラーがあればそこにだけ出る(wire, bare_root, capsys):
    """Where the application has a handler, that one has the library's words already."""
    bare_root().addHandler(logging.NullHandler())
    wire()

    logging.getLogger("testpilot_obs").warning("about us")

    assert capsys.readouterr().err == ""


def test_配送の糸で書かれた行は入らない(wire, bare_root):
    """Nothing that is logged on delivery's threads becomes a line, whoever logs it."""
    wired = wire(log_level="DEBUG")

    def deliver():
        logging.getLogger("urllib3.connectionpool").debug("POST /v1/logs")
        logging.getLogger("someone").info("x")
        logs.get_logger("someone").error("y")

    thread = threading.Thread(target=deliver, name="testpilot_obs-sender")
    thread.start()
    thread.join(5)

    assert (wired.printed, wired.records) == ([], [])


def test_行を作る間に書かれた行は限りがある(wire, bare_root):
    """An object that logs in its own text does not log for ever."""
    bare_root()
    wired = wire()

    class Chatty:
        def __str__(self):
            logging.getLogger("chatty").warning("me: %s", self)
            return "chatty"

    logging.getLogger("app").warning("look: %s", Chatty())

    assert 1 <= len(wired.lines) <= 15


def test_取り外した後は何も届かない(wire):
    """After `disconnect` the root logger has no handler of ours."""
    wired = wire()

    logs.disconnect()
    logging.getLogger("app").error("x")

    assert wired.records == []


def test_ハンドラーの濾過器は守られる(wire, bare_root):
    """A filter that someone puts on our handler is asked."""
    root = bare_root()
    wired = wire()
    root.handlers[0].addFilter(lambda record: record.name != "noisy")

    logging.getLogger("noisy").error("x")
    logging.getLogger("app").error("y")

    assert [line["event"] for line in wired.lines] == ["y"]


@pytest.mark.parametrize(
    ("message", "arguments", "expected"),
    [
        ("%s and %s", ("one",), "%s and %s"),
        ("%d", ("text",), "%d"),
        ("%(a)s", ({"a": 1},), "1"),
        (ValueError("v"), (), "v"),
        ("100%", (), "100%"),
    ],
    ids=["足りない", "型が違う", "名前付き", "例外", "引数なし"],
)
def test_合わない引数でも読める行になる(wire, bare_root, message, arguments, expected):
    """Wrong ``%`` arguments cost nothing but the formatting."""
    bare_root()
    wired = wire()

    logging.getLogger("app").error(message, *arguments)
    logs.get_logger("app").error(message, *arguments)

    assert {line["event"] for line in wired.lines} == {expected}


def test_他の道具が付けた重複項目は捨てられる(wire):
    """What OpenTelemetry's instrumentation adds to a record is not repeated."""
    wired = wire()

    logging.getLogger("app").error("x", extra={"otelTraceID": "0", "color_message": "y", "k": 1})

    assert wired.records[0].attributes == {"k": 1}


def test_スタックも残る(wire):
    """``stack_info`` of either logger is kept as text."""
    wired = wire()

    logging.getLogger("app").error("x", stack_info=True)
    logs.get_logger("app").error("x", stack_info=True)

    assert all("test_stdlib" in line["stack"] for line in wired.lines)
    assert all("stack" in record.attributes for record in wired.records)
