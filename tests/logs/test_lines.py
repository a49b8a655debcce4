"""What every line says, and where it goes."""

import io
import json
import re
import sys
import threading
from types import SimpleNamespace

import pytest

from testpilot_obs import logs
from testpilot_obs._core import clock, current
from testpilot_obs.logs import _json_line
from testpilot_obs.protocols import TransactionRecord


class FakeSpan:
    """A current span, as far as logs look at it."""

    span_id = 0xABC

    class local:  # noqa: N801
        """Its trace."""

        trace_id = 0xDEF
        flags = 1

    def is_recording(self):
        """Say yes."""
        return True


def test_一行は画面とキューに一度ずつ届く(wire):
    """A line is printed once as JSON and queued once."""
    wired = wire()

    logs.get_logger("cart").info("order placed", order=17)

    assert [line["event"] for line in wired.lines] == ["order placed"]
    assert [record.body for record in wired.records] == ["order placed"]


def test_一行は決まった項目を持つ(wire):
    """A JSON line has time, level, event, logger, fields and service, in a readable order."""
    wired = wire()
    clock.use(time_ns=lambda: 1_700_000_000_123_456_789)

    logs.get_logger("cart").warning("low stock", left=2)

    assert list(wired.lines[0].items()) == [
        ("timestamp", "2023-11-14T22:13:20.123456Z"),
        ("level", "warning"),
        ("event", "low stock"),
        ("logger", "cart"),
        ("left", 2),
        ("service", "shop"),
    ]


def test_記録はOpenTelemetryの形になる(wire):
    """A record has nanoseconds, severity, body, attributes and logger."""
    wired = wire()
    clock.use(time_ns=lambda: 1_700_000_000_123_456_789)

    logs.get_logger("cart", shop=3).critical("on fire", where=("kitchen", 2))

    (record,) = wired.records
    assert (record.time_ns, record.severity_number, record.severity_text, record.logger) == (
        1_700_000_000_123_456_789,
        21,
        "CRITICAL",
        "cart",
    )
    assert record.attributes == {"shop": 3, "where": ("kitchen", 2)}


def test_現在のスパンの番号が付く(wire, monkeypatch):
    """Trace id, span id and flags of the current span are in the line and in the record."""
    wired = wire()
    monkeypatch.setattr(current.context, "get", FakeSpan)

    logs.get_logger("cart").info("here")

    assert wired.lines[0]["trace_id"] == f"{0xDEF:032x}"
    assert wired.lines[0]["span_id"] == f"{0xABC:016x}"
    (record,) = wired.records
    assert (record.trace_id, record.span_id, record.flags) == (0xDEF, 0xABC, 1)


def test_トランザクションの名前と束縛した項目が付く(wire):
    """The transaction's name and the fields bound to the context are on each line."""
    wired = wire()
    transaction = type("T", (), {"name": "POST /generate"})
    token = current.put_transaction(transaction)

    with current.bound({"user": "u1", "event": "of a user"}):
        logs.get_logger("cart").info("here", user="u2")
    current.reset_transaction(token)

    assert wired.lines[0]["transaction"] == "POST /generate"
    assert (wired.lines[0]["user"], wired.lines[0]["event_"]) == ("u2", "of a user")
    assert wired.records[0].attributes["testpilot_obs.transaction"] == "POST /generate"


def test_例外は文章と属性になる(wire):
    """An exception is text on the console and three attributes in OTLP."""
    wired = wire()
    try:
        {}["no such order"]
    except LookupError:
        logs.get_logger("cart").exception("failed")

    assert wired.lines[0]["exception"].endswith("KeyError: 'no such order'")
    attributes = wired.records[0].attributes
    assert attributes["exception.type"] == "KeyError"
    assert attributes["exception.message"] == "'no such order'"
    assert attributes["exception.stacktrace"].startswith("Traceback")


def test_属性の数と長さは設定で抑えられる(wire):
    """The limits of log records hold; what the console shows is not cut."""
    wired = wire(logrecord_attribute_count_limit=2, logrecord_attribute_value_length_limit=3)

    logs.get_logger("cart").info("x", a="abcdef", b=("ghijk", {"l": "mnopq"}), c=3)

    assert wired.records[0].attributes == {"a": "abc", "b": ("ghi", {"l": "mno"})}
    assert wired.lines[0]["c"] == 3


def test_一般の属性の長さの設定も使われる(wire):
    """Without a limit of its own a log record has that of all attributes."""
    wired = wire(attribute_value_length_limit=2)

    logs.get_logger("cart").info("x", a="abcdef")

    assert wired.records[0].attributes == {"a": "ab"}


def test_キューが長くなると配送が起こされる(wire):
    """Beyond the queue's mark delivery is told, and large values are weighed."""
    wired = wire()
    wired.queue.high = 1

    for _ in range(3):
        logs.get_logger("cart").info("x", big=("y" * 2_000, {"k": b"z" * 3_000}))

    assert wired.queue.pressed == 2
    assert wired.queue.heavy_bytes == 15_000


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "y" * 2_000},
        {"stack_info": "y" * 2_000},
        {"exc_info": ValueError("y" * 2_000)},
        {"items": ["y" * 2_000]},
    ],
    ids=" ".join,
)
def test_重い値はどこにあっても量られる(wire, fields):
    """A large text weighs wherever it is, in a line that comes again too."""
    wired = wire()
    log = logs.get_logger("cart")

    for _ in range(2):
        log.info("x", light=1, **fields)

    assert wired.queue.heavy_bytes >= 4_000


def test_キューがなければ画面だけになる(wire):
    """Without a queue lines are printed, and nothing else happens."""
    wired = wire()
    logs.connect(wired.config, stream=wired.stream)

    logs.get_logger("cart").info("x")

    assert (len(wired.lines), wired.records) == (1, [])


def test_画面に出さない設定ではキューだけになる(wire):
    """The format ``none`` prints nothing; the queue gets its record."""
    wired = wire(log_format="none")

    logs.get_logger("cart").info("x")

    assert (wired.printed, len(wired.records)) == ([], 1)


def test_console出力先では標準出力に出る(wire, capsys):
    """``OTEL_LOGS_EXPORTER=console`` prints on stdout, once."""
    wired = wire(logs_exporter="console")
    logs.connect(wired.config)

    logs.get_logger("cart").info("x")

    printed = capsys.readouterr()
    assert (len(printed.out.splitlines()), printed.err) == (1, "")


def test_遅いトランザクションと失敗したトランザクションは一行になる(wire):
    """A transaction's line has its own trace, not the current one, and a level by its status."""
    wired = wire()
    slow = TransactionRecord("GET /", "success", 2.5, 0.1, 4096, 1, f"{0xAA:032x}", f"{0xBB:016x}")

    logs.transaction_line(slow)
    logs.transaction_line(TransactionRecord("GET /", "error", 0.1, 0.1, 0, 1, "0" * 32, "0" * 16))

    first, second = wired.lines
    assert (first["level"], first["event"]) == ("warning", "transaction slow")
    assert (first["transaction"], first["duration_s"]) == ("GET /", 2.5)
    assert (second["level"], second["event"]) == ("error", "transaction failed")
    assert (wired.records[0].trace_id, wired.records[0].span_id) == (0xAA, 0xBB)
    assert "trace_id" not in second


def test_水準より低いトランザクションの行は出ない(wire):
    """A slow transaction is not told where only errors are kept."""
    wired = wire(log_level="ERROR")

    logs.transaction_line(TransactionRecord("x", "success", 2.5, 0, 0, 1, "0" * 32, "0" * 16))

    assert wired.printed == []


def test_初期化の前は標準エラーに読める行が出る(capsys):
    """Before `connect` a line goes to stderr, plain, from info on."""
    log = logs.get_logger("early")

    log.debug("hidden")
    log.info("starting", port=80)

    line = capsys.readouterr().err
    assert re.fullmatch(r"\S+Z info     early starting {23}port=80\n", line)


def test_先に作ったロガーも後の初期化に従う(wire):
    """A logger made, and bound, before `connect` follows it and the way back."""
    log = logs.get_logger("early").bind(step=1)
    wired = wire(log_level="DEBUG")

    log.debug("now")
    logs.disconnect()
    log.debug("no more")

    assert [line["step"] for line in wired.lines] == [1]


def test_二度目の接続は一度目と入れ替わる(wire):
    """After a second `connect` a line goes only where that one says."""
    first, second = wire(), wire()

    logs.get_logger("x").info("once")

    assert (len(first.lines), len(second.lines)) == (0, 1)


def test_すべての水準の名前が使える(wire):
    """Each method of a structlog logger writes a line of its level; so does `log`."""
    wired = wire(log_level="DEBUG")
    log = logs.get_logger("x")

    for name in ("debug", "info", "msg", "warning", "warn", "error", "err", "critical", "fatal"):
        getattr(log, name)("x")
    log.log("warning", "x")
    log.log(35, "x")
    log.log(object(), "x")

    assert [line["level"] for line in wired.lines] == [
        "debug",
        "info",
        "info",
        "warning",
        "warning",
        "error",
        "error",
        "critical",
        "critical",
        "warning",
        "warning",
        "info",
    ]


def test_JSONはorjsonがなくても同じになる(wire, monkeypatch):
    """The standard library writes the same line as orjson."""
    fields = {"a": 1.5, "b": (None, True, {"k": float("nan")}), "c": "é\n", "d": b"\xff"}
    with_orjson, without = wire(), None
    logs.get_logger("x").info("event", **fields)
    monkeypatch.setattr(_json_line, "_encoders", [_json_line.without_orjson])
    without = wire()
    logs.get_logger("x").info("event", **fields)

    first, second = json.loads(with_orjson.printed[0]), json.loads(without.printed[0])
    assert {**first, "timestamp": ""} == {**second, "timestamp": ""}
    assert isinstance(without.stream, io.StringIO)


def test_端末では番号も見える(wire, terminal, monkeypatch):
    """At a terminal the ids of the current span end the line."""
    monkeypatch.setenv("NO_COLOR", "1")
    wire(stream=terminal)
    monkeypatch.setattr(current.context, "get", FakeSpan)

    logs.get_logger("cart").info("here")

    assert terminal.getvalue().endswith(f"trace_id={0xDEF:032x} span_id={0xABC:016x}\n")


def test_orjsonがない環境では標準の道具を使う(wire, monkeypatch):
    """Without the extra ``fast`` lines are JSON all the same."""
    monkeypatch.setitem(sys.modules, "orjson", None)
    monkeypatch.setattr(_json_line, "_encoders", [])
    wired = wire()

    logs.get_logger("x").info("event", data=b"\xff", number=float("inf"))

    assert (wired.lines[0]["data"], wired.lines[0]["number"]) == ("\\xff", None)


def test_重みを量らないキューにも届く(wire):
    """A queue without ``weigh`` is a queue."""
    wired = wire()
    plain = SimpleNamespace(items=[], high=9)
    plain.append = plain.items.append
    logs.connect(wired.config, plain, stream=wired.stream)

    logs.get_logger("x").info("event", big="y" * 5_000)

    assert len(plain.items) == 1


def test_糸が多くても行は混ざらない(wire, tmp_path):
    """Lines of many threads on one stream stay whole."""
    path = tmp_path / "out"
    with path.open("w", encoding="utf-8") as stream:
        wire(stream=stream)
        log = logs.get_logger("x")
        write = [lambda: [log.info("event", pad="y" * 300) for _ in range(200)]] * 6
        threads = [threading.Thread(target=target) for target in write]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    lines = path.read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["event"] for line in lines} == {"event"}
    assert len(lines) == 1_200
