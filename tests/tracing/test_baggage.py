"""Baggage within limits, and without secrets."""

import subprocess
import sys

import pytest
from opentelemetry import baggage, propagate
from opentelemetry import context as otel_context

from testpilot_obs import tracing


def read(header):
    """Return the baggage that comes in with *header*."""
    return baggage.get_all(tracing.extract({"baggage": header}))


def write(entries):
    """Return the header that *entries* go out with."""
    context = otel_context.get_current()
    for key, value in entries.items():
        context = baggage.set_baggage(key, value, context)
    token = otel_context.attach(context)
    headers = tracing.inject()
    otel_context.detach(token)
    return headers.get("baggage", "")


def test_普通の荷物はそのまま往復する(spans):
    """What is within the limits comes in and goes out as it is."""
    entries = {"user": "7", "名": "東京 都,=;%"}

    assert dict(read(write(entries))) == entries


def test_入る荷物は六十四個まで(spans, caplog):
    """Of too many entries the first 64 are kept, and it is said once."""
    header = ",".join(f"k{n}=v" for n in range(180))

    assert list(read(header)) == [f"k{n}" for n in range(64)]
    read(header)
    messages = [r.getMessage() for r in caplog.records if r.name == "testpilot_obs"]
    assert messages == [
        "116 or more entries of baggage were left out: at most 64 with 8192 bytes pass"
    ]


def test_大きすぎる一つは隣を巻き込まない(spans):
    """An entry of more than 4,096 bytes is left out alone."""
    assert list(read(f"a=1,big={'x' * 4_093},b=2")) == ["a", "b"]
    assert list(read(f"a=1,big={'x' * 4_092},b=2")) == ["a", "big", "b"]


def test_合わせて八千百九十二バイトまで(spans):
    """All together have no more than 8,192 bytes, in and out."""
    entries = {f"k{n}": "x" * 1_000 for n in range(20)}

    assert len(read(",".join(f"{key}={value}" for key, value in entries.items()))) == 8
    assert len(write(entries)) <= 8_192
    assert len(write(entries).split(",")) == 8


def test_途方もない荷物も怖くない(spans):
    """A header of megabytes costs no more than a header at the limit."""
    assert len(read(",".join(f"k{n}=v" for n in range(500_000)))) == 64
    assert dict(read("a=1," + "x" * 5_000_000)) == {"a": "1"}


@pytest.mark.parametrize("header", ["", ",,,", "a", "=", "a=1;p=2,=3", "\ud800=1"])
def test_読めない荷物は誰も傷つけない(spans, header):
    """Garbage raises nothing."""
    assert set(read(header)) <= {"a"}


def test_出る荷物は六十四個まで(spans):
    """What goes out has the same limits."""
    assert len(write({f"k{n}": n for n in range(100)}).split(",")) == 64


def test_秘密は持ち出さない(spans, caplog):
    """An entry with the name or the looks of a secret stays here, and it is said once."""
    out = write({"api_key": "canary", "note": "Bearer abcdef0123456789abcdef", "user": "7"})

    assert out == "user=7"
    assert any("'api_key' of the baggage is secret" in r.getMessage() for r in caplog.records)
    assert "canary" not in caplog.text


def test_他人の道具にも限りがある(spans):
    """Instrumentations, which ask OpenTelemetry's global propagator, get the limits too."""
    header = ",".join(f"k{n}=v" for n in range(100))

    assert len(baggage.get_all(propagate.extract({"baggage": header}))) == 64


def test_利用者の伝え方は変えない(connect):
    """A global propagator that the application has set is left alone."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    own = TraceContextTextMapPropagator()
    propagate.set_global_textmap(own)
    connect()

    assert propagate.get_global_textmap() is own


PROGRAM = """
import sys
import testpilot_obs as obs
obs.init("x", log_format="none")
assert "opentelemetry.propagate" not in sys.modules
from opentelemetry import baggage, propagate
header = ",".join(f"k{n}=v" for n in range(100))
print(len(baggage.get_all(propagate.extract({"baggage": header}))))
"""


def test_後から読み込まれても限りがある():
    """Init does not import the propagators; whoever does it later gets the limits."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, timeout=60)

    assert done.stdout.strip() == b"64"
