"""Fields that are asked for: frames of exceptions, their variables, the place, other schemas."""

import json
import logging
import sys

import pytest

from testpilot_obs import logs
from testpilot_obs._core import clock, current

LINE = {"trace_id": 0x0123456789ABCDEF_FEDCBA9876543210, "span_id": 0xABC}


def fail(password="canary"):
    """Raise an exception that has a cause."""
    try:
        {}["cart"]
    except KeyError as error:
        raise ValueError("no cart, token=canary") from error


def caught(function):
    """Return the exception that *function* raises."""
    with pytest.raises(Exception) as raised:
        function()
    return raised.value


def logged(wired, error):
    """Log *error* and return its line."""
    logs.get_logger("x").error("failed", exc_info=error)
    return wired.lines[-1]


def test_例外は枠の並びになる(wire):
    """An exception and its cause have type, message, and frames with function, file and line."""
    line = logged(wire(), caught(fail))

    failed, cause = line["exception_chain"]
    assert (failed["type"], cause["type"]) == ("ValueError", "KeyError")
    assert (cause["message"], cause["relation"]) == ("'cart'", "cause")
    inner = failed["frames"][-1]
    assert (inner["function"], inner["file"]) == ("fail", __file__)
    assert "locals" not in inner
    assert "The above exception was the direct cause" in line["exception"]


def test_例外の文の秘密は伏せられる(wire):
    """Message, stack trace and frames carry no secret, in JSON and in OTLP."""
    wired = wire()
    line = logged(wired, caught(fail))

    assert "canary" not in json.dumps(line["exception_chain"])
    assert "canary" not in line["exception"]
    assert line["exception"].endswith("ValueError: no cart, token=[redacted: token]")
    assert "canary" not in wired.records[0].attributes["exception.message"]


def test_処理中に起きた例外も並ぶ(wire):
    """What was being handled is the context; ``from None`` hides it; a circle ends."""

    def handle(hide):
        try:
            fail()
        except ValueError:
            if hide:
                raise TypeError from None
            raise TypeError  # noqa: B904  # that is what is tested

    wired = wire()
    shown = logged(wired, caught(lambda: handle(hide=False)))
    hidden = logged(wired, caught(lambda: handle(hide=True)))
    circle = ValueError()
    circle.__cause__ = circle

    relations = [link.get("relation") for link in shown["exception_chain"]]
    assert relations == [None, "context", "cause"]
    assert len(hidden["exception_chain"]) == 1
    assert len(logged(wired, circle)["exception_chain"]) == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups are new in Python 3.11")
def test_例外の束は中身を持つ(wire):
    """A group has the chains of what is in it."""
    group = ExceptionGroup("two", [caught(fail), TypeError("other")])  # noqa: F821

    (line,) = logged(wire(), group)["exception_chain"]

    types = [[link["type"] for link in chain] for chain in line["exceptions"]]
    assert types == [["ValueError", "KeyError"], ["TypeError"]]


def test_変数は頼まれたときだけ伏せて付く(wire):
    """With ``log_locals`` frames have their variables, secrets redacted."""
    line = logged(wire(log_locals=True), caught(fail))

    variables = line["exception_chain"][0]["frames"][-1]["locals"]
    assert variables["password"] == "[redacted: password]"
    assert "canary" not in json.dumps(line)


def test_長い道は両端が残る(wire):
    """Of very many frames the outer and the inner ones are kept."""

    def deep(left):
        return fail() if left == 0 else deep(left - 1)

    line = logged(wire(), caught(lambda: deep(200)))

    frames = line["exception_chain"][0]["frames"]
    assert len(frames) == 50
    assert frames[-1]["function"] == "fail"


@pytest.mark.guarded
def test_読めない例外でも行は出る(wire):
    """An exception whose parts raise costs its frames at most."""

    class OddError(Exception):
        @property
        def __suppress_context__(self):
            raise RuntimeError

    assert logged(wire(), OddError("x"))["event"] == "failed"


def test_書いた場所は頼まれたときに付く(wire):
    """With ``log_caller`` structlog's and logging's lines say where they were written."""
    wired = wire(log_caller=True)
    logging.getLogger().setLevel(logging.INFO)

    logs.get_logger("x").info("one")
    logging.getLogger("y").info("two")

    for line in wired.lines:
        assert line["code.file.path"] == __file__
        assert line["code.function.name"].endswith("test_書いた場所は頼まれたときに付く")
    assert wired.lines[1]["code.line.number"] == wired.lines[0]["code.line.number"] + 1
    assert wired.records[0].attributes["code.file.path"] == __file__


@pytest.fixture
def a_line(wire, monkeypatch):
    """Return what makes one line with all that a line can have, in a schema."""

    def make(schema):
        wired = wire(log_schema=schema, log_caller=True, service_version="1.2", environment="prod")
        clock.use(time_ns=lambda: 1_700_000_000_123_456_789)
        monkeypatch.setattr(current, "current_ids", lambda: (*LINE.values(), 1))
        monkeypatch.setattr(current, "transaction", lambda: type("T", (), {"name": "checkout"}))
        return logged(wired, caught(fail))

    return make


def test_ECSの名前になる(a_line):
    """Elastic's names, its trace context and its error fields."""
    line = a_line("ecs")

    assert line["@timestamp"] == "2023-11-14T22:13:20.123456Z"
    assert (line["log.level"], line["message"], line["log.logger"]) == ("error", "failed", "x")
    assert (line["trace.id"], line["transaction.name"]) == (f"{LINE['trace_id']:032x}", "checkout")
    assert (line["service.name"], line["service.version"]) == ("shop", "1.2")
    assert (line["error.type"], line["service.environment"]) == ("ValueError", "prod")
    assert line["error.stack_trace"].startswith("Traceback")
    assert line["log.origin.file.name"] == __file__


def test_GCPの名前になる(a_line):
    """Google's severity, trace fields, source location and service context."""
    line = a_line("gcp")

    assert (line["severity"], line["message"]) == ("ERROR", "failed")
    assert line["logging.googleapis.com/trace"] == f"{LINE['trace_id']:032x}"
    assert line["logging.googleapis.com/trace_sampled"] is True
    assert line["logging.googleapis.com/sourceLocation"]["file"] == __file__
    assert line["serviceContext"] == {"service": "shop", "version": "1.2"}
    assert line["stack_trace"].startswith("Traceback")


def test_Datadogの名前になる(a_line):
    """Datadog's status, decimal ids and unified service tags."""
    line = a_line("datadog")

    assert (line["status"], line["service"], line["dd.env"]) == ("error", "shop", "prod")
    assert line["dd.trace_id"] == str(LINE["trace_id"] & (2**64 - 1))
    assert line["dd.span_id"] == str(LINE["span_id"])
    assert (line["error"]["kind"], line["logger"]) == ("ValueError", {"name": "x"})


@pytest.mark.parametrize("schema", ["ecs", "gcp", "datadog"])
def test_何もない行もどの形にもなる(wire, schema):
    """A line with nothing but an event fits each schema, its field stays."""
    wired = wire(log_schema=schema)

    logs.get_logger("x").info("plain", order=5)

    assert wired.lines[0]["message"] == "plain"
    assert wired.lines[0]["order"] == 5


def test_版と環境が付く(wire):
    """Version and environment are in each line, where they are known."""
    wired = wire(service_version="1.2", environment="prod")

    logs.get_logger("x").info("x", version="mine")

    line = wired.lines[0]
    assert (line["version"], line["environment"], line["version_"]) == ("1.2", "prod", "mine")


def test_logfmtになる(wire):
    """Pairs of key and value on one line; nothing in them can begin another."""
    wired = wire(log_format="logfmt")
    clock.use(time_ns=lambda: 1_700_000_000_123_456_789)

    logs.get_logger("x").info(
        'a "b"\nc', order=5, ok=True, no=None, where=("k", 2), **{"bad key=": "v w"}
    )

    assert wired.printed[0] == (
        "ts=2023-11-14T22:13:20.123456Z level=info "
        r'msg="a \"b\"\nc" logger=x order=5 ok=true no=null where="[\"k\",2]" '
        'bad_key_="v w" service=shop'
    )


def test_計画のロガーサービスがある(wire):
    """The plan's four methods write lines of their level, with the context as the logger."""
    wired = wire(log_level="DEBUG")
    service = logs.LoggerService("Api")

    service.log("started", "Boot")
    service.warn("careful")
    service.debug("detail")
    service.error("failed", "Error: at x.ts:5", "Db")
    service.error("worse", caught(fail))
    try:
        fail()
    except ValueError:
        service.error("now")

    lines = wired.lines
    assert [(line["level"], line["logger"]) for line in lines] == [
        ("info", "Boot"),
        ("warning", "Api"),
        ("debug", "Api"),
        ("error", "Db"),
        ("error", "Api"),
        ("error", "Api"),
    ]
    assert lines[3]["stack"] == "Error: at x.ts:5"
    assert all("no cart" in line["exception"] for line in lines[4:])
