"""The tree that a person at a terminal sees."""

import io

import pytest
from opentelemetry.trace import Status, StatusCode

from testpilot_obs._core import clock, terminal
from testpilot_obs.exporters import ConsoleExporter, _console_text, _console_tree
from testpilot_obs.protocols import SENT, LogRecord, MetricFamily, MetricKind, Point, Verdict
from tests.exporters.builders import MS, START_NS, Batch, Extra, LocalTrace, Span

ERROR = Status(StatusCode.ERROR, "ValueError: bad")
EXCEPTION = (
    "exception",
    START_NS + MS,
    {"exception.type": "ValueError", "exception.message": "b\n"},
)


def span(name, span_id, parent_id=None, *, start_ms=0, ms=1, trace_id=0xABC, **fields):
    """Return a span of some milliseconds."""
    start_ns = START_NS + start_ms * MS
    return Span(
        name=name,
        local=LocalTrace(trace_id=trace_id),
        span_id=span_id,
        parent_id=parent_id,
        start_ns=start_ns,
        end_ns=start_ns + ms * MS,
        **fields,
    )


REQUEST = [
    span("load", 2, 1, attrs={"db.system": "sqlite"}),
    span("inner", 4, 3, start_ms=3),
    span("call", 3, 1, start_ms=2, ms=120, extra=Extra([EXCEPTION], None, ERROR)),
    span("POST /generate", 1, ms=132, attrs={"http.route": "/generate", "n": 3}),
]


def printed(*batches, style="tree"):
    """Return what is printed of batches, and at the end."""
    stream = io.StringIO()
    exporter = ConsoleExporter(stream, style)
    for batch in batches:
        assert exporter.export(Batch(*batch), timeout_s=1) == SENT
    at_once = stream.getvalue()
    exporter.close()
    return at_once, stream.getvalue().removeprefix(at_once)


def drawn(*spans, width=100):
    """Return the lines of a tree without its heading."""
    return _console_tree.tree(list(spans), width=width, colour=False).splitlines()[1:]


def test_木には名前と時間と属性と例外がある():
    """A trace is a tree by start time, with durations, attributes, status and exceptions."""
    assert drawn(*REQUEST) == [
        "POST /generate    132 ms  http.route=/generate n=3",
        "├─ load          1.00 ms  db.system=sqlite",
        "└─ call           120 ms  ERROR ValueError: bad",
        r"   ! ValueError: b\n",
        "   └─ inner      1.00 ms",
    ]


def test_根が届いたら印刷される():
    """Spans wait for the root of their trace, over several batches."""
    before, rest = printed(REQUEST[:2])
    after, _ = printed(REQUEST[:2], REQUEST[2:])

    assert before == ""
    assert rest.splitlines()[0].endswith("(part of it)")
    assert "POST /generate" in after
    assert after.count("trace") == 1


def test_よそから続くトレースの入口も根になる():
    """A span whose parent is in another process is where its trace begins here."""
    entry = Span(parent_id=7, local=LocalTrace(remote_parent_id=7))

    assert "work" in printed([entry])[0]


def test_根の来ないトレースは待ち切れずに印刷される():
    """Spans without a root are printed after a while, when something else comes."""
    stream = io.StringIO()
    exporter = ConsoleExporter(stream, "tree")
    exporter.export(Batch(span("orphan", 2, 1, trace_id=1)), timeout_s=1)
    later = clock.monotonic() + _console_tree.HOLD_S + 1
    clock.use(monotonic=lambda: later)
    exporter.export(Batch(span("other", 2, 1, trace_id=2)), timeout_s=1)

    assert "orphan" in stream.getvalue()
    assert "other" not in stream.getvalue()


def test_待つスパンの数には限りがある(monkeypatch):
    """When too many spans wait, the oldest trace is printed without its root."""
    monkeypatch.setattr(_console_tree, "MAX_WAITING", 3)
    at_once, _ = printed([span(f"s{n}", 2, 1, trace_id=n) for n in range(1, 6)])

    assert [name in at_once for name in ("s1", "s2", "s3")] == [True, True, False]


def test_遅れて来たスパンも失われない():
    """A span that comes after its tree was printed is printed at the end."""
    _, rest = printed([span("root", 1)], [span("late", 2, 1)])

    assert "late" in rest


def test_制御文字は見える形になる():
    """Nothing in a name, key, value or message reaches the terminal as a command."""
    evil = "a\x1b[31m\n\r\t\x9b\u202eb\x00"
    events = [(evil, START_NS, {evil: evil}), ("exception", START_NS, {"exception.type": evil})]
    status = Status(StatusCode.ERROR, evil)
    bad = span(evil, 1, attrs={evil: evil}, extra=Extra(events, None, status))
    text = _console_tree.tree([bad], width=400, colour=False)

    assert all(line.isprintable() for line in text.splitlines())
    assert text.count("\\x1b[31m") >= 5


@pytest.mark.parametrize("width", [20, 24, 40, 60, 100, 200])
def test_狭い端末でもはみ出さない(width):
    """No line is wider than the terminal, wide characters counted as two."""
    wide = [span("日本語の長い名前の処理です", 5, 3, attrs={"キー": "値" * 50}), *REQUEST]

    for line in drawn(*wide, width=width):
        assert _console_text.cells(line) <= width, line


@pytest.mark.parametrize("width", [20, 24, 40, 100])
def test_深いトレースも長いトレースも印刷できる(width):
    """A chain of thousands keeps its indent within bounds, and a forest is cut."""
    chain = [span(f"long name {n}", n, n - 1 or None) for n in range(1, 5001)]
    lines = drawn(*chain, width=width)

    assert len(lines) == _console_tree.MAX_LINES + 1
    assert lines[-1] == f"… {5000 - _console_tree.MAX_LINES} more spans"
    assert all(_console_text.cells(line) <= width for line in lines)


def test_輪になったスパンも印刷される():
    """Spans that are each other's parents are printed, once each."""
    lines = drawn(span("a", 1, 2), span("b", 2, 1), span("self", 3, 3))

    assert sorted(line.split()[0] for line in lines) == ["a", "b", "self"]


def test_おかしなスパンも印刷される():
    """A name that is not text and times that are none do not stop the print."""
    odd = Span(
        name=None, attrs={1: object()}, start_ns="x", end_ns=2**80, extra=Extra([("e", -1, None)])
    )

    assert "None" in printed([odd])[0]


@pytest.mark.parametrize(
    ("duration_ns", "words"),
    [
        (0, "0 µs"),
        (999_000, "999 µs"),
        (999_600, "1.00 ms"),
        (1_234_000, "1.23 ms"),
        (999_900_000, "1.00 s"),
        (1_500_000_000, "1.50 s"),
        (59_000_000_000, "59.0 s"),
        (125_000_000_000, "2 m 05 s"),
    ],
)
def test_時間は読みやすい単位になる(duration_ns, words):
    """Durations are written in the unit that people would use."""
    assert _console_tree.duration(duration_ns) == words


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Say yes."""
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "expected"),
    [
        (Terminal(), {}, True),
        (io.StringIO(), {}, False),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (Terminal(), {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (object(), {}, False),
    ],
)
def test_色は望まれる所でだけ使われる(monkeypatch, stream, environ, expected):
    """Colour is for terminals, unless NO_COLOR or FORCE_COLOR says otherwise."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert terminal.wants_colour(stream) is expected


def test_色を除けば同じ木になる():
    """Colour changes no letter and no column."""
    plain = _console_tree.tree(REQUEST, width=80, colour=False)
    coloured = _console_tree.tree(REQUEST, width=80, colour=True)
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m"):
        coloured = coloured.replace(code, "")

    assert coloured == plain


def test_端末では木になり他では一行ずつのJSONになる():
    """Without a wish the style is what the stream is for."""
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        ConsoleExporter(stream).export(Batch(span("root", 1)), timeout_s=1)

    assert "trace 0000" in terminal.getvalue()
    assert file.getvalue().startswith('{"span":"root"')


def test_線の書けない端末では代わりの字が使われる():
    """A stream that knows only ASCII gets ASCII."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    ConsoleExporter(stream, "tree").export(Batch(*REQUEST, span("日本", 9, 1)), timeout_s=1)
    text = raw.getvalue().decode("ascii")

    assert "|- load" in text
    assert r"\u65e5\u672c" in text


@pytest.mark.parametrize("broken", ["closed", "raising"])
def test_壊れた流れでも例外にはならない(broken):
    """A stream that is closed or full costs what was to be printed, and says so."""
    stream = io.StringIO()
    if broken == "closed":
        stream.close()
    else:
        stream.write = lambda _text: (_ for _ in ()).throw(OSError(28, "No space left"))
    exporter = ConsoleExporter(stream, "json")
    outcome = exporter.export(Batch(span("root", 1)), timeout_s=1)
    exporter.close()

    assert outcome.verdict is Verdict.REFUSED


def test_標準出力のない過程では何もしない(monkeypatch):
    """Where there is no stderr at all, nothing happens."""
    monkeypatch.setattr("sys.stderr", None)
    exporter = ConsoleExporter()

    assert exporter.export(Batch(span("root", 1)), timeout_s=1) == SENT
    exporter.close()


def test_分かれた子は待っていたスパンを印刷しない():
    """A forked child leaves what waited to its parent."""
    stream = io.StringIO()
    exporter = ConsoleExporter(stream, "tree")
    exporter.export(Batch(span("waiting", 2, 1)), timeout_s=1)
    exporter.after_fork()
    exporter.close()

    assert stream.getvalue() == ""


def test_ログと指標は一行ずつになる():
    """Log records and series are lines that can be read."""
    stream = io.StringIO()
    exporter = ConsoleExporter(stream, "tree")
    log = LogRecord(START_NS, 9, "INFO", "hello\n", {"user": 7}, "app")
    exporter.export(Batch(log, signal="logs"), timeout_s=1)
    counter = MetricFamily("c", MetricKind.COUNTER, "", "s", [Point({"a": "b"}, 3)], START_NS)
    histogram = MetricFamily("h", MetricKind.HISTOGRAM, "", "", [Point({}, 1.5, 2)], START_NS)
    exporter.export(Batch(counter, histogram, signal="metrics"), timeout_s=1)
    lines = stream.getvalue().splitlines()

    assert lines[0][12:] == " INFO     hello\\n  user=7"
    assert lines[1:] == ["c{a=b} 3 s", "h{} count=2 sum=1.5"]
