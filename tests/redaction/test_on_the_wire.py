"""Spans that only go to the network: redacted while they are encoded, whatever is cached."""

import pytest
from opentelemetry.trace import Link, SpanContext, StatusCode, TraceFlags

import testpilot_obs as obs
from testpilot_obs._core.redaction import Redactor
from testpilot_obs.exporters import MemoryExporter, span_encoder
from testpilot_obs.testing.receiver import OtlpReceiver

CANARY = "c4n4ry-hunter2"
LARGE = 4_000_111_222
TWICE = 2


@pytest.fixture
def sent():
    """Return a function that records with *plant* and returns the spans a receiver got."""

    def send(plant, **settings):
        with OtlpReceiver() as receiver:
            handle = obs.init(
                service_name="shop",
                otlp_endpoint=receiver.http_endpoint,
                log_format="none",
                **settings,
            )
            plant()
            assert handle.flush(10)
            handle.shutdown(5)
            return list(receiver.spans)

    return send


def plant():
    """Put the canary into every part of a span, twice: the second time all is in a cache."""
    context = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1))
    for _ in range(TWICE):
        link = Link(context, {"auth_token": CANARY})
        with obs.start_transaction(f"GET /?token={CANARY}", links=[link]) as tx:
            tx.set_attribute("password", CANARY)
            tx.set_attribute("url.full", f"https://me:{CANARY}@host/x?api_key={CANARY}")
            tx.set_attribute("http.request.header.authorization", (f"Bearer {CANARY}",))
            tx.set_attribute("db.query.text", f"SELECT * FROM t WHERE name = '{CANARY}'")
            tx.set_attribute("settings", {"db": {"password": CANARY}})
            tx.set_attribute("raw", f"secret={CANARY}".encode())
            tx.set_attribute("long", "x" * 500 + f" password={CANARY}")
            tx.add_event(f"login password={CANARY}", {"passwd": CANARY})
            tx.set_status(StatusCode.ERROR, f"password={CANARY}")
        with pytest.raises(ValueError, match="password"), obs.span("failing"):
            raise ValueError(f"password={CANARY}")


def test_符号化の途中で秘密は消える(sent):
    """Name, attributes, events, links and status arrive redacted, again and again."""
    spans = sent(plant)

    arrived = str([one.record for one in spans])
    assert CANARY not in arrived
    assert len(spans) == 2 * TWICE
    assert all("[redacted" in one.name for one in spans[::2])
    first, second = spans[0], spans[2]
    assert first.attributes["password"] == second.attributes["password"] == "[redacted: password]"
    assert first.attributes["settings"] == {"db": {"password": "[redacted: password]"}}


def test_切れば符号化は何も変えない(sent):
    """With ``redaction=False`` the canary arrives: the test above looks in the right place."""
    arrived = str([one.record for one in sent(plant, redaction=False)])

    assert arrived.count(CANARY) > 10 * TWICE


def test_秘密の鍵の数も伏せられる(sent):
    """Ints that are kept, and those that are put together, and neighbours that are no secrets."""

    def numbers():
        for pin in (7, 7, LARGE, LARGE):
            with obs.span("x", password=pin, order=LARGE, passed=True, share=0.5):
                pass

    spans = sent(numbers)

    expected = {"password": "[redacted: password]", "order": LARGE, "passed": True, "share": 0.5}
    assert [one.attributes for one in spans] == [expected] * 4


def test_名前が文字でないスパンも伏せられる(sent):
    """A name is looked at as the text that it becomes."""

    class Name:
        def __str__(self):
            return f"token={CANARY}"

    def named():
        with obs.span(Name(), {"password": CANARY}):
            pass

    (span,) = sent(named)

    assert CANARY not in str(span.record)
    assert span.attributes["password"] == "[redacted: password]"


def test_利用者の関数は毎回問われる(sent):
    """``init(redact=…)`` is asked about each match, with its path, and each answer counts."""
    asked = []

    def decide(match):
        if match.value != CANARY or match.rule != "password":
            return None
        asked.append(match.path)
        return len(asked)

    def repeat():
        for _ in range(3):
            with obs.span("x", password=CANARY):
                pass

    # Metrics are left out: labels that earlier tests made are matches too.
    spans = sent(repeat, redact=decide, metrics_exporter="none")

    assert asked == [("password",)] * 3
    assert [one.attributes["password"] for one in spans] == [1, 2, 3]


def test_設定が変われば前の結果は使われない(sent):
    """What was let through by the settings of an earlier ``init`` is not found in a cache."""

    def once():
        with obs.span("x", password=CANARY):
            pass

    (allowed,) = sent(once, redact_allow=["password"])
    (redacted,) = sent(once)
    (again,) = sent(once, redaction=False)

    assert allowed.attributes["password"] == again.attributes["password"] == CANARY
    assert redacted.attributes["password"] == "[redacted: password]"


def test_送った後も手元のスパンは変わらない(sent):
    """The span that the application holds keeps what it was given."""
    held = []

    def hold():
        with obs.span("held", password=CANARY) as span:
            held.append(span)

    sent(hold)

    assert held[0].attributes["password"] == CANARY


def test_符号器は繰り返す属性を調べ直さない():
    """A pair that comes again is not given to the redactor a second time."""
    redactor, seen = Redactor(), []
    look = redactor.value
    redactor.value = lambda key, value: (seen.append(key), look(key, value))[1]
    encode = span_encoder(redactor)
    memory = MemoryExporter()

    with obs.init(service_name="shop", exporters=[memory], log_format="none", redaction=False):
        for _ in range(5):
            with obs.span("x", password=CANARY, route="/orders", cached=True):
                pass
    encoded = [encode(span) for span in memory.spans]

    assert sorted(seen) == ["cached", "password", "route"]
    assert len(encoded) == 5
    assert not [one for one in encoded if CANARY.encode() in one]
