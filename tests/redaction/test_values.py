"""Secrets in nested values, SQL, and whole records."""

from types import SimpleNamespace

import pytest
from opentelemetry.trace import Status, StatusCode

from testpilot_obs._core import redaction
from testpilot_obs._core.redaction import Redactor, redact_family, redact_log, redact_span
from testpilot_obs.protocols import LogRecord, MetricFamily, MetricKind, Point

SQL = [
    ("SELECT * FROM t1 WHERE a = 'canary' AND b > 42.5", "SELECT * FROM t1 WHERE a = ? AND b > ?"),
    ("INSERT INTO t VALUES ('can''ary', -1, 0xFF, 1e9)", "INSERT INTO t VALUES (?, ?, ?, ?)"),
    ('SELECT $1, :2, ?, "col 7", t2.c3', 'SELECT $1, :2, ?, "col 7", t2.c3'),
    ("SELECT $$canary$$, $x$canary$x$", "SELECT ?, ?"),
    (r"SELECT 'C:\' AND b='canary'", "SELECT ?"),
    ("SELECT 'canary", "SELECT ?"),
    ('SELECT * FROM t WHERE a = "canary"', "SELECT * FROM t WHERE a = ?"),
    ('INSERT INTO "t" VALUES ("canary", 5)', 'INSERT INTO "t" VALUES (?, ?)'),
    ("SELECT 1", "SELECT ?"),
]


class Counted(dict):
    """Attributes of which some were dropped."""

    dropped = 0


@pytest.mark.parametrize(("statement", "expected"), SQL)
def test_SQLの値は疑問符になる(statement, expected):
    """Literals of a statement go, names and placeholders stay."""
    assert Redactor().value("db.query.text", statement) == expected


def test_入れ子の中の秘密も伏せられる():
    """Mappings, lists, pairs like headers and bytes are looked into."""
    value = {
        "user": {"name": "jo", "password": "canary"},
        "headers": (("Authorization", "canary"), ("accept", "*/*")),
        "raw": b"token=canary",
        "list": ("password=canary", 7),
        "plain": b"\xff",
    }

    assert Redactor().value("body", value) == {
        "user": {"name": "jo", "password": "[redacted: password]"},
        "headers": (("Authorization", "[redacted: authorization]"), ("accept", "*/*")),
        "raw": "token=[redacted: token]",
        "list": ("password=[redacted: password]", 7),
        "plain": b"\xff",
    }


def test_無害な入れ子は同じ物である():
    """What is clean is not copied."""
    value = {"a": (1, "x", {"b": None})}

    assert Redactor().value("body", value) is value


def test_深すぎる値は伏せられる():
    """Beyond the depth that is kept of a value nothing is looked at, so nothing goes out."""
    value = "password=canary"
    for _ in range(20):
        value = (value,)

    assert "canary" not in str(Redactor().value("x", value))


def test_スパンは写しが伏せられる():
    """Name, attributes, events, links and status are redacted in a copy; the span stays."""
    extra = SimpleNamespace(
        events=[("token=canary", 5, Counted({"password": "canary"})), ("plain", 6, None)],
        links=[("context", Counted({"cookie": "canary"})), ("other", None)],
        status=Status(StatusCode.ERROR, "ValueError: secret=canary"),
    )
    extra.events[0][2].dropped = 3
    span = SimpleNamespace(name="GET /?token=canary", attrs={"api_key": "canary"}, extra=extra)

    redacted = redact_span(Redactor(), span)

    parts = (redacted.name, redacted.attrs, redacted.extra.events, redacted.extra.links)
    assert "canary" not in str((*parts, redacted.extra.status.description))
    assert redacted.extra.events[0][2].dropped == 3
    assert (span.name, span.attrs) == ("GET /?token=canary", {"api_key": "canary"})


def test_無害な記録は同じ物である():
    """A record without a secret is not copied."""
    extra = SimpleNamespace(events=[("e", 1, {"a": "b"})], links=None, status=None)
    span = SimpleNamespace(name="x", attrs={"a": 1}, extra=extra)
    log = LogRecord(0, 9, "INFO", "x", {"a": 1}, "l")
    family = MetricFamily("m", MetricKind.GAUGE, "", "", [Point({"a": "b"})], 0)
    redactor = Redactor()

    assert redact_span(redactor, span) is span
    assert redact_span(redactor, SimpleNamespace(name=7, attrs=None, extra=None)).name == 7
    assert redact_log(redactor, log) is log
    assert redact_family(redactor, family) is family


def test_読めないスパンは中身を失う():
    """Of a span that cannot be read only ids and times are left."""
    span = SimpleNamespace(name="x", attrs=7, extra=None, span_id=5)

    redacted = redact_span(Redactor(), span)

    assert (redacted.name, redacted.attrs, redacted.span_id) == ("[redacted: unreadable]", None, 5)


def test_行と数の札も伏せられる():
    """Log records and labels of metrics are redacted in copies."""
    log = LogRecord(0, 9, "INFO", "token=canary", {"password": "canary"}, "l")
    family = MetricFamily("m", MetricKind.GAUGE, "", "", [Point({"token": "canary"}, 5.0)], 0)

    assert "canary" not in str(redact_log(Redactor(), log))
    assert redact_family(Redactor(), family).points == [Point({"token": "[redacted: token]"}, 5.0)]


def test_切ることができる():
    """With ``redaction=False`` there is no redactor."""
    config = SimpleNamespace(redaction=False)
    before = redaction.active()
    try:
        assert redaction.setup(config) is None
        assert redaction.active() is None
    finally:
        redaction.use(before)
